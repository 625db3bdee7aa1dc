#pragma once

#include <napi.h>

#include "../index/row_store.h"

namespace embedlane {

// RowStore's search and searchSync with the fields of StoreSearch (src/native/row-store.ts) as arguments, in
// that order. How much is found is known only at the end and JavaScript allocates the room for it, so both
// return an object { total(), take(offsets, indices, scores) }, the first one with { promise, cancel() }
// besides.
Napi::Value search_store(const Napi::CallbackInfo& info, RowStore& store);
Napi::Value search_store_sync(const Napi::CallbackInfo& info, RowStore& store);

}  // namespace embedlane
