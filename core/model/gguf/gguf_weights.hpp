// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/families/family.hpp"
#include "model/gguf/gguf_file.hpp"
#include "model/model.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// The tensors of a GGUF file that hold `config`, under the names that llama.cpp's converter writes. GPT-2's query, key
/// and value are one tensor; linear weights are [outputs, inputs] in every family; Gemma's norms are stored as they are
/// applied.
std::vector<StoredTensor> gguf_tensors(const ModelConfig& config);

/// Throws Error that names the file and the tensor, if one of gguf_tensors() is missing or has the wrong shape, or if
/// the file has tensors that no such model has.
void check_gguf_tensors(const GgufFile& file, const ModelConfig& config);

/// The weights of a checked file: views of the mapped file where the types and the order of the rows allow it.
/// Quantized tensors become F32 in memory, and rows in the order of has_interleaved_rotary() are reordered. Throws
/// Error as check_gguf_tensors, and if there is not enough memory.
std::shared_ptr<const Weights::Storage> gguf_storage(GgufFile file, const ModelConfig& config);

}  // namespace inferbench
