#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "input.h"

namespace embedlane::fuzz {

// A file in memory that has a name like any other.
class MemoryFile {
 public:
  explicit MemoryFile(const std::vector<uint8_t>& bytes) : file_(memfd_create("embedlane", MFD_CLOEXEC)) {
    require(file_ >= 0 && write(file_, bytes.data(), bytes.size()) == ssize_t(bytes.size()), "a memory file");
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

}  // namespace embedlane::fuzz
