// SPDX-License-Identifier: Apache-2.0
#include "layer.hpp"

#include <mlx/compile.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "inferbench/decoder.hpp"

namespace inferbench::mlx_backend {
namespace {

constexpr float kSqrtHalf = 0.70710678F;
constexpr float kSqrtTwoOverPi = 0.79788456F;

mx::array times(const mx::array& x, float factor) {
  return mx::multiply(x, mx::array(factor, x.dtype()));
}

mx::array plus_one(const mx::array& x) {
  return mx::add(x, mx::array(1.0F, x.dtype()));
}

mx::array gelu_tanh(const mx::array& x) {
  const mx::array cubed = mx::multiply(x, mx::multiply(x, x));
  const mx::array inner = times(mx::add(x, times(cubed, 0.044715F)), kSqrtTwoOverPi);
  return mx::multiply(times(x, 0.5F), plus_one(mx::tanh(inner)));
}

mx::array activate(std::int32_t activation, const mx::array& x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return gelu_tanh(x);
    case IB_ACTIVATION_GELU_ERF:
      return mx::multiply(times(x, 0.5F), plus_one(mx::erf(times(x, kSqrtHalf))));
    case IB_ACTIVATION_SILU:
      return mx::multiply(x, mx::sigmoid(x));
    default:
      return mx::maximum(x, mx::array(0.0F, x.dtype()));
  }
}

// In fp32, whatever the type of x: in 16 bits the terms of gelu cancel each other to noise, and its cube overflows.
mx::array activate_exactly(std::int32_t activation, const mx::array& x) {
  return mx::astype(activate(activation, mx::astype(x, mx::float32)), x.dtype());
}

mx::array columns(const mx::array& x, std::int32_t begin, std::int32_t end) {
  return mx::slice(x, {0, begin}, {x.shape(0), end});
}

mx::array with_post_norm(const Norm& norm, const ib_model_desc& desc, const mx::array& x) {
  return norm.weight ? norm.run(x, desc.norm_epsilon) : x;
}

}  // namespace

MaybeArray as_type(const MaybeArray& x, mx::Dtype dtype) {
  if (!x) return x;
  mx::array typed = mx::astype(*x, dtype);
  mx::eval(typed);
  return typed;
}

std::uint64_t Layer::bytes() const {
  return attn_norm.bytes() + attn_qkv.bytes() + bytes_of(q_norm) + bytes_of(k_norm) + attn_out.bytes() +
         attn_post_norm.bytes() + mlp_norm.bytes() + mlp_up.bytes() + mlp_down.bytes() + mlp_post_norm.bytes();
}

void Layer::set_norm_type(mx::Dtype dtype) {
  for (Norm* norm : {&attn_norm, &attn_post_norm, &mlp_norm, &mlp_post_norm}) {
    norm->weight = as_type(norm->weight, dtype);
    norm->bias = as_type(norm->bias, dtype);
  }
  q_norm = as_type(q_norm, dtype);
  k_norm = as_type(k_norm, dtype);
}

Activation make_activation(const ib_model_desc& desc, bool is_compiled) {
  const std::int32_t code = desc.activation;
  Activation function;
  if (desc.gated == 0) {
    function = [code](const std::vector<mx::array>& x) { return std::vector{activate_exactly(code, x[0])}; };
  } else {  // x[0]: the gate, x[1]: what it gates
    function = [code](const std::vector<mx::array>& x) {
      return std::vector{mx::multiply(activate_exactly(code, x[0]), x[1])};
    };
  }
  return is_compiled ? mx::compile(function, true) : function;
}

mx::array activated(const ib_model_desc& desc, const Activation& activation, const mx::array& x) {
  if (desc.gated == 0) return activation({x})[0];
  const std::int32_t n = desc.intermediate_size;
  return activation({columns(x, 0, n), columns(x, n, 2 * n)})[0];
}

mx::array run_mlp(const Layer& layer, const ib_model_desc& desc, const Activation& activation, const mx::array& x) {
  return layer.mlp_down.run(activated(desc, activation, layer.mlp_up.run(x)));
}

mx::array attend(const Layer& layer, std::int32_t index, const ib_model_desc& desc, const RotaryTables& tables,
                 Pass& pass, Attention& attention, const mx::array& qkv) {
  const int rows = qkv.shape(0);
  const int n_heads = desc.n_heads;
  const int n_kv_heads = desc.n_kv_heads;
  const mx::array all = mx::reshape(qkv, {rows, n_heads + 2 * n_kv_heads, desc.head_dim});
  const auto heads_of = [&](int begin, int n) {
    return mx::slice(all, {0, begin, 0}, {rows, begin + n, desc.head_dim});
  };
  Heads heads{heads_of(0, n_heads), heads_of(n_heads, n_kv_heads), heads_of(n_heads + n_kv_heads, n_kv_heads)};
  if (layer.q_norm) {
    heads.queries = rms_norm(heads.queries, *layer.q_norm, desc.norm_epsilon);
    heads.keys = rms_norm(heads.keys, *layer.k_norm, desc.norm_epsilon);
  }
  if (layer.desc.rotary_table >= 0) {
    heads.queries = tables.run(layer.desc.rotary_table, heads.queries, pass.rows);
    heads.keys = tables.run(layer.desc.rotary_table, heads.keys, pass.rows);
  }
  return attention.run(index, layer.desc, pass.segments, heads);
}

mx::array run_layer(const Layer& layer, std::int32_t index, const ib_model_desc& desc, const RotaryTables& tables,
                    const Activation& activation, Pass& pass, Attention& attention, const mx::array& x) {
  const mx::array qkv = layer.attn_qkv.run(layer.attn_norm.run(x, desc.norm_epsilon));
  const mx::array attended = layer.attn_out.run(attend(layer, index, desc, tables, pass, attention, qkv));
  const mx::array middle = mx::add(x, with_post_norm(layer.attn_post_norm, desc, attended));
  const mx::array mlp = run_mlp(layer, desc, activation, layer.mlp_norm.run(middle, desc.norm_epsilon));
  return mx::add(middle, with_post_norm(layer.mlp_post_norm, desc, mlp));
}

}  // namespace inferbench::mlx_backend
