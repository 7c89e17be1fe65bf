// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace inferbench {

/// Values in their in-memory form, for messages between this process and its forks.
template <typename Value>
std::string raw_bytes(const Value* values, std::size_t n) {
  static_assert(std::is_trivially_copyable_v<Value>);
  return {reinterpret_cast<const char*>(values), n * sizeof(Value)};
}

template <typename Values>
std::string raw_bytes(const Values& values) {
  return raw_bytes(values.data(), values.size());
}

/// The inverse of raw_bytes. A trailing incomplete value is dropped.
template <typename Value>
std::vector<Value> raw_values(std::string_view bytes) {
  static_assert(std::is_trivially_copyable_v<Value>);
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Value));
  return values;
}

}  // namespace inferbench
