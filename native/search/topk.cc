#include "topk.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "rounding.h"
#include "worker.h"

namespace embedlane {
namespace {

// Below, memory bandwidth is the limit, and canonical scores come at memory speed.
constexpr size_t kFewQueries = 2;
// Below, a row's codes cost more to make than they spare: by queries, by dimensions, and by both. Of few rows
// for each that is looked for, most are met while thresholds are low, and codes leave more of them to look at
// than floats do.
constexpr size_t kLeastEncodedQueries = 17;
constexpr size_t kLeastEncodedDims = 64;
constexpr size_t kLeastEncodedElements = 4096;
constexpr size_t kLeastEncodedRows = 2048;
constexpr size_t kLeastEncodedRowsPerResult = 400;
// Longest row for which a panel of queries and a tile of rows stay in cache.
constexpr size_t kMaxTileDims = 16384;
constexpr size_t kMaxGroup = 512;
// Candidates that one thread may hold, over all queries of a group.
constexpr size_t kMaxCandidates = size_t(1) << 21;
// Keys that are collected beyond the k best before these are told from the others. A heap of the best costs
// several times as much per key, and raises the threshold little faster.
constexpr size_t kLeastSpare = 16;
constexpr size_t kMostSpare = 1024;
// A piece of rows, and the panels of the queries that pass over it. Both and the next piece, which arrives
// meanwhile, fit a second-level cache of 1 MB; where they just do not, batches take half as long again.
constexpr size_t kPieceBytes = 192 * 1024;
constexpr size_t kMaxPieceRows = 8192;
constexpr size_t kPanelBytes = 384 * 1024;
// Pieces that a thread takes at a time, where there are enough: at the end of each, the tile has asked for
// the rows of the next.
constexpr size_t kMaxRun = 8;
constexpr size_t kLeastRuns = 64;

size_t rows_of(const std::vector<RowBlock>& blocks) {
  size_t rows = 0;
  for (const RowBlock& block : blocks) rows += block.count;
  return rows;
}

}  // namespace

TopKSearch::TopKSearch(SearchInput input, Level level)
    : input_(std::move(input)),
      all_kernels_(kernels_of(level)),
      kernels_(row_kernels(all_kernels_, input_.dtype)),
      tiles_(tiles_of(level)),
      bounds_(input_.metric, input_.dims),
      bit_counts_(choose_bit_counts()),
      query_stride_(row_bytes(input_.dtype, input_.dims)),
      coded_(all_coded()),
      tile_(choose_tile()),
      bit_tile_(choose_bit_tile()),
      widened_(tile_ == &tiles_.f32 && input_.dtype != Dtype::kF32),
      scan_bytes_(coded_     ? input_.dims
                  : widened_ ? input_.dims * sizeof(float)
                             : query_stride_),
      encoded_(worth_encoding()),
      key_room_(input_.k + (bit_tile_ || bit_counts_ ? std::clamp(input_.k, kLeastSpare, kMostSpare) : 0)) {
  const size_t panel = kPanelWidths * tiles_.vector_queries;
  // A panel of codes is at most half as large as one of the floats, to which a scan may go back.
  const size_t panel_bytes = encoded_ ? scan_bytes_ / 2 : scan_bytes_;
  const size_t cached = std::max(panel, kPanelBytes / std::max<size_t>(panel_bytes, 1) / panel * panel);
  const bool tiled = tile_ || bit_tile_;
  const size_t most =
      std::clamp<size_t>(kMaxCandidates / key_room_, panel, tiled ? std::min(cached, kMaxGroup) : kMaxGroup);
  const size_t groups = (input_.query_count + most - 1) / most;
  group_size_ = round_up((input_.query_count + groups - 1) / groups, panel);
  piece_rows_ = std::clamp<size_t>(kPieceBytes / std::max<size_t>(scan_bytes_, 1), 1, kMaxPieceRows);
  if (piece_rows_ > tiles_.rows) piece_rows_ -= piece_rows_ % tiles_.rows;
  // A filter may leave few rows of a piece, and at its end none that were asked for are on their way.
  if (input_.allowed && !tiled) {
    piece_rows_ = std::clamp(rows_of(input_.blocks) / kLeastRuns, piece_rows_, kMaxPieceRows);
  }
  for (const RowBlock& block : input_.blocks) {
    piece_starts_.push_back(pieces_);
    pieces_ += (block.count + piece_rows_ - 1) / piece_rows_;
  }
  items_ = pieces_ * ((input_.query_count + group_size_ - 1) / group_size_);
  run_ = std::clamp<size_t>(items_ / kLeastRuns, 1, kMaxRun);
}

bool TopKSearch::all_coded() const {
  // Codes have no Manhattan distance.
  if (input_.dtype != Dtype::kF32 || input_.metric == Metric::kL1) return false;
  return std::all_of(input_.blocks.begin(), input_.blocks.end(),
                     [](const RowBlock& block) { return block.count == 0 || (block.int8 && block.norms); });
}

bool TopKSearch::worth_encoding() const {
  const bool floats = tile_ == &tiles_.f32 || tile_ == &tiles_.bf16;
  if (!floats || !tiles_.encode) return false;
  const size_t queries = input_.query_count, rows = rows_of(input_.blocks);
  return queries >= kLeastEncodedQueries && input_.dims >= kLeastEncodedDims &&
         queries * input_.dims >= kLeastEncodedElements && rows >= kLeastEncodedRows &&
         rows / kLeastEncodedRowsPerResult >= input_.k;
}

const TileSet* TopKSearch::choose_tile() const {
  if (input_.query_count < kFewQueries || input_.dims > kMaxTileDims || input_.metric == Metric::kL1) {
    return nullptr;
  }
  const auto available = [](const TileSet& tile) { return tile.full[0] ? &tile : nullptr; };
  if (coded_ || input_.dtype == Dtype::kI8) return available(tiles_.i8);
  if (input_.dtype == Dtype::kU8) return available(tiles_.u8);
  if (input_.dtype == Dtype::kBf16 && tiles_.bf16.full[0]) return &tiles_.bf16;
  const bool floats =
      input_.dtype == Dtype::kF32 || input_.dtype == Dtype::kF16 || input_.dtype == Dtype::kBf16;
  return floats ? &tiles_.f32 : nullptr;
}

const BitTileSet* TopKSearch::choose_bit_tile() const {
  const bool differing = input_.metric == Metric::kL1 || input_.metric == Metric::kL2;
  if (input_.dtype != Dtype::kB1 || !differing || input_.dims > kMaxTileDims) return nullptr;
  return bit_tile_queries(input_.query_count) > 0 ? &tiles_.bits : nullptr;
}

size_t TopKSearch::bit_tile_queries(size_t queries) const {
  const size_t last = queries % tiles_.vector_queries;
  return last >= tiles_.bits.least_queries ? queries : queries - last;
}

BitCounts TopKSearch::choose_bit_counts() const {
  if (input_.dtype != Dtype::kB1 || input_.metric == Metric::kCosine) return nullptr;
  return input_.metric == Metric::kDot ? tiles_.common : tiles_.differing;
}

void TopKSearch::allocate() {
  thresholds_ = std::vector<std::atomic<uint32_t>>(input_.query_count);
  lows_ = std::vector<KnownLows>(input_.query_count);
  results_.resize(input_.query_count);
}

void TopKSearch::work() {
  std::call_once(allocated_, [this] { allocate(); });
  if (items_ > 0) Worker(*this).run();
}

void TopKSearch::finish() {
  std::call_once(allocated_, [this] { allocate(); });
  for (std::vector<Key>& keys : results_) std::sort(keys.begin(), keys.end(), std::greater<>());
}

void TopKSearch::copy(size_t query, uint32_t* rows, float* scores) const {
  copy_keys(results_[query], input_.metric, rows, scores);
}

}  // namespace embedlane
