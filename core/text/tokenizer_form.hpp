// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "text/token_decoder.hpp"

namespace inferbench {

/// What a Tokenizer does, by the form of its files. Immutable; any number of threads may use one.
class TokenizerForm {
 public:
  TokenizerForm() = default;
  TokenizerForm(const TokenizerForm&) = delete;
  TokenizerForm& operator=(const TokenizerForm&) = delete;
  virtual ~TokenizerForm() = default;

  /// `bytes`: below 2^31. `continues`: they follow a text that was cut where `last_cut` says.
  virtual std::vector<std::int32_t> encode(std::string_view bytes, bool continues) const = 0;
  virtual std::vector<std::int32_t> add_special(std::vector<std::int32_t> ids) const = 0;
  virtual std::unique_ptr<TokenDecoder> decoder() const = 0;

  /// One more than the largest id.
  virtual std::int32_t size() const = 0;
  virtual bool has(std::int32_t id) const = 0;
  virtual std::optional<std::int32_t> find_token(std::string_view text) const = 0;

  /// The last place where `text` may be cut so that the tokens of both parts, the second one encoded as one that
  /// continues, are those of the whole. npos: nowhere.
  virtual std::size_t last_cut(std::string_view text) const = 0;
};

}  // namespace inferbench
