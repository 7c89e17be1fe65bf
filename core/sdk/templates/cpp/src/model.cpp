// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>

namespace {

using inferbench::Failure;

// ---- numbers ----

/// IEEE 754 binary16: 1 sign bit, 5 bits of exponent, 10 bits of fraction.
float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10U) & 0x1f;
  const int fraction = half & 0x3ff;
  float value = 0;
  if (exponent == 0x1f) {
    value = fraction == 0 ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  }
  return (half >> 15U) != 0 ? -value : value;
}

/// bfloat16 is the upper half of a binary32.
float bfloat_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

std::vector<float> as_floats(const ib_tensor& tensor) {
  const std::size_t n = tensor.n_bytes / inferbench::dtype_bytes(tensor.dtype);
  std::vector<float> values(n);
  if (tensor.dtype == IB_DTYPE_F32) {
    std::memcpy(values.data(), tensor.data, tensor.n_bytes);
    return values;
  }
  const auto* halves = static_cast<const std::uint16_t*>(tensor.data);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = tensor.dtype == IB_DTYPE_F16 ? half_to_float(halves[i]) : bfloat_to_float(halves[i]);
  }
  return values;
}

// ---- tensors by name ----

/// Copies tensors, one after the other; reports progress and obeys the host's wish to stop.
class Loader {
 public:
  Loader(const inferbench::HostCalls& host, const ib_model_desc& desc)
      : host_(host), tensors_(desc), n_tensors_(desc.n_tensors) {}

  std::vector<float> take(const std::string& name, std::initializer_list<std::int64_t> shape) {
    host_.throw_if_cancelled();
    std::vector<float> values = as_floats(tensors_.get(name, shape));
    host_.progress(static_cast<double>(++n_taken_) / static_cast<double>(n_tensors_));
    n_bytes_ += values.size() * sizeof(float);
    return values;
  }
  LayerNorm layer_norm(const std::string& name, std::int32_t width) {
    LayerNorm norm;
    norm.weight = take(name + ".weight", {width});
    norm.bias = take(name + ".bias", {width});
    return norm;
  }
  Linear linear(const std::string& name, std::int32_t n_in, std::int32_t n_out) {
    Linear linear{n_in, n_out, {}, {}};
    linear.weight = take(name + ".weight", {n_in, n_out});
    linear.bias = take(name + ".bias", {n_out});
    return linear;
  }
  std::uint64_t n_bytes() const { return n_bytes_; }

 private:
  const inferbench::HostCalls& host_;
  inferbench::TensorMap tensors_;
  std::uint64_t n_tensors_;
  std::uint64_t n_taken_ = 0;
  std::uint64_t n_bytes_ = 0;
};

Layer load_layer(Loader& loader, const std::string& prefix, std::int32_t width, std::int32_t inner) {
  Layer layer;
  layer.ln_1 = loader.layer_norm(prefix + "ln_1", width);
  layer.c_attn = loader.linear(prefix + "attn.c_attn", width, 3 * width);
  layer.attn_c_proj = loader.linear(prefix + "attn.c_proj", width, width);
  layer.ln_2 = loader.layer_norm(prefix + "ln_2", width);
  layer.c_fc = loader.linear(prefix + "mlp.c_fc", width, inner);
  layer.mlp_c_proj = loader.linear(prefix + "mlp.c_proj", inner, width);
  return layer;
}

}  // namespace

Model::Model(Context& used_context, const ib_model_params& params)
    : host(used_context.host),
      n_heads(params.desc->n_heads),
      width(params.desc->width),
      context(params.desc->context),
      vocab(params.desc->vocab),
      activation(params.desc->activation),
      scale_attn_weights(params.desc->scale_attn_weights != 0),
      scale_attn_by_inverse_layer(params.desc->scale_attn_by_inverse_layer != 0),
      layer_norm_epsilon(params.desc->layer_norm_epsilon) {
  const ib_model_desc& desc = *params.desc;
  if (params.precision != std::string_view("fp32")) throw Failure(IB_UNSUPPORTED, "the only precision is 'fp32'");
  if (activation < IB_ACTIVATION_GELU_TANH || activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(activation));
  }
  Loader loader(host, desc);
  wte = loader.take("wte.weight", {vocab, width});
  wpe = loader.take("wpe.weight", {context, width});
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    layers.push_back(load_layer(loader, "h." + std::to_string(i) + ".", width, desc.inner));
  }
  ln_f = loader.layer_norm("ln_f", width);
  if (desc.tied_head == 0) lm_head = loader.take("lm_head.weight", {vocab, width});

  // A step reads all but the embeddings, of which it reads one row each; a tied head reads all of wte.
  const auto row = static_cast<std::uint64_t>(width) * sizeof(float);
  std::uint64_t unread = static_cast<std::uint64_t>(context - 1) * row;
  if (!lm_head.empty()) unread += static_cast<std::uint64_t>(vocab - 1) * row;
  info_ = {sizeof(info_), loader.n_bytes(), loader.n_bytes() - unread, "cpu", "plain C++, one thread"};
}
