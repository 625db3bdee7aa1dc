#include "addon_calls.h"

#include <algorithm>

#include "memory_file.h"

namespace embedlane::fuzz {
namespace {

using Arguments = std::vector<napi_value>;
using Make = CallArguments;

size_t dims_of(Make& make) { return make.size(1, 70); }
napi_value threads(Make& make) { return make.number(double(make.size(1, 3))); }

Arguments nothing(Make&) { return {}; }

Arguments pair(Make& make) {
  const size_t dtype = make.size(0, 5), dims = dims_of(make);
  Arguments made = {make.rows(dtype, 1, dims), make.rows(dtype, 1, dims)};
  if (make.coin()) made.push_back(make.number(double(dtype)));
  return made;
}

Arguments matrix(Make& make) {
  const size_t dtype = make.size(0, 5), a = make.size(0, 6), b = make.size(0, 9), dims = dims_of(make);
  return {make.one_of({"dot", "cosine", "l2", "l1", "jaccard"}),
          make.rows(dtype, a, dims),
          make.rows(dtype, b, dims),
          make.number(double(dims)),
          make.f32(a * b),
          make.number(double(dtype)),
          make.number(double(make.size(1, 3)))};
}

Arguments top_k(Make& make) {
  const size_t dtype = make.size(0, 5), queries = make.size(1, 5), rows = make.size(1, 90),
               dims = dims_of(make);
  const size_t k = make.size(1, rows);
  return {make.rows(dtype, queries, dims),
          make.rows(dtype, rows, dims),
          make.number(double(dims)),
          make.number(double(k)),
          make.one_of({"dot", "cosine", "l2", "l1"}),
          threads(make),
          make.number(double(dtype)),
          make.u32(queries * k),
          make.f32(queries * k)};
}

Arguments normalize_rows(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims))};
}

Arguments pool(Make& make) {
  const size_t batch = make.size(0, 4), sequence = make.size(0, 9), dims = dims_of(make);
  const size_t modes = make.size(1, 3);
  return {make.f32(batch * sequence * dims),
          make.u8(batch * sequence),
          make.number(double(batch)),
          make.number(double(sequence)),
          make.number(double(dims)),
          modes == 1   ? make.list({"mean"})
          : modes == 2 ? make.list({"cls", "max"})
                       : make.list({"mean_sqrt_len", "weightedmean", "lasttoken"}),
          make.boolean(),
          make.coin() ? make.null() : make.below(batch, 2 * sequence + 1),
          make.f32(batch * dims * modes)};
}

Arguments to_half(Make& make) {
  const size_t length = make.size(0, 200);
  return {make.one_of({"f16", "bf16"}), make.f32(length), make.u16(length)};
}

Arguments from_half(Make& make) {
  const size_t length = make.size(0, 200);
  return {make.one_of({"f16", "bf16"}), make.u16(length), make.f32(length)};
}

Arguments find_ranges(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims)), make.f32(2 * dims)};
}

Arguments quantize_ranges(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims)), make.f32(2 * dims), make.codes(rows * dims)};
}

Arguments dequantize_ranges(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.codes(rows * dims), make.number(double(dims)), make.f32(2 * dims), make.f32(rows * dims)};
}

Arguments quantize_scaled(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims)), make.i8(rows * dims), make.f32(rows)};
}

Arguments dequantize_scaled(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.i8(rows * dims), make.number(double(dims)), make.f32(rows), make.f32(rows * dims)};
}

Arguments pack_bits(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims)), make.codes(rows * ((dims + 7) / 8))};
}

Arguments unpack_bits(Make& make) {
  const size_t rows = make.size(0, 5), dims = dims_of(make);
  return {make.codes(rows * ((dims + 7) / 8)), make.number(double(dims)), make.f32(rows * dims)};
}

Arguments create_word_piece(Make& make) {
  const size_t tokens = make.size(1, 40), units = make.size(tokens, 120);
  const size_t added = make.size(0, 3), added_units = make.size(0, 12);
  return {make.characters(units),
          make.ends(tokens, units),
          make.below(tokens, 40),
          make.characters(added == 0 ? 0 : added_units),
          make.ends(added, added == 0 ? 0 : added_units),
          make.below(added, 40),
          make.characters(make.size(0, 3)),
          make.boolean(),
          make.number(double(make.size(0, 39))),
          make.number(double(make.size(0, 100)))};
}

Arguments bag_means(Make& make) {
  const size_t rows = make.size(1, 20), dims = dims_of(make), ids = make.size(0, 40);
  const size_t bags = make.size(ids == 0 ? 0 : 1, 6), kept = make.size(1, dims);
  return {make.f32(rows * dims), make.number(double(dims)), make.below(ids, rows), make.ends(bags, ids),
          make.boolean(),        make.number(double(kept)), make.boolean(),        make.f32(bags * kept)};
}

Arguments map_table(Make& make) {
  // Lives as long as the process: the name leads nowhere afterwards.
  static const MemoryFile file(std::vector<uint8_t>(1000, 1));
  const size_t length = make.size(1, 250);
  return {make.text(file.path()), make.number(double(4 * make.size(0, 250 - length))),
          make.number(double(length))};
}

Arguments large_pages(Make& make) { return {make.u8(make.size(0, 200))}; }

