// A worker's way through rows of bits. Counts of bits are exact, and the score follows from them alone.
#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "worker.h"

namespace embedlane {

// Many rows differ in as many bits as the k-th best. Those that come after it in the order of numbers, as
// rows of a piece do, cannot enter.
int32_t TopKSearch::Worker::most_bits(size_t q, uint32_t row) const {
  constexpr int32_t kAll = INT32_MAX;
  const double goodness = kth_[q] == 0 ? NAN : key_goodness(kth_[q]);
  if (std::isnan(goodness)) return kAll;
  double most;
  if (in_.metric == Metric::kL2) {
    // One more for the rounding of a root.
    most = goodness > 0 ? -1 : std::ceil(goodness * goodness) + 1;
  } else {
    most = std::floor(-goodness);
    if (make_key(float(-most), row) <= kth_[q]) most--;
  }
  return int32_t(std::clamp(most, -1.0, double(kAll)));
}

bool TopKSearch::Worker::collect(size_t q, uint32_t count, uint32_t row) {
  const double sum = count;
  const float score = score_of(in_.metric, {nullptr, 0}, {nullptr, 0, 0}, &sum, 0);
  const Key key = make_key(smaller_is_better(in_.metric) ? -score : score, row);
  if (key <= kth_[q]) return false;
  std::vector<Key>& keys = candidates_[q];
  keys.push_back(key);
  if (keys.size() < s_.key_room_) return false;
  std::nth_element(keys.begin(), keys.begin() + ptrdiff_t(in_.k - 1), keys.end(), std::greater<>());
  keys.resize(in_.k);
  if (keys.back() <= kth_[q]) return false;
  kth_[q] = keys.back();
  return true;
}

void TopKSearch::Worker::search_bits(const Rows& rows) {
  const Tiles& tiles = s_.tiles_;
  const uint32_t first_row = rows.number(0);
  for (size_t q = 0; q < packed_; q++) limits_[q] = most_bits(q, first_row);
  for (size_t q = 0; q < padded_ && !s_.cancelled(); q += kPanelWidths * tiles.vector_queries) {
    const size_t width = std::min(kPanelWidths * tiles.vector_queries, padded_ - q);
    const size_t w = width / tiles.vector_queries - 1;
    for (size_t r = 0; r < rows.count;) {
      const bool whole = rows.count - r >= tiles.rows;
      const size_t height = whole ? tiles.rows : 1;
      const BitTileInput input = {panels_.get() + q * scanned_groups() * kGroupBytes,
                                  rows.data + r * rows.stride,
                                  rows.stride,
                                  scan_.bytes,
                                  rows.data + (r + height) * rows.stride,
                                  limits_.data() + q};
      uint32_t masks[kMaxTileRows];
      uint32_t counts[kMaxTileRows * kMaxPanel];
      uint32_t left = (whole ? s_.bit_tile_->full : s_.bit_tile_->row)[w](input, masks, counts);
      for (; left != 0; left &= left - 1) {
        const size_t i = size_t(std::countr_zero(left));
        const uint32_t row = rows.number(r + i);
        for (uint32_t mask = masks[i]; mask != 0; mask &= mask - 1) {
          const size_t j = size_t(std::countr_zero(mask));
          if (!collect(q + j, counts[i * width + j], row)) continue;
          publish(q + j);
          limits_[q + j] = most_bits(q + j, row);
        }
      }
      r += height;
    }
    scored_ += rows.count * std::min(width, packed_ - q);
  }
  if (packed_ < group_) stream(rows);
}

void TopKSearch::Worker::look_at_bits(const Rows& rows, size_t q) {
  const uint32_t* const counts = counts_.data();
  scored_ += rows.count;
  bool raised = false;
  const auto visit = [&](auto stays) {
    constexpr size_t kStep = 32;
    for (size_t r = 0; r < rows.count; r += kStep) {
      const size_t end = std::min(rows.count, r + kStep);
      int any = 0;
      for (size_t i = r; i < end; i++) any |= stays(counts[i]);
      for (size_t i = r; any && i < end; i++) {
        if (stays(counts[i])) raised |= collect(q, counts[i], rows.number(i));
      }
    }
  };
  if (in_.metric == Metric::kDot) {
    // How many bits the k-th best has in common, where that is known: fewer need not be looked at.
    const double least = kth_[q] == 0 ? 0 : std::floor(double(key_goodness(kth_[q])));
    visit(
        [limit = uint32_t(std::clamp(least, 0.0, 4294967295.0))](uint32_t count) { return count >= limit; });
  } else {
    const int32_t limit = most_bits(q, rows.number(0));
    visit([limit](uint32_t count) { return int32_t(count) <= limit; });
  }
  if (raised) publish(q);
}

}  // namespace embedlane
