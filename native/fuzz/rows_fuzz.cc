// The file that an index maps: any bytes, with any claims on what is where. A claim that does not fit is
// refused, and what is mapped can be read and searched, whatever it says.
#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include "../index/row_store.h"
#include "../index/segment_search.h"
#include "../storage/crc32c.h"
#include "input.h"
#include "memory_file.h"

namespace embedlane::fuzz {
namespace {

constexpr size_t kMostRows = 512;

// Mostly what would be right, or anything.
size_t claim(FuzzedDataProvider& in, size_t right, size_t step) {
  switch (in.ConsumeIntegralInRange(0, 3)) {
    case 0:
      return in.ConsumeIntegral<size_t>();
    case 1:
      return right + step * in.ConsumeIntegralInRange<size_t>(0, 8);
    default:
      return right;
  }
}

void map(FuzzedDataProvider& in, RowStore& store) {
  const RowCodec& codec = store.codec();
  const size_t rows = in.ConsumeIntegralInRange<size_t>(0, 40);
  const size_t offset = 64 * in.ConsumeIntegralInRange<size_t>(0, 3);
  const bool coded = store.acceleration() != Acceleration::kNone && in.ConsumeBool();
  const size_t codes = coded ? offset + (rows * codec.stride() + 63) / 64 * 64 : 0;
  const size_t needed =
      coded ? codes + code_bytes(store.acceleration(), codec.dims(), rows) : offset + rows * codec.stride();
  std::vector<uint8_t> bytes = values<uint8_t>(in, std::min<size_t>(claim(in, needed, 1), 1 << 16));
  if (bytes.empty()) bytes.push_back(0);
  const MemoryFile file(bytes);
  size_t count = claim(in, rows, 1);
  // The caller has a scale for every row: see scales_argument() of the addon.
  if (codec.has_scales()) count %= kMostRows;
  const std::vector<float> scales = values<float>(in, codec.has_scales() ? count : 0);
  const size_t before = store.rows();
  const bool mapped = store.map(file.path(), claim(in, bytes.size(), 1), claim(in, offset, 1),
                                claim(in, codes, 64), scales.data(), count);
  require(store.rows() == before + (mapped ? count : 0), "all rows or none");
  require(!mapped || count * codec.stride() <= bytes.size(), "rows that fit into the file");
}

void append(FuzzedDataProvider& in, RowStore& store) {
  const RowCodec& codec = store.codec();
  const size_t count = in.ConsumeIntegralInRange<size_t>(1, 20);
  const size_t before = store.rows();
  if (in.ConsumeBool()) {
    const std::vector<float> rows = values<float>(in, count * codec.dims());
    const bool added = store.append(rows.data(), count) < 0;
    require(store.rows() == before + (added ? count : 0), "all rows or none");
  } else {
    const std::vector<uint8_t> rows = values<uint8_t>(in, count * codec.stride());
    const std::vector<float> scales = values<float>(in, codec.has_scales() ? count : 0);
    store.append_stored(rows.data(), scales.data(), count);
    require(store.rows() == before + count, "all rows");
  }
}

void read(FuzzedDataProvider& in, const RowStore& store) {
  if (store.rows() == 0) return;
  const RowCodec& codec = store.codec();
  const size_t at = in.ConsumeIntegralInRange<size_t>(0, store.rows() - 1);
  float scale, floats[kCodeFloats];
  const uint8_t* const row = store.row(at, &scale);
  std::vector<float> decoded(codec.dims());
  codec.decode(current_kernels(), row, scale, decoded.data());
  crc32c(row, codec.stride(), in.ConsumeIntegral<uint32_t>());
  if (const uint8_t* codes = store.codes(at, floats)) {
    crc32c(codes, code_stride(store.acceleration(), codec.dims()), 0);
  }
}

// As the addon's StoreSearch.
void search(FuzzedDataProvider& in, const RowStore& store) {
  const size_t rows = store.rows() == 0 ? 0 : in.ConsumeIntegralInRange<size_t>(1, store.rows());
  if (rows == 0) return;
  const RowCodec& codec = store.codec();
  const size_t used = row_bytes(codec.dtype(), codec.dims());
  SearchInput input;
  input.dtype = codec.dtype();
  input.dims = codec.dims();
  input.metric = Metric(in.ConsumeIntegralInRange(0, 3));
  input.query_count = in.ConsumeIntegralInRange<size_t>(1, 5);
  input.k = in.ConsumeBool() ? in.ConsumeIntegralInRange<size_t>(1, 10) : 0xffffffff;
  if (in.ConsumeBool()) {
    const float radius = in.ConsumeFloatingPoint<float>();
    if (!std::isnan(radius)) input.radius = radius;
  }
  const std::vector<uint8_t> queries = values<uint8_t>(in, input.query_count * used);
  input.queries = queries.data();
  const std::vector<float> scales = values<float>(in, input.query_count);
  if (codec.has_scales()) input.query_scales = scales.data();
  const std::vector<uint64_t> allowed = values<uint64_t>(in, (rows + 63) / 64);
  if (in.ConsumeBool()) input.allowed = allowed.data();
  if (store.acceleration() == Acceleration::kSigns && in.ConsumeBool()) {
    input.candidates = in.ConsumeIntegralInRange<size_t>(1, 50);
  }
  const std::vector<RowSegment> segments = store.snapshot(rows);
  const std::unique_ptr<Search> job = search_segments(input, segments, store.acceleration());
  job->work();
  job->finish();
  for (size_t q = 0; q < input.query_count; q++) {
    const size_t found = job->found(q);
    require(found <= std::min(input.k, rows), "at most k rows");
    std::vector<uint32_t> ids(found);
    std::vector<float> scores(found);
    job->copy(q, ids.data(), scores.data());
    for (const uint32_t id : ids) {
      require(id < rows, "rows of the store");
      require(!input.allowed || (allowed[id / 64] >> (id % 64) & 1), "rows that are allowed");
    }
  }
}

}  // namespace

void run(FuzzedDataProvider& in) {
  const Dtype dtypes[] = {Dtype::kF32, Dtype::kF16, Dtype::kBf16, Dtype::kI8, Dtype::kB1};
  const Dtype dtype = in.PickValueInArray(dtypes);
  const Acceleration acceleration =
      dtype == Dtype::kF32 ? Acceleration(in.ConsumeIntegralInRange(0, 2)) : Acceleration::kNone;
  RowStore store(RowCodec(dtype, in.ConsumeIntegralInRange<size_t>(1, 90)), acceleration);
  for (int step = 0; step < 8 && in.remaining_bytes() > 0; step++) {
    try {
      switch (in.ConsumeIntegralInRange(0, 5)) {
        case 0:
        case 1:
          map(in, store);
          break;
        case 2:
          append(in, store);
          break;
        case 3:
          store.prepare(in.ConsumeIntegralInRange<size_t>(0, 100));
          break;
        case 4:
          read(in, store);
          break;
        default:
          search(in, store);
      }
    } catch (const std::bad_alloc&) {
    } catch (const std::system_error&) {
    }
  }
}

}  // namespace embedlane::fuzz
