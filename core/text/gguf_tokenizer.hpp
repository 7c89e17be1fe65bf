// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "model/gguf/gguf_file.hpp"
#include "text/tokenizer_form.hpp"

namespace inferbench {

/// The tokenizer in a GGUF file's metadata: of the models "gpt2" (byte-level BPE, cut by one of the patterns that
/// find_gguf_pre_tokenizer() knows) and "llama" (SentencePiece's BPE: the pair whose token has the highest score is
/// merged first). `vocab`: see Tokenizer::load. Throws Error that names the file and the key.
std::shared_ptr<const TokenizerForm> read_gguf_tokenizer(const GgufFile& file, std::int32_t vocab);

}  // namespace inferbench
