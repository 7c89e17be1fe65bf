// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace inferbench {

/// Turns one token after another of a text into bytes. Holds back only what later tokens may change. Not thread-safe.
class TokenDecoder {
 public:
  TokenDecoder() = default;
  TokenDecoder(const TokenDecoder&) = delete;
  TokenDecoder& operator=(const TokenDecoder&) = delete;
  virtual ~TokenDecoder() = default;

  /// Appends what is certain to `bytes`. `id` is a token of the vocabulary.
  virtual void push(std::int32_t id, std::string& bytes) = 0;
  /// Appends the rest: the text ends.
  virtual void finish(std::string& bytes) = 0;
};

}  // namespace inferbench
