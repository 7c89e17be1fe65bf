// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "inferbench/backend.h"
#include "reference/operators.hpp"

namespace inferbench::reference {

/// Returns a tensor's elements by its name in ib_model_desc without "layer.{i}.", such as "attn_q.weight".
using WeightLookup = std::function<const Values&(const std::string& name)>;

/// One layer of ib_model_desc in float64, and its parts as op_bench.h has them.
class Layer {
 public:
  /// Borrows from `desc`, whose tensors it does not look at. `weight` is asked for what the called function needs.
  Layer(const ib_model_desc& desc, std::int32_t index, WeightLookup weight);

  /// norm(x; name), such as "attn_norm"; x [rows, hidden_size].
  Values norm(const Values& x, const std::string& name) const;

  /// x [rows, inputs] * transpose(name.weight), plus name.bias if the description has it.
  Values project(const Values& x, std::size_t inputs, const std::string& name) const;

  /// The rows of x [rows, heads head_dim] rotated; row i is at position first + i. Unchanged in a layer without
  /// rotation.
  Values rotated(Values x, std::int32_t heads, std::int64_t first) const;

  /// Everything between the projections and attn_out: qk_norm, rotation, scores, softmax and sum. q [rows, n_heads
  /// head_dim], k and v [rows, n_kv_heads head_dim] of consecutive positions. The positions of past_kv [past, 2 kv]
  /// come before them; each row has the keys after qk_norm and rotation, then the values.
  Values attention(Values q, Values k, const Values& v, const Values& past_kv = {}) const;

  /// From the normed input to the sum with the residual stream; x [rows, hidden_size].
  Values mlp(const Values& x) const;

  /// The entire layer; x [rows, hidden_size] of consecutive positions, past_kv as for attention().
  Values apply(Values x, const Values& past_kv = {}) const;

 private:
  Values post_norm(Values x, const std::string& name) const;

  const ib_model_desc& desc_;
  std::int32_t index_;
  WeightLookup weight_;
};

/// desc.activation of `up`; of a gated MLP, activation(gate) * up. Without a gate `gate` is empty.
Values activated(const ib_model_desc& desc, Values gate, Values up);

}  // namespace inferbench::reference
