#include "topk_input.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace embedlane::test {

Corpus::Corpus(Random& random, Dtype dtype, const std::vector<char>& rows, size_t dims, size_t block_count) {
  const size_t bytes = row_bytes(dtype, dims);
  const size_t count = rows.size() / bytes;
  for (size_t b = 0, row = 0; b < block_count; b++) {
    const size_t left = count - row;
    const size_t here = b + 1 == block_count ? left : random.below(left + 1);
    const size_t stride = bytes + alignment_of(dtype) * random.below(3);
    // The last row ends with the memory, so that AddressSanitizer sees a step beyond.
    memory.emplace_back(here == 0 ? 0 : (here - 1) * stride + bytes);
    for (size_t r = 0; r < here; r++) {
      std::memcpy(memory.back().data() + r * stride, rows.data() + (row + r) * bytes, bytes);
    }
    blocks.push_back({memory.back().data(), stride, here, uint32_t(row)});
    // Some norms are kept: those that one search has computed, the next ones read.
    if (b % 2 == 0) blocks.back().kept_norms = norms.emplace_back(std::make_unique<KeptNorms>(here)).get();
    row += here;
  }
  std::reverse(blocks.begin(), blocks.end());
}

InputBuilder::InputBuilder(Dtype dtype, const void* queries, size_t bytes, size_t dims, size_t k,
                           Metric metric) {
  input_.dtype = dtype;
  input_.metric = metric;
  input_.dims = dims;
  input_.queries = queries;
  input_.query_count = bytes / row_bytes(dtype, dims);
  input_.k = k;
}

InputBuilder::InputBuilder(Dtype dtype, const std::vector<char>& queries, size_t dims, size_t k,
                           Metric metric)
    : InputBuilder(dtype, queries.data(), queries.size(), dims, k, metric) {}

InputBuilder::InputBuilder(const std::vector<float>& queries, size_t dims, size_t k, Metric metric)
    : InputBuilder(Dtype::kF32, queries.data(), queries.size() * 4, dims, k, metric) {}

InputBuilder& InputBuilder::rows(const std::vector<char>& rows) {
  return one_block(rows.data(), rows.size());
}

InputBuilder& InputBuilder::rows(const std::vector<float>& rows) {
  return one_block(rows.data(), rows.size() * 4);
}

InputBuilder& InputBuilder::one_block(const void* rows, size_t bytes) {
  const size_t stride = row_bytes(input_.dtype, input_.dims);
  input_.blocks = {{rows, stride, bytes / stride}};
  return *this;
}

InputBuilder& InputBuilder::blocks(const std::vector<RowBlock>& blocks) {
  input_.blocks = blocks;
  return *this;
}

InputBuilder& InputBuilder::allowed(const std::vector<uint64_t>& bits) {
  input_.allowed = bits.data();
  return *this;
}

InputBuilder& InputBuilder::within_radius() {
  const Metric metric = input_.metric;
  input_.radius = metric == Metric::kCosine ? 0.1f : metric == Metric::kDot ? 1.0f : 8.0f;
  return *this;
}

InputBuilder& InputBuilder::query_scales(const std::vector<float>& scales) {
  input_.query_scales = scales.data();
  return *this;
}

std::vector<char> as_bytes(const std::vector<float>& values) {
  std::vector<char> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<uint64_t> bitmap(Random& random, size_t rows, size_t kind) {
  std::vector<uint64_t> words((rows + 63) / 64);
  for (size_t r = 0; r < rows; r++) {
    const bool set = kind == 0 ? false : kind == 1 ? true : kind == 2 ? r % 2 == 0 : random.below(20) == 0;
    if (set) words[r / 64] |= uint64_t(1) << r % 64;
  }
  return words;
}

void make_extreme(std::vector<float>& rows, size_t dims) {
  const float factors[] = {1, 0, NAN, 1e19f, 1e38f, 1e-38f, std::numeric_limits<float>::infinity()};
  for (size_t i = 0; i < rows.size(); i++) rows[i] *= factors[i / dims % 7];
}

}  // namespace embedlane::test
