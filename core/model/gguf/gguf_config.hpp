// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/gguf/gguf_file.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// The decoder that a GGUF file holds, of the architectures gpt2, llama, qwen2, qwen3, gemma2 and gemma3. Its metadata
/// are checked by the rules of config.json, as which they are read. Throws Error that names the file and the key: on
/// any other architecture, on settings that are not supported, and on one part of a split model.
ModelConfig read_gguf_config(const GgufFile& file);

/// Whether rows of attn_q and attn_k are in the order of Llama's original code, which rotates pairs of neighbours:
/// row 2 j + p of a head is row (head_dim / 2) p + j of Hugging Face's.
bool has_interleaved_rotary(const ModelConfig& config);

}  // namespace inferbench
