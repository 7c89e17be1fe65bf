// SPDX-License-Identifier: Apache-2.0
#include "support/gguf_writer.hpp"

#include <utility>

namespace inferbench {
namespace {

constexpr std::size_t kAlignment = 32;

template <typename Number>
std::string array_bytes(std::uint32_t type, const std::vector<Number>& values) {
  std::string bytes = bytes_of(type) + bytes_of(std::uint64_t{values.size()});
  for (const Number value : values) bytes += bytes_of(value);
  return bytes;
}

}  // namespace

void GgufWriter::add_raw(std::string_view key, std::uint32_t type, std::string_view value) {
  metadata_ += text_bytes(key) + bytes_of(type);
  metadata_ += value;
  ++n_keys_;
}

void GgufWriter::add_texts(std::string_view key, const std::vector<std::string>& values) {
  std::string bytes = bytes_of(std::uint32_t{8}) + bytes_of(std::uint64_t{values.size()});
  for (const std::string& value : values) bytes += text_bytes(value);
  add_raw(key, 9, bytes);
}

void GgufWriter::add_i32s(std::string_view key, const std::vector<std::int32_t>& values) {
  add_raw(key, 9, array_bytes(5, values));
}

void GgufWriter::add_f32s(std::string_view key, const std::vector<float>& values) {
  add_raw(key, 9, array_bytes(6, values));
}

void GgufWriter::add_bools(std::string_view key, const std::vector<bool>& values) {
  std::vector<std::uint8_t> bytes(values.begin(), values.end());
  add_raw(key, 9, array_bytes(7, bytes));
}

void GgufWriter::add_tensor(std::string_view name, std::uint32_t type, const std::vector<std::uint64_t>& shape,
                            std::string data) {
  tensors_.push_back({std::string(name), type, shape, std::move(data)});
}

void GgufWriter::add_tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                            const std::vector<float>& values) {
  add_tensor(name, 0, shape, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

std::string GgufWriter::bytes() const {
  std::string file = "GGUF" + bytes_of(std::uint32_t{3}) + bytes_of(std::uint64_t{tensors_.size()}) + bytes_of(n_keys_);
  file += metadata_;
  std::string data;
  for (const Tensor& tensor : tensors_) {
    data.resize((data.size() + kAlignment - 1) / kAlignment * kAlignment);
    file += text_bytes(tensor.name) + bytes_of(static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) file += bytes_of(*size);
    file += bytes_of(tensor.type) + bytes_of(std::uint64_t{data.size()});
    data += tensor.data;
  }
  file.resize((file.size() + kAlignment - 1) / kAlignment * kAlignment);
  return file + data;
}

}  // namespace inferbench
