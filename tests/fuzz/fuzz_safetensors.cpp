// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as a safetensors file. An accepted file must be safe to read.
#include <cstddef>
#include <cstdint>
#include <span>

#include "check.hpp"
#include "model/safetensors_header.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inferbench::fuzz::require;
  try {
    const auto header = inferbench::parse_safetensors_header(std::as_bytes(std::span(data, size)), size, "fuzz");
    require(header.data_begin >= 8 && header.data_begin <= size, "data begin inside the file");
    std::uint64_t end = 0;
    for (const auto& tensor : header.tensors) {
      require(tensor.begin == end && tensor.begin <= tensor.end, "tensors follow one another");
      end = tensor.end;
      std::uint64_t bytes = inferbench::safetensors_element_bytes(tensor.dtype).value();
      for (const std::uint64_t dimension : tensor.shape) bytes *= dimension;
      require(bytes == tensor.end - tensor.begin, "shape and bytes agree");
    }
    require(header.data_begin + end == size, "tensors cover the file");
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
