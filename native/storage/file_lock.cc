#include "file_lock.h"

#include <system_error>

#if defined(_WIN32)
#include <windows.h>

#include "wide_path.h"
#else
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace embedlane {

#if defined(_WIN32)

// The byte that Python's filelock locks too, so that its downloads and ours exclude each other.
constexpr DWORD kLockedBytes = 1;

FileLock::FileLock(const std::string& path) {
  // Others may open it, virus scanners above all, but not delete it: whoever made it anew would hold a second
  // lock.
  const HANDLE file =
      CreateFileW(wide_path(path).c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                  nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    throw std::system_error(int(GetLastError()), std::system_category(), "open");
  OVERLAPPED start{};
  if (!LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, kLockedBytes, 0, &start)) {
    const DWORD error = GetLastError();
    CloseHandle(file);
    if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING) return;
    throw std::system_error(int(error), std::system_category(), "lock");
  }
  file_ = reinterpret_cast<intptr_t>(file);
}

FileLock::~FileLock() {
  if (!held()) return;
  const HANDLE file = reinterpret_cast<HANDLE>(file_);
  // Closing gives it up too, but "as resources allow".
  OVERLAPPED start{};
  UnlockFileEx(file, 0, kLockedBytes, 0, &start);
  CloseHandle(file);
}

#else

FileLock::FileLock(const std::string& path) {
  int file;
  do {
    file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  } while (file < 0 && errno == EINTR);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "open");
  // Not fcntl's locks: those belong to the process, so that two threads would both hold one.
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    close(file);
    if (error == EWOULDBLOCK) return;
    throw std::system_error(error, std::generic_category(), "lock");
  }
  file_ = file;
}

FileLock::~FileLock() {
  if (held()) close(int(file_));
}

#endif

}  // namespace embedlane
