// SPDX-License-Identifier: Apache-2.0
// backend.h and op_bench.h as C++20, and their layout. All checks happen at compile time.
#include <type_traits>

#include "inferbench/op_bench.h"

namespace {
template <typename T>
constexpr std::size_t kBytes = sizeof(T);
}  // namespace

#define SIZE(type, bytes) \
  static_assert(sizeof(type) == (bytes) && std::is_standard_layout_v<type> && std::is_trivially_copyable_v<type>);
#define FIELD(type, field, offset, bytes) \
  static_assert(offsetof(type, field) == (offset) && kBytes<decltype(type::field)> == (bytes));
#define VALUE(macro, value) static_assert((macro) == (value));
#include "layout.inc"
