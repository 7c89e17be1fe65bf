// SPDX-License-Identifier: Apache-2.0
//
// Optional C++20 help: what a dense decoder costs. The one home of these formulas, for the host and for backends.
#ifndef INFERBENCH_DECODER_HPP
#define INFERBENCH_DECODER_HPP

namespace inferbench::decoder {

/// The sizes that costs depend on. Counts are double: products of them exceed 64 bits for no real model, but
/// intermediate terms are divided and multiplied by rates.
struct Shape {
  double n_layers = 0;
  double hidden_size = 0;
  double intermediate_size = 0;  ///< of the MLP
  double vocab_size = 0;
  double query_size = 0;  ///< heads x head dim: values of one token's queries, and of the attention output
  double kv_size = 0;     ///< key-value heads x head dim: values of one token's keys, and of its values
  bool gated = false;     ///< the MLP has a gate projection besides up and down
};

/// A multiply-add counts as two operations.
inline constexpr double kOpsPerWeight = 2;

/// Weights of a layer's linear projections: query, key, value, output, and the MLP's.
constexpr double linear_weights_per_layer(const Shape& shape) {
  const double attention = shape.hidden_size * (2 * shape.query_size + 2 * shape.kv_size);
  return attention + (shape.gated ? 3 : 2) * shape.hidden_size * shape.intermediate_size;
}

/// Weights of all linear projections, the output head left out.
constexpr double linear_weights(const Shape& shape) {
  return shape.n_layers * linear_weights_per_layer(shape);
}

/// Weights of the output head, tied or not.
constexpr double head_weights(const Shape& shape) {
  return shape.vocab_size * shape.hidden_size;
}

/// Pairs of a query and a key that causal attention computes for `n` new tokens after `past`: token i of them attends
/// to past + i + 1 positions.
constexpr double attended_pairs(double past, double n) {
  return n * past + n * (n + 1) / 2;
}

/// Operations of one layer's attention for that many pairs: a dot product of a query and a key, and a weighted value.
constexpr double attention_operations(const Shape& shape, double pairs) {
  return 2 * kOpsPerWeight * shape.query_size * pairs;
}

/// Operations of a prefill of one sequence: linear projections, attention, and the head for the last token.
constexpr double prefill_operations(const Shape& shape, double prompt_tokens, double past_tokens) {
  return kOpsPerWeight * linear_weights(shape) * prompt_tokens +
         shape.n_layers * attention_operations(shape, attended_pairs(past_tokens, prompt_tokens)) +
         kOpsPerWeight * head_weights(shape);
}

/// Values that the KV cache holds for each token: a key and a value in every layer.
constexpr double kv_values_per_token(const Shape& shape) {
  return 2 * shape.n_layers * shape.kv_size;
}

}  // namespace inferbench::decoder

#endif  // INFERBENCH_DECODER_HPP
