// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace inferbench {

/// A logit that softmax cannot use. Plain data: it is sent between processes.
struct WrongLogit {
  std::size_t row = 0;         ///< row in the logits, from 0
  std::size_t token = 0;       ///< the token that the logit belongs to
  std::optional<float> value;  ///< NaN or an infinity; absent: the backend did not write it
};

/// "the logit of token 17 is NaN"
std::string describe(const WrongLogit& wrong);

/// "is NaN", "is infinite", "is minus infinity", "was not written".
std::string_view wrong_value_text(const std::optional<float>& value);

/// Fills a buffer before a backend writes it, so that find_wrong_logit can detect values that were not written.
void mark_unwritten(std::span<float> logits);

/// The first value of row-major `logits` [rows, vocab] that is not finite. A correct logit is never infinite: the
/// model's tensors are finite, and attention masks don't reach the logits of the last layer.
std::optional<WrongLogit> find_wrong_logit(std::span<const float> logits, std::size_t vocab);

}  // namespace inferbench
