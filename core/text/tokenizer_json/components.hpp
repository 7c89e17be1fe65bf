// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer_json/added_tokens.hpp"
#include "text/tokenizer_json/bpe_model.hpp"
#include "text/tokenizer_json/decoders.hpp"
#include "text/tokenizer_json/normalizers.hpp"
#include "text/tokenizer_json/post_processors.hpp"
#include "text/tokenizer_json/pre_tokenizers.hpp"

namespace inferbench::tokenizer_json {

/// All that tokenizer.json says.
struct Components {
  BpeModel model;
  std::vector<Normalizer> normalizers;
  std::vector<PreTokenizer> pre_tokenizers;
  Surrounding surrounding;
  std::optional<std::vector<Decoder>> decoders;
  std::vector<AddedToken> added_tokens;
  std::vector<std::string> texts;  ///< of all tokens by id
  std::vector<bool> exists;        ///< by id; no token has the others
};

/// `name` is the file's, for messages. Added tokens from the id `vocab` on are left out. Truncation and padding are not
/// read: they are about batches, not about text. `merge_ranks`: see BpeModel. Throws Error.
Components read_components(const std::string& text, const std::string& name, std::int32_t vocab,
                           std::span<const std::int32_t> merge_ranks);

}  // namespace inferbench::tokenizer_json