Arguments crc(Make& make) {
  return {make.u8(make.size(0, 300)), make.number(double(make.size(0, 0xffffffff)))};
}

Arguments group_sums(Make& make) {
  const size_t rows = make.size(0, 9), dims = dims_of(make), groups = make.size(1, 5);
  return {
      make.f32(rows * dims), make.number(double(dims)), make.below(rows, groups), make.number(double(groups)),
      threads(make),         make.f64(groups * dims)};
}

Arguments scatter_matrix(Make& make) {
  const size_t rows = make.size(1, 9), dims = dims_of(make);
  return {make.f32(rows * dims), make.number(double(dims)), make.f64(dims), threads(make),
          make.f64(dims * dims)};
}

Arguments symmetric_eigen(Make& make) {
  const size_t n = make.size(1, 40);
  return {make.f64(n * n), make.f64(n), make.f64(make.size(0, n) * n)};
}

napi_value axis(Make& make, size_t image, size_t window) {
  const size_t canvas = make.size(image, 120);
  return make.object({{"image", make.number(double(image))},
                      {"canvas", make.number(double(canvas))},
                      {"offset", make.number(double(make.size(0, canvas - image)))},
                      {"resized", make.number(double(make.size(1, 200)))},
                      {"windowStart", make.number(double(make.size(0, 100)) - 50)},
                      {"window", make.number(double(window))}});
}

Arguments resize(Make& make, bool planes) {
  const size_t width = make.size(1, 30), height = make.size(1, 30);
  const size_t across = make.size(1, 40), down = make.size(1, 40);
  const napi_value spec =
      make.object({{"x", axis(make, width, across)},
                   {"y", axis(make, height, down)},
                   {"filter", make.one_of({"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"})},
                   {"heightFirst", make.boolean()}});
  Arguments made = {make.u8(3 * width * height), spec};
  if (planes) made.push_back(make.f32(3 * 256));
  made.push_back(planes ? make.f32(3 * across * down) : make.u8(3 * across * down));
  return made;
}

Arguments log_mel(Make& make) {
  constexpr size_t kSizes[] = {4, 12, 20, 64, 400};
  const size_t fft = kSizes[make.size(0, 4)], bins = fft / 2 + 1, hop = make.size(1, 40);
  const size_t total = make.size(fft / 2 + 1, 900),
               frames = make.size(1, std::min<size_t>(40, total / hop + 1));
  const size_t mels = make.size(1, 6), most = make.size(1, bins);
  const napi_value starts = make.below(mels, bins - most + 1), counts = make.u32(mels);
  auto* const used = reinterpret_cast<uint32_t*>(counts->buffer->memory.get() + counts->offset);
  std::fill_n(used, mels, uint32_t(most));
  const napi_value spec = make.object({{"total", make.number(double(total))},
                                       {"fftSize", make.number(double(fft))},
                                       {"hop", make.number(double(hop))},
                                       {"frames", make.number(double(frames))},
                                       {"floor", make.number(1e-10)},
                                       {"whisper", make.boolean()}});
  return {make.f32(make.size(0, total)), spec,          make.f64(fft),          starts, counts,
          make.f64(mels * most),         threads(make), make.f32(mels * frames)};
}

Arguments resample(Make& make) {
  const size_t phases = make.size(1, 9), taps = 2 * make.size(1, 20), count = make.size(0, 40);
  const size_t step = make.size(1, 300), denominator = make.size(1, 300), first = make.size(0, 300);
  const size_t samples = (first + step * count) / denominator + taps + make.size(0, 3);
  const napi_value spec = make.object({{"phases", make.number(double(phases))},
                                       {"taps", make.number(double(taps))},
                                       {"first", make.number(double(first))},
                                       {"step", make.number(double(step))},
                                       {"denominator", make.number(double(denominator))}});
  return {make.f32(samples), make.f32((phases + 1) * taps), spec, threads(make), make.f32(count)};
}

}  // namespace

const std::vector<AddonFunction>& addon_functions() {
  static const std::vector<AddonFunction> functions = {
      {"simdLevel", nothing},
      {"simdLevels", nothing},
      {"dot", pair},
      {"cosine", pair},
      {"l2", pair},
      {"l1", pair},
      {"hamming", pair},
      {"jaccard", pair},
      {"matrix", matrix},
      {"topKSync", top_k},
      {"topK", top_k},
      {"normalizeRows", normalize_rows},
      {"pool", pool},
      {"toHalf", to_half},
      {"fromHalf", from_half},
      {"findRanges", find_ranges},
      {"quantizeRanges", quantize_ranges},
      {"dequantizeRanges", dequantize_ranges},
      {"quantizeScaled", quantize_scaled},
      {"dequantizeScaled", dequantize_scaled},
      {"packBits", pack_bits},
      {"unpackBits", unpack_bits},
      {"createWordPiece", create_word_piece},
      {"bagMeans", bag_means},
      {"mapTable", map_table},
      {"preferLargePages", large_pages},
      {"crc32c", crc},
      {"groupSums", group_sums},
      {"scatterMatrix", scatter_matrix},
      {"symmetricEigen", symmetric_eigen},
      {"resizeImage", [](Make& make) { return resize(make, false); }},
      {"resizeImageToPlanes", [](Make& make) { return resize(make, true); }},
      {"logMel", log_mel},
      {"resample", resample},
  };
  return functions;
}

}  // namespace embedlane::fuzz
