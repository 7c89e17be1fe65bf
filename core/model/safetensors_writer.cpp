// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_writer.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "model/in_quotes.hpp"
#include "model/safetensors_header.hpp"
#include "model/safetensors_layout.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// The header's JSON, padded so that the data start at a multiple of 8 bytes.
std::string header_text(std::span<const SafetensorsWriter::Tensor> tensors,
                        const std::map<std::string, std::string>& metadata, std::vector<std::uint64_t>& ends) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const auto& tensor : tensors) {
    const auto element_bytes = safetensors_element_bytes(tensor.dtype);
    const SafetensorsTensor declared = {tensor.name, tensor.dtype, tensor.shape, 0, 0};
    std::uint64_t end = 0;
    if (!element_bytes || !safetensors_tensor_bytes(declared, *element_bytes, end) ||
        __builtin_add_overflow(begin, end, &end) || header.contains(tensor.name) || tensor.name == "__metadata__") {
      throw std::logic_error(fmt::format("tensor {}: unknown dtype, too large, or twice", in_quotes(tensor.name)));
    }
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    ends.push_back(end);
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(OutputFile file, std::span<const Tensor> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(std::move(file)) {
  std::vector<std::uint64_t> ends;
  const std::string header = header_text(tensors, metadata, ends);
  for (std::size_t i = 0; i < ends.size(); ++i) extents_.push_back({tensors[i].dtype, ends[i]});
  announced_ = ends.empty() ? 0 : ends.back();

  std::array<std::byte, 8> length = {};
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<std::byte>(header.size() >> (8 * i));
  write_raw(length);
  write_raw(std::as_bytes(std::span(header)));
}

void SafetensorsWriter::write(std::span<const float> values) {
  check_dtype("F32", values.size_bytes());
  write_bytes(std::as_bytes(values));
}

void SafetensorsWriter::write(std::span<const std::int32_t> values) {
  check_dtype("I32", values.size_bytes());
  write_bytes(std::as_bytes(values));
}

void SafetensorsWriter::write_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() > announced_ - written_) throw std::logic_error("more tensor data than announced");
  write_raw(bytes);
  written_ += bytes.size();
}

void SafetensorsWriter::finish() {
  if (written_ != announced_) throw std::logic_error("less tensor data than announced");
  file_.finish();
}

// All tensors covered by the next n_bytes must have `dtype`.
void SafetensorsWriter::check_dtype(std::string_view dtype, std::uint64_t n_bytes) const {
  std::uint64_t begin = 0;
  for (const Extent& extent : extents_) {
    const bool touched = begin < written_ + n_bytes && extent.end > written_ && extent.end > begin;
    if (touched && extent.dtype != dtype) throw std::logic_error("tensor data with a different dtype than announced");
    begin = extent.end;
  }
}

void SafetensorsWriter::write_raw(std::span<const std::byte> bytes) {
  file_.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace inferbench
