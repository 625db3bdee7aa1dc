#pragma once

#include <cstdint>
#include <string>

namespace embedlane {

// An exclusive lock on a file, between processes and between the threads of one. The operating system gives
// it up when its holder ends, however it ends, so there is no stale lock to recognise. The file itself stays.
class FileLock {
 public:
  // Makes the file (a UTF-8 path) if there is none and tries to lock it, without waiting. Throws
  // std::system_error if that cannot be done at all.
  explicit FileLock(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // False if somebody else holds the lock.
  bool held() const { return file_ != -1; }

 private:
  intptr_t file_ = -1;  // descriptor, or a HANDLE
};

}  // namespace embedlane
