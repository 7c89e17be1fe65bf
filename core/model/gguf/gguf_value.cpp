// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdlib>
#include <limits>

#include "model/gguf/gguf_cursor.hpp"
#include "model/gguf/gguf_header.hpp"

namespace inferbench {
namespace {

std::optional<std::int64_t> integer_of(GgufType type, const std::byte* bytes) {
  switch (type) {
    case GgufType::kUint8:
      return gguf_number<std::uint8_t>(bytes);
    case GgufType::kInt8:
      return gguf_number<std::int8_t>(bytes);
    case GgufType::kUint16:
      return gguf_number<std::uint16_t>(bytes);
    case GgufType::kInt16:
      return gguf_number<std::int16_t>(bytes);
    case GgufType::kUint32:
      return gguf_number<std::uint32_t>(bytes);
    case GgufType::kInt32:
      return gguf_number<std::int32_t>(bytes);
    case GgufType::kInt64:
      return gguf_number<std::int64_t>(bytes);
    case GgufType::kUint64: {
      const auto value = gguf_number<std::uint64_t>(bytes);
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
      return static_cast<std::int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> number_of(GgufType type, const std::byte* bytes) {
  if (type == GgufType::kFloat64) return gguf_number<double>(bytes);
  if (type == GgufType::kFloat32) {
    const std::string decimal = fmt::format("{}", gguf_number<float>(bytes));
    return std::strtod(decimal.c_str(), nullptr);
  }
  const auto integer = integer_of(type, bytes);
  return integer ? std::optional(static_cast<double>(*integer)) : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> GgufValue::integer() const {
  return type == GgufType::kArray ? std::nullopt : integer_of(type, bytes.data());
}

std::optional<double> GgufValue::number() const {
  return type == GgufType::kArray ? std::nullopt : number_of(type, bytes.data());
}

std::optional<bool> GgufValue::boolean() const {
  if (type != GgufType::kBool) return std::nullopt;
  return gguf_number<std::uint8_t>(bytes.data()) != 0;
}

std::optional<std::string_view> GgufValue::text() const {
  if (type != GgufType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::vector<std::string_view> GgufValue::texts() const {
  std::vector<std::string_view> list;
  if (!is_array_of(GgufType::kString)) return list;
  list.reserve(static_cast<std::size_t>(count));
  const std::byte* at = bytes.data();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = static_cast<std::size_t>(gguf_number<std::uint64_t>(at));
    list.emplace_back(reinterpret_cast<const char*>(at + sizeof(std::uint64_t)), length);
    at += sizeof(std::uint64_t) + length;
  }
  return list;
}

std::optional<double> GgufValue::number_at(std::uint64_t i) const {
  const std::size_t size = gguf_value_bytes(element);
  return type != GgufType::kArray || size == 0 ? std::nullopt : number_of(element, bytes.data() + i * size);
}

std::optional<std::int64_t> GgufValue::integer_at(std::uint64_t i) const {
  const std::size_t size = gguf_value_bytes(element);
  return type != GgufType::kArray || size == 0 ? std::nullopt : integer_of(element, bytes.data() + i * size);
}

}  // namespace inferbench
