// SPDX-License-Identifier: Apache-2.0
// Models that people have, but that are not dense decoders with plain weights: each is refused by its name.
#pragma once

#include <filesystem>
#include <string_view>

#include "model/config_fields.hpp"

namespace inferbench {

/// Throws Error if a config.json is of a mixture of experts, of a quantized checkpoint, or of anything but a causal
/// decoder.
void refuse_unsupported_config(const ConfigFields& fields);

/// Throws Error that says what a folder without config.json, or without safetensors files, holds instead: an adapter,
/// a GGUF file, pickled or other frameworks' weights. Returns if nothing of the kind is there.
void refuse_unsupported_folder(const std::filesystem::path& folder);

/// Whether a tensor of this name holds quantized weights, or their scales.
bool is_quantized_tensor(std::string_view name);

/// Whether it holds the scales of a matrix as MLX quantizes it, which is read where biases stand beside them.
bool is_mlx_part(std::string_view name);

/// The hint for quantized checkpoints.
inline constexpr const char* kGiveUnquantized =
    "give the F32, F16 or BF16 checkpoint; backends quantize as they load, see 'precision'";

}  // namespace inferbench
