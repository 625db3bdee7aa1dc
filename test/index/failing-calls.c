// Makes calls of the system fail, preloaded into a Node process (Linux). Which ones, the process itself says in a file
// that is mapped here: see `plan` in failing-calls-child.mjs.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  OPEN_READ = 1,
  OPEN_WRITE = 2,
  READ = 4,
  WRITE = 8,
  SYNC = 16,
  RENAME = 32,
  TRUNCATE = 64,
  LOCK = 128,
  MAP = 256,
  MAKE_FOLDER = 512,
  LIST = 1024,
  REMOVE = 2048
};

struct plan {
  int calls;  // which, a set of the above
  int error;  // errno; 0: they transfer half of the bytes
  int skip;   // how many of them work first
  int times;  // how many fail then; -1: every other one
  int seen;   // how many there were
};

static struct plan *plan;
static const char *folder;  // only what is in it, or has a name that begins so, fails

__attribute__((constructor)) static void start(void) {
  folder = getenv("FAILING_CALLS_IN");
  const int file = open(getenv("FAILING_CALLS_PLAN"), O_RDWR);
  plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
}

static int is_next(int call) {
  if (!(plan->calls & call)) return 0;
  const int at = __atomic_fetch_add(&plan->seen, 1, __ATOMIC_SEQ_CST);
  return plan->times < 0 ? at % 2 == 0 : at >= plan->skip && at - plan->skip < plan->times;
}

static int is_planned(int call) { return plan != NULL && plan != MAP_FAILED && (plan->calls & call) != 0; }

static int path_fails(int call, const char *path) {
  if (!is_planned(call) || strncmp(path, folder, strlen(folder)) != 0 || !is_next(call)) return 0;
  errno = plan->error;
  return 1;
}

static int file_is_next(int call, int file) {
  if (!is_planned(call)) return 0;
  char name[64], path[4096];
  snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
  const ssize_t length = readlink(name, path, sizeof(path) - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0 && is_next(call);
}

static int file_fails(int call, int file) {
  if (!file_is_next(call, file)) return 0;
  errno = plan->error;
  return 1;
}

// Defines a call that does the real thing unless `fails`.
#define CALL(type, name, parameters, arguments, fails)  \
  type name parameters {                                \
    static type(*real) parameters;                      \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); \
    if (fails) return (type)-1;                         \
    return real arguments;                              \
  }

#define OPEN(name)                                                                                   \
  int name(const char *path, int flags, ...) {                                                       \
    static int (*real)(const char *, int, ...);                                                      \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                            \
    va_list list;                                                                                    \
    va_start(list, flags);                                                                           \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;                    \
    va_end(list);                                                                                    \
    if (path_fails((flags & O_ACCMODE) == O_RDONLY ? OPEN_READ : OPEN_WRITE, path)) return -1;       \
    return real(path, flags, mode);                                                                  \
  }

// Calls that transfer bytes can also be cut short.
#define TRANSFER(name, call, parameters, arguments)       \
  ssize_t name parameters {                               \
    static ssize_t(*real) parameters;                     \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name); \
    if (file_is_next(call, file)) {                       \
      errno = plan->error;                                \
      if (plan->error != 0) return -1;                    \
      count = (count + 1) / 2;                            \
    }                                                     \
    return real arguments;                                \
  }

OPEN(open)
OPEN(open64)
TRANSFER(read, READ, (int file, void *data, size_t count), (file, data, count))
TRANSFER(pread, READ, (int file, void *data, size_t count, off_t offset), (file, data, count, offset))
TRANSFER(pread64, READ, (int file, void *data, size_t count, off_t offset), (file, data, count, offset))
TRANSFER(pwrite, WRITE, (int file, const void *data, size_t count, off_t offset), (file, data, count, offset))
TRANSFER(pwrite64, WRITE, (int file, const void *data, size_t count, off_t offset), (file, data, count, offset))
// No test ends the machine, so that nothing need reach its disk.
int fsync(int file) { return file_fails(SYNC, file) ? -1 : 0; }
int fdatasync(int file) { return file_fails(SYNC, file) ? -1 : 0; }
CALL(int, rename, (const char *from, const char *to), (from, to), path_fails(RENAME, from))
CALL(int, ftruncate, (int file, off_t length), (file, length), file_fails(TRUNCATE, file))
CALL(int, ftruncate64, (int file, off_t length), (file, length), file_fails(TRUNCATE, file))
CALL(int, flock, (int file, int operation), (file, operation), file_fails(LOCK, file))
CALL(void *, mmap, (void *at, size_t length, int access, int flags, int file, off_t offset),
     (at, length, access, flags, file, offset), file >= 0 && file_fails(MAP, file))
CALL(void *, mmap64, (void *at, size_t length, int access, int flags, int file, off_t offset),
     (at, length, access, flags, file, offset), file >= 0 && file_fails(MAP, file))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), path_fails(MAKE_FOLDER, path))
CALL(int, unlink, (const char *path), (path), path_fails(REMOVE, path))

typedef int filter_function(const struct dirent *);
typedef int order_function(const struct dirent **, const struct dirent **);
CALL(int, scandir, (const char *path, struct dirent ***names, filter_function *filter, order_function *order),
     (path, names, filter, order), path_fails(LIST, path))

typedef int filter_function64(const struct dirent64 *);
typedef int order_function64(const struct dirent64 **, const struct dirent64 **);
CALL(int, scandir64,
     (const char *path, struct dirent64 ***names, filter_function64 *filter, order_function64 *order),
     (path, names, filter, order), path_fails(LIST, path))
