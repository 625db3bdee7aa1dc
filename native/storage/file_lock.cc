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

FileLock::FileLock(const std::string& path) {
  // Nobody else can open it while this handle is open.
  const HANDLE file = CreateFileW(wide_path(path).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                                  OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file != INVALID_HANDLE_VALUE) {
    file_ = reinterpret_cast<intptr_t>(file);
  } else if (GetLastError() != ERROR_SHARING_VIOLATION) {
    throw std::system_error(int(GetLastError()), std::system_category(), "open");
  }
}

FileLock::~FileLock() {
  if (held()) CloseHandle(reinterpret_cast<HANDLE>(file_));
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
