// A worker's way through the rows where queries are many: tiles of a filter, see FilterBounds.
//
// Floats are scanned as 8-bit codes where tiles of bytes do more products at a time: each row is encoded when
// it is in the cache, for all queries of the group, and what the codes leave is what the filter of floats
// would leave, and a little more. Where that is much more (rows that are nearer to each other than codes can
// tell), the filter goes on with floats, and tries again later.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "worker.h"

namespace embedlane {
namespace {

// The errors and the scales of rows that have none.
constexpr float kZeros[kMaxTileRows] = {};
constexpr float kOnes[kMaxTileRows] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static_assert(kOnes[kMaxTileRows - 1] == 1);

// Of how many pairs one may pass the codes before floats are faster, beside those that the search's own
// beginning leaves: of n rows in any order, the last is among the k best with a chance of k in n.
constexpr uint64_t kLeastPairs = 32;
constexpr uint64_t kBeginning = 4;
constexpr size_t kMostPause = 4096;

}  // namespace

void TopKSearch::Worker::filter_all(const Rows& rows) {
  if (!scan_.widened && !scan_.encodes) return filter(rows, nullptr);
  make_room();
  filter(made(rows), &rows);
}

const float* TopKSearch::Worker::floats_of(const char* row, float* room) const {
  if (in_.dtype == Dtype::kF32) return reinterpret_cast<const float*>(row);
  const Conversions& conversions = s_.all_kernels_.conversions;
  const auto widen = in_.dtype == Dtype::kF16 ? conversions.from_f16 : conversions.from_bf16;
  widen(reinterpret_cast<const uint16_t*>(row), in_.dims, room);
  return room;
}

void TopKSearch::Worker::make_row(const char* from, size_t r) {
  char* const to = gathered_.get() + r * scan_.stride;
  if (scan_.encodes) {
    s_.tiles_.encode(floats_of(from, wide_row_.data()), in_.dims, reinterpret_cast<int8_t*>(to),
                     &made_scales_[r], &made_errors_[r], &norms_[r]);
  } else if (scan_.widened) {
    floats_of(from, reinterpret_cast<float*>(to));
  } else {
    std::memcpy(to, from, scan_.bytes);
  }
}

void TopKSearch::Worker::make_room() {
  const size_t stride = std::max(s_.scan_bytes_, scan_.stride);
  if (!gathered_) gathered_ = aligned<char>(s_.piece_rows_ * stride);
}

TopKSearch::Worker::Rows TopKSearch::Worker::made(const Rows& rows) const {
  Rows made = rows;
  made.data = gathered_.get();
  made.stride = scan_.stride;
  made.apart = false;
  if (scan_.encodes) {
    made.norms = nullptr;
    made.scales = made_scales_.data();
    made.errors = made_errors_.data();
  }
  return made;
}

bool TopKSearch::Worker::recall(const Rows& rows, size_t r, size_t count) {
  float* const norms = norms_.get() + r;
  if (!rows.norms) {
    KeptNorms* const kept = kept_norms(rows);
    if (!kept || !kept->read(index_of(rows, r), count, norms)) return false;
  }
  s_.bounds_.rows(rows.norms ? rows.norms + r : norms, count, norms, offsets_.get() + r);
  return true;
}

void TopKSearch::Worker::measure(const Rows& rows, size_t r, size_t count) {
  float* const norms = norms_.get() + r;
  if (scan_.encodes) return s_.bounds_.rows(norms, count, norms, offsets_.get() + r);
  if (recall(rows, r, count)) return;
  scan_.tile->squares(rows.data + r * rows.stride, rows.stride, count, scan_.bytes, norms);
  for (size_t i = 0; i < count; i++) norms[i] = std::sqrt(norms[i]);
  if (rows.scales) {
    for (size_t i = 0; i < count; i++) norms[i] *= std::fabs(rows.scales[r + i]);
  }
  if (KeptNorms* const kept = kept_norms(rows)) kept->write(index_of(rows, r), count, norms);
  s_.bounds_.rows(norms, count, norms, offsets_.get() + r);
}

void TopKSearch::Worker::filter(const Rows& rows, const Rows* raw) {
  const Tiles& tiles = s_.tiles_;
  const bool recalled = !scan_.encodes && recall(rows, 0, rows.count);
  const KeptNorms* const kept = scan_.encodes ? nullptr : kept_norms(rows);
  for (size_t q = 0; q < padded_ && !s_.cancelled(); q += kPanelWidths * tiles.vector_queries) {
    const size_t width = std::min(kPanelWidths * tiles.vector_queries, padded_ - q);
    const size_t w = width / tiles.vector_queries - 1;
    const size_t valid = std::min(width, group_ - q);
    const uint32_t valid_queries = valid < 32 ? (uint32_t(1) << valid) - 1 : ~uint32_t(0);
    for (size_t r = 0; r < rows.count;) {
      const bool whole = rows.count - r >= tiles.rows;
      const size_t height = whole ? tiles.rows : 1;
      // Tile by tile: the tile before has asked for these rows, and computes while they come.
      const bool makes = raw && q == 0;
      for (size_t i = 0; makes && i < height; i++) make_row(raw->scanned(r + i), r + i);
      if (q == 0 && !recalled) measure(rows, r, height);
      if (q == 0 && scan_.tile->byte_sums) {
        scan_.tile->byte_sums(rows.data + r * rows.stride, rows.stride, height, scan_.bytes, &byte_sums_[r]);
      }
      // Of the next piece, which else would be waited for: they are few lines, each far from the last one.
      if (q == 0 && !rows.picks) {
        rows.ask_for_values(r + rows.count);
        if (kept) kept->ask_for(index_of(rows, r + rows.count));
      }
      const Rows& next = makes ? *raw : rows;
      const TileInput input = {panels_.get() + q * scanned_groups() * kGroupBytes,
                               rows.data + r * rows.stride,
                               rows.stride,
                               scan_.bytes,
                               next.data + (r + height) * next.stride,
                               byte_sums_ ? byte_sums_.get() + r : nullptr,
                               rows.scales ? rows.scales + r : kOnes,
                               query_scales_.data() + q,
                               rows.errors ? rows.errors + r : kZeros,
                               error_slope_.data() + q,
                               base_.data() + q,
                               slope_.data() + q,
                               norms_.get() + r,
                               offsets_.get() + r};
      uint32_t masks[kMaxTileRows];
      float values[kMaxTileRows * kMaxPanel];
      uint32_t left = (whole ? scan_.tile->full : scan_.tile->row)[w](input, masks, values);
      for (; left != 0; left &= left - 1) {
        const size_t i = size_t(std::countr_zero(left));
        for (uint32_t mask = masks[i] & valid_queries; mask != 0; mask &= mask - 1) {
          const size_t j = size_t(std::countr_zero(mask));
          keep(rows, r + i, q + j, values[i * width + j], norms_[r + i]);
        }
      }
      r += height;
    }
  }
  if (scan_.encodes) judge_codes(rows.count);
}

void TopKSearch::Worker::judge_codes(size_t rows) {
  scanned_ += rows;
  const uint64_t pairs = uint64_t(group_) * rows;
  const uint64_t few =
      pairs / kLeastPairs + pairs * std::min<uint64_t>(kBeginning * in_.k, scanned_) / scanned_;
  if (std::exchange(passed_, 0) <= few) {
    pause_ = kLeastPause;
    return;
  }
  plain_pieces_ = pause_;
  pause_ = std::min(4 * pause_, kMostPause);
  scan_as(plain_scan());
}

}  // namespace embedlane
