// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "model/in_quotes.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian and is used in place");

template <typename Value>
std::vector<Value> copy_values(const SafetensorsFile& file, std::string_view name, std::string_view dtype) {
  const SafetensorsTensor* tensor = file.find(name);
  if (tensor == nullptr) throw Error(fmt::format("{}: no tensor {}", file.path().string(), in_quotes(name)));
  if (tensor->dtype != dtype) {
    throw Error(
        fmt::format("{}: tensor {} is {}, not {}", file.path().string(), in_quotes(name), tensor->dtype, dtype));
  }
  const auto bytes = file.bytes(*tensor);
  std::vector<Value> values(bytes.size() / sizeof(Value));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const InputFile input(path);
  std::vector<std::byte> head(static_cast<std::size_t>(std::min<std::uint64_t>(8, input.size())));
  input.read(head, 0);
  const std::uint64_t length = safetensors_header_bytes(head, input.size(), path.string());
  head.resize(static_cast<std::size_t>(8 + length));
  input.read(std::span(head).subspan(8), 8);

  SafetensorsFile file;
  file.path_ = path;
  file.header_ = parse_safetensors_header(head, input.size(), path.string());
  file.mapping_ = Mapping(input);
  return file;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::find_if(header_.tensors.begin(), header_.tensors.end(),
                                  [name](const SafetensorsTensor& tensor) { return tensor.name == name; });
  return found == header_.tensors.end() ? nullptr : &*found;
}

std::span<const std::byte> SafetensorsFile::bytes(const SafetensorsTensor& tensor) const {
  return mapping_.bytes().subspan(static_cast<std::size_t>(header_.data_begin + tensor.begin),
                                  static_cast<std::size_t>(tensor.end - tensor.begin));
}

std::vector<float> SafetensorsFile::read_f32(std::string_view name) const {
  return copy_values<float>(*this, name, "F32");
}

std::vector<std::int32_t> SafetensorsFile::read_i32(std::string_view name) const {
  return copy_values<std::int32_t>(*this, name, "I32");
}

}  // namespace inferbench
