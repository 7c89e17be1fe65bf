// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "model/safetensors_header.hpp"

namespace inferbench {

/// Sorts the tensors by offset and checks each against its dtype, its shape and the file: known dtype, element and byte
/// counts without overflow, offsets inside the data section, no holes, no overlaps. Throws Error that names the file
/// and the tensor.
void check_safetensors_layout(SafetensorsHeader& header, std::uint64_t file_size, const std::string& file);

/// Product of `shape` and `element_bytes`; returns false if it does not fit in 64 bits.
bool safetensors_tensor_bytes(const SafetensorsTensor& tensor, std::uint64_t element_bytes, std::uint64_t& bytes);

/// "[50257, 768]"
std::string shape_text(const std::vector<std::uint64_t>& shape);

}  // namespace inferbench
