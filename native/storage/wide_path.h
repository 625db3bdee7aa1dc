#pragma once

#include <windows.h>

#include <string>

namespace embedlane {

// A UTF-8 path as Windows wants it.
inline std::wstring wide_path(const std::string& path) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), nullptr, 0);
  std::wstring wide(size_t(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), wide.data(), length);
  return wide;
}

}  // namespace embedlane
