#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace embedlane {

// A whole file, mapped read-only. It stays readable when the file is renamed or deleted; a file that is cut
// short by another process faults, which is why index files are only ever replaced, never changed.
class MappedFile {
 public:
  // Throws std::system_error if the file (a UTF-8 path) cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  const uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace embedlane
