// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "support/gguf_writer.hpp"

namespace inferbench {

/// The model in a folder as llama.cpp's converter would write it, in the types of its own tensors (vectors in F32),
/// without a tokenizer. Of the families that GGUF has. `quantized`: with the matrices that llama.cpp quantizes in Q8_0.
GgufWriter gguf_of_model(const std::filesystem::path& folder, bool quantized = false);

}  // namespace inferbench
