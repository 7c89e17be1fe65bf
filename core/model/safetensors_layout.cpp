// SPDX-License-Identifier: Apache-2.0
#include "model/safetensors_layout.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "model/in_quotes.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

[[noreturn]] void fail(const std::string& file, const SafetensorsTensor& tensor, std::string_view what,
                       const char* cure = "the file is damaged; fetch it again") {
  throw Error(fmt::format("{}: tensor {}: {}", file, in_quotes(tensor.name), what), cure);
}

void check_tensor(const SafetensorsTensor& tensor, std::uint64_t data_bytes, const std::string& file) {
  const auto element_bytes = safetensors_element_bytes(tensor.dtype);
  if (!element_bytes) {
    fail(file, tensor, fmt::format("unknown dtype {}", in_quotes(tensor.dtype, 32)),
         "convert the file to F32, F16 or BF16");
  }
  std::uint64_t bytes = 0;
  if (!safetensors_tensor_bytes(tensor, *element_bytes, bytes)) {
    fail(file, tensor, fmt::format("shape {} overflows 64 bits", shape_text(tensor.shape)));
  }
  if (tensor.begin > tensor.end) {
    fail(file, tensor, fmt::format("begins at {} but already ends at {}", tensor.begin, tensor.end));
  }
  if (tensor.end > data_bytes) {
    fail(file, tensor, fmt::format("ends at byte {} of a data section of {}", tensor.end, data_bytes),
         "the file is truncated; fetch it again");
  }
  if (tensor.end - tensor.begin != bytes) {
    fail(file, tensor,
         fmt::format("{} bytes, but {} {} takes {}", tensor.end - tensor.begin, tensor.dtype, shape_text(tensor.shape),
                     bytes));
  }
}

}  // namespace

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool safetensors_tensor_bytes(const SafetensorsTensor& tensor, std::uint64_t element_bytes, std::uint64_t& bytes) {
  bytes = element_bytes;
  return std::none_of(tensor.shape.begin(), tensor.shape.end(),
                      [&bytes](std::uint64_t dimension) { return __builtin_mul_overflow(bytes, dimension, &bytes); });
}

void check_safetensors_layout(SafetensorsHeader& header, std::uint64_t file_size, const std::string& file) {
  const std::uint64_t data_bytes = file_size - header.data_begin;
  for (const SafetensorsTensor& tensor : header.tensors) check_tensor(tensor, data_bytes, file);
  std::sort(header.tensors.begin(), header.tensors.end(), [](const SafetensorsTensor& a, const SafetensorsTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t end = 0;
  for (const SafetensorsTensor& tensor : header.tensors) {
    if (tensor.begin < end) {
      fail(file, tensor, fmt::format("begins at byte {}, inside another tensor that ends at {}", tensor.begin, end));
    }
    if (tensor.begin > end) {
      fail(file, tensor, fmt::format("begins at byte {}, but the tensor before ends at {}", tensor.begin, end));
    }
    end = tensor.end;
  }
  if (end != data_bytes) {
    throw Error(fmt::format("{}: {} bytes after the last tensor", file, data_bytes - end),
                "the file is damaged; fetch it again");
  }
}

}  // namespace inferbench
