#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../index/row_store.h"
#include "../storage/crc32c.h"
#include "../storage/file_lock.h"
#include "runner.h"

namespace embedlane::test {
namespace {

// Bit by bit, as RFC 3720 defines it.
uint32_t reference_crc(const uint8_t* data, size_t length) {
  uint32_t crc = ~uint32_t(0);
  for (size_t i = 0; i < length; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

// A file of its own that is gone at the end.
struct TemporaryFile {
  explicit TemporaryFile(const std::vector<uint8_t>& content) {
    const char* folder = std::getenv("TMPDIR");
    static int count = 0;
    path = std::string(folder ? folder : "/tmp") + "/embedlane-storage-test-" + std::to_string(count++) +
           "-" + std::to_string(reinterpret_cast<uintptr_t>(this));
    std::FILE* file = std::fopen(path.c_str(), "wb");
    CHECK(file != nullptr);
    if (file == nullptr) return;
    // An empty vector has no memory that a C function may be given.
    if (!content.empty()) CHECK(std::fwrite(content.data(), 1, content.size(), file) == content.size());
    std::fclose(file);
  }
  ~TemporaryFile() { std::remove(path.c_str()); }
  std::string path;
};

TEST(crc32c_has_the_published_values) {
  const uint8_t digits[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(crc32c(digits, 9, 0) == 0xe3069283);
  const std::vector<uint8_t> zeros(32, 0), ones(32, 0xff);
  CHECK(crc32c(zeros.data(), 32, 0) == 0x8a9136aa);
  CHECK(crc32c(ones.data(), 32, 0) == 0x62a8ab43);
  CHECK(crc32c(nullptr, 0, 0) == 0);
  CHECK(crc32c(nullptr, 0, 77) == 77);
}

TEST(crc32c_is_the_same_whole_in_parts_and_at_any_address) {
  Random random(1);
  std::vector<uint8_t> data(40000);
  for (uint8_t& byte : data) byte = uint8_t(random.next());
  for (size_t length : {0, 1, 7, 8, 9, 63, 4095, 4096, 12287, 12288, 12289, 24576, 39993}) {
    for (size_t start = 0; start < 4; start++) {
      const uint32_t expected = reference_crc(data.data() + start, length);
      CHECK(crc32c(data.data() + start, length, 0) == expected);
      const size_t cut = length == 0 ? 0 : random.below(length);
      const uint32_t first = crc32c(data.data() + start, cut, 0);
      CHECK(crc32c(data.data() + start + cut, length - cut, first) == expected);
    }
  }
}

TEST(row_store_keeps_what_it_is_given_through_any_growth) {
  Random random(2);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBf16, Dtype::kI8, Dtype::kB1}) {
    const size_t dims = 37;
    const RowCodec codec(dtype, dims);
    RowStore store(codec);
    std::vector<float> all;
    while (store.rows() < 20000) {
      const size_t count = random.below(3000);
      // Exactly as long, so that AddressSanitizer sees the first step beyond.
      const std::vector<float> part = random.vector(count * dims);
      CHECK(store.append(part.data(), count) == -1);
      all.insert(all.end(), part.begin(), part.end());
    }
    CHECK(store.rows() * dims == all.size());
    std::vector<uint8_t> encoded(codec.stride());
    for (size_t i = 0; i < 500; i++) {
      const size_t row = i == 0 ? store.rows() - 1 : random.below(store.rows());
      float scale, expected_scale = 1;
      codec.encode(current_kernels(), all.data() + row * dims, encoded.data(), &expected_scale);
      CHECK(std::memcmp(store.row(row, &scale), encoded.data(), codec.stride()) == 0);
      CHECK(scale == expected_scale);
    }
  }
}

TEST(row_store_snapshots_outlive_the_store_and_do_not_see_later_rows) {
  auto store = std::make_unique<RowStore>(RowCodec(Dtype::kF32, 16));
  const std::vector<float> rows(1000 * 16, 3.0f);
  store->append(rows.data(), 1000);
  const std::vector<RowSegment> taken = store->snapshot(900);
  store->append(rows.data(), 1000);
  store.reset();
  size_t count = 0;
  for (const RowSegment& segment : taken) {
    count += segment.count;
    const float* values = reinterpret_cast<const float*>(segment.rows);
    CHECK(std::all_of(values, values + segment.count * 16, [](float x) { return x == 3.0f; }));
  }
  CHECK(count == 900);
}

TEST(row_store_refuses_what_the_dtype_cannot_hold_and_adds_nothing) {
  RowStore halves(RowCodec(Dtype::kF16, 2));
  const float rows[] = {1, 2, 3, 65520};
  CHECK(halves.append(rows, 2) == 1);
  CHECK(halves.rows() == 0);
  CHECK(halves.append(rows, 1) == -1);
  RowStore floats(RowCodec(Dtype::kF32, 1));
  const float bad[] = {1, NAN};
  CHECK(floats.append(bad, 2) == 1);
  const float infinite[] = {-INFINITY};
  CHECK(floats.append(infinite, 1) == 0);
  CHECK(floats.rows() == 0);
}

TEST(row_store_maps_only_rows_that_lie_in_the_file) {
  std::vector<uint8_t> content(4096 + 10 * 64);
  for (size_t i = 0; i < content.size(); i++) content[i] = uint8_t(i * 7);
  const TemporaryFile file(content);
  RowStore store(RowCodec(Dtype::kF32, 16));
  const size_t size = content.size();
  CHECK(!store.map(file.path, size, 4096, 0, nullptr, 11));
  CHECK(!store.map(file.path, size, 4096, 0, nullptr, 0));
  CHECK(!store.map(file.path, size, 4096, 0, nullptr, SIZE_MAX / 64));
  CHECK(!store.map(file.path, size, size + 64, 0, nullptr, 1));
  CHECK(!store.map(file.path, size, 4097, 0, nullptr, 1));
  CHECK(!store.map(file.path, size + 64, 4096, 0, nullptr, 10));
  CHECK(!store.map(file.path, SIZE_MAX, 4096, 0, nullptr, SIZE_MAX / 128));
  CHECK(store.rows() == 0);
  CHECK(store.map(file.path, size, 4096, 0, nullptr, 10));
  CHECK(store.rows() == 10);
  float scale;
  CHECK(std::memcmp(store.row(9, &scale), content.data() + 4096 + 9 * 64, 64) == 0);
  bool thrown = false;
  try {
    store.map(file.path + "-missing", size, 4096, 0, nullptr, 10);
  } catch (const std::exception&) {
    thrown = true;
  }
  CHECK(thrown);
  // Codes: where the store has such, and inside the file.
  CHECK(!store.map(file.path, size, 4096, 64, nullptr, 1));
  RowStore coded(RowCodec(Dtype::kF32, 16), Acceleration::kInt8);
  const size_t each = code_bytes(Acceleration::kInt8, 16, 1);
  CHECK(each == 64 + 12);
  CHECK(!coded.map(file.path, size, 4096, 63, nullptr, 1));
  CHECK(!coded.map(file.path, size, 4096, size + 64, nullptr, 1));
  CHECK(!coded.map(file.path, size, 4096, size - 64, nullptr, 1));
  CHECK(!coded.map(file.path, size, 4096, size - 9 * 64, nullptr, 10));
  CHECK(coded.rows() == 0);
  CHECK(coded.map(file.path, size, 4096, 64, nullptr, 10));
  CHECK(!coded.prepare(1));
  // Memory behind mapped rows.
  const std::vector<float> more(5 * 16, 1.0f);
  CHECK(store.append(more.data(), 5) == -1);
  CHECK(store.rows() == 15);
  CHECK(store.snapshot(15).size() == 2);
}

TEST(file_lock_excludes_even_within_a_process) {
  const TemporaryFile file({});
  auto first = std::make_unique<FileLock>(file.path);
  CHECK(first->held());
  CHECK(!FileLock(file.path).held());
  first.reset();
  CHECK(FileLock(file.path).held());
  bool thrown = false;
  try {
    FileLock lock(file.path + "/no/such/folder");
  } catch (const std::exception&) {
    thrown = true;
  }
  CHECK(thrown);
}

}  // namespace
}  // namespace embedlane::test
