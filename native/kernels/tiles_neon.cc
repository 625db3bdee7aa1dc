#include "tiles_neon-inl.h"

namespace embedlane {

const Tiles& neon_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,     kNoTiles,
                                   kNoTiles,  nullptr,  nullptr,       {nullptr, 0}, read_all};
  return kTiles;
}

}  // namespace embedlane
