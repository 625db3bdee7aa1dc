#include "tiles_avx512-inl.h"

namespace embedlane {

const Tiles& avx512_tiles() {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>,    kNoTiles,      kNoTiles,
                                   nullptr,   nullptr,  kRoundOperations, multiply_adds, read_all};
  return kTiles;
}

}  // namespace embedlane
