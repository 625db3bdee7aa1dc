// A worker's way through rows of which a bitmap says which may be found.
#include <algorithm>
#include <bit>

#include "worker.h"

namespace embedlane {
namespace {

// Rows ahead of the one that is visited that are asked for.
constexpr size_t kAhead = 16;
// Longest rows of bits that are copied to be counted several at a time, which each by itself takes longer.
constexpr size_t kCopiedBits = 512;

// Bits [first, first + count) of a bitmap, count from 1 to 64.
uint64_t bits_at(const uint64_t* words, size_t first, size_t count) {
  const size_t shift = first % 64;
  uint64_t bits = words[first / 64] >> shift;
  if (shift + count > 64) bits |= words[first / 64 + 1] << (64 - shift);
  return count < 64 ? bits & ((uint64_t(1) << count) - 1) : bits;
}

}  // namespace

// They lie apart, so that the CPU does not guess which comes next.
template <class Visit>
void TopKSearch::Worker::each_pick(const Rows& rows, const Rows& picked, Visit visit) {
  const uint32_t* const picks = picked.picks;
  const size_t last = size_t(picks_.data() + picks_.size() - picks);
  const size_t bytes = scan_.widened || scan_.encodes ? s_.query_stride_ : scan_.bytes;
  const auto take = [](const float* from, uint32_t pick, std::vector<float>& into, size_t r) {
    if (from) into[r] = from[pick];
  };
  for (size_t r = 0; r < std::min(kAhead, last); r++) rows.ask_for(picks[r], bytes);
  for (size_t r = 0; r < picked.count; r++) {
    if (r + kAhead < last) rows.ask_for(picks[r + kAhead], bytes);
    take(rows.norms, picks[r], gathered_norms_, r);
    take(rows.scales, picks[r], gathered_scales_, r);
    take(rows.errors, picks[r], gathered_errors_, r);
    visit(r);
  }
}

void TopKSearch::Worker::search_allowed(const Rows& rows) {
  picks_.clear();
  for (size_t r = 0; r < rows.count; r += 64) {
    uint64_t bits = bits_at(in_.allowed, rows.first + r, std::min<size_t>(64, rows.count - r));
    for (; bits != 0; bits &= bits - 1) picks_.push_back(uint32_t(r + size_t(std::countr_zero(bits))));
  }
  const size_t count = picks_.size();
  if (count == 0) return;
  if (count == rows.count) return search_all(rows);
  if (s_.tile_) return filter(gather(rows, 0, count), nullptr);
  if (s_.bit_tile_) return search_bits(gather(rows, 0, count));
  for (size_t i = 0; i < count && !s_.cancelled(); i += kStreamRows) {
    const size_t n = std::min(kStreamRows, count - i);
    if (picks_[i + n - 1] - picks_[i] + 1 == n) {
      stream(rows.part(picks_[i], n));
    } else if (s_.bit_counts_ && scan_.bytes <= kCopiedBits) {
      stream(gather(rows, i, n));
    } else {
      stream_picks(rows, i, n);
    }
  }
}

void TopKSearch::Worker::stream_picks(const Rows& rows, size_t start, size_t count) {
  const Rows picked = pick(rows, start, count);
  for (size_t q = 0; q < group_; q++) {
    each_pick(rows, picked, [&](size_t r) { sum(picked, r, 1, q); });
    look(picked, q);
  }
}

// A tile takes rows that follow each other.
TopKSearch::Worker::Rows TopKSearch::Worker::gather(const Rows& rows, size_t start, size_t count) {
  make_room();
  const Rows picked = pick(rows, start, count);
  each_pick(rows, picked, [&](size_t r) { make_row(picked.scanned(r), r); });
  return made(picked);
}

// Rows picks_[start], … of `rows`, where they lie. What else is known of them comes as each is visited.
TopKSearch::Worker::Rows TopKSearch::Worker::pick(const Rows& rows, size_t start, size_t count) {
  const auto room = [&](const float* values, std::vector<float>& into) -> const float* {
    if (!values) return nullptr;
    into.resize(std::max(into.size(), count));
    return into.data();
  };
  Rows picked = rows;
  picked.count = count;
  picked.picks = picks_.data() + start;
  picked.apart = true;
  picked.norms = room(rows.norms, gathered_norms_);
  picked.scales = room(rows.scales, gathered_scales_);
  picked.errors = room(rows.errors, gathered_errors_);
  return picked;
}

}  // namespace embedlane
