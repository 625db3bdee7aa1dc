#pragma once

#include <windows.h>

#include <string>

namespace embedlane {

// A UTF-8 path as Windows wants it. Beyond MAX_PATH only the form that starts with \\?\ is understood,
// which must be absolute and without "." and "..".
inline std::wstring wide_path(const std::string& path) {
  const int length = MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), nullptr, 0);
  std::wstring wide(size_t(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, path.data(), int(path.size()), wide.data(), length);
  if (wide.rfind(L"\\\\?\\", 0) == 0) return wide;
  // With its terminating zero; without it once it fits.
  std::wstring full(GetFullPathNameW(wide.c_str(), 0, nullptr, nullptr), L'\0');
  full.resize(GetFullPathNameW(wide.c_str(), DWORD(full.size()), full.data(), nullptr));
  if (full.size() < MAX_PATH) return wide;
  const bool share = full.rfind(L"\\\\", 0) == 0;
  return share ? L"\\\\?\\UNC" + full.substr(1) : L"\\\\?\\" + full;
}

}  // namespace embedlane
