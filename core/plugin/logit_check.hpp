// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace inferbench {

/// A logit that no softmax can use. Plain data: it crosses process borders.
struct WrongLogit {
  std::size_t row = 0;         ///< of the logits, from 0
  std::size_t token = 0;       ///< whose logit it is
  std::optional<float> value;  ///< NaN or an infinity; absent: the backend wrote none
};

/// "the logit of token 17 is NaN"
std::string describe(const WrongLogit& wrong);

/// "is NaN", "is infinite", "is minus infinity", "was not written".
std::string_view wrong_value_text(const std::optional<float>& value);

/// Fills a buffer that a backend is to write, so that find_wrong_logit knows what it left out.
void mark_unwritten(std::span<float> logits);

/// The first of row-major `logits` [rows, vocab] that is not finite. Nothing legitimate is infinite: neither a tensor
/// of the model nor a mask reaches the logits of the last layer.
std::optional<WrongLogit> find_wrong_logit(std::span<const float> logits, std::size_t vocab);

}  // namespace inferbench
