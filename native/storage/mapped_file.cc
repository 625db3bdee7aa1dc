#include "mapped_file.h"

#include <system_error>

#if defined(_WIN32)
#include <windows.h>

#include "wide_path.h"
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "large_pages.h"
#endif

namespace embedlane {

#if defined(_WIN32)

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(int(GetLastError()), std::system_category(), what);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const HANDLE file = CreateFileW(wide_path(path).c_str(), GENERIC_READ,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                  OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE) fail("open");
  LARGE_INTEGER size;
  HANDLE mapping = nullptr;
  if (GetFileSizeEx(file, &size) && size.QuadPart > 0) {
    mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
    if (mapping != nullptr) {
      data_ = static_cast<const uint8_t*>(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0));
      size_ = size_t(size.QuadPart);
    }
  }
  const DWORD error = GetLastError();
  if (mapping != nullptr) CloseHandle(mapping);
  CloseHandle(file);
  if (data_ == nullptr) throw std::system_error(int(error), std::system_category(), "map");
}

MappedFile::~MappedFile() { UnmapViewOfFile(data_); }

#else

MappedFile::MappedFile(const std::string& path) {
  int file;
  do {
    file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (file < 0 && errno == EINTR);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "open");
  struct stat status;
  void* mapped = MAP_FAILED;
  int error = 0;
  if (fstat(file, &status) != 0) {
    error = errno;
  } else if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
    error = EINVAL;
  } else {
    size_ = size_t(status.st_size);
    mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) error = errno;
  }
  close(file);
  if (error != 0) throw std::system_error(error, std::generic_category(), "map");
  data_ = static_cast<const uint8_t*>(mapped);
  // Helps where the file system has large folios; elsewhere it is refused.
  prefer_large_pages(mapped, size_);
}

MappedFile::~MappedFile() { munmap(const_cast<uint8_t*>(data_), size_); }

#endif

}  // namespace embedlane
