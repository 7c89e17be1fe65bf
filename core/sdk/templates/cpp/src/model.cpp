// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <string>
#include <string_view>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"

namespace {

using inferbench::Failure;

/// Copies tensors, one after the other; reports progress and stops when the host asks it to.
class Loader {
 public:
  Loader(const inferbench::HostCalls& host, const ib_model_desc& desc) : host_(host), desc_(desc), tensors_(desc) {}

  std::vector<float> vector(const std::string& name, std::int64_t n) {
    const ib_tensor& tensor = tensors_.get(name, {n});
    std::vector<float> values(static_cast<std::size_t>(n));
    inferbench::read_vector(tensor, 0, n, values.data());
    finish(values);
    return values;
  }
  std::vector<float> matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const ib_tensor& tensor = tensors_.get(name, {rows, columns});
    std::vector<float> values(static_cast<std::size_t>(rows * columns));
    for (std::int64_t row = 0; row < rows; ++row) {
      inferbench::read_row(tensor, row, 0, columns, values.data() + row * columns);
    }
    finish(values);
    return values;
  }
  Norm norm(const std::string& name) {
    Norm norm{vector(name + ".weight", desc_.hidden_size), {}};
    if (desc_.norm == IB_NORM_LAYER) norm.bias = vector(name + ".bias", desc_.hidden_size);
    return norm;
  }
  Linear linear(const std::string& name, std::int64_t n_out, std::int64_t n_in, std::int32_t has_bias) {
    Linear linear{matrix(name + ".weight", n_out, n_in), {}};
    if (has_bias != 0) linear.bias = vector(name + ".bias", n_out);
    return linear;
  }
  std::uint64_t n_bytes() const { return n_bytes_; }

 private:
  void finish(const std::vector<float>& values) {
    host_.throw_if_cancelled();
    host_.progress(static_cast<double>(++n_taken_) / static_cast<double>(desc_.n_tensors));
    n_bytes_ += values.size() * sizeof(float);
  }

  const inferbench::HostCalls& host_;
  const ib_model_desc& desc_;
  inferbench::TensorMap tensors_;
  std::uint64_t n_taken_ = 0;
  std::uint64_t n_bytes_ = 0;
};

Layer load_layer(Loader& loader, const ib_model_desc& desc, std::int32_t index) {
  const auto name = [index](const char* part) { return inferbench::decoder::layer_tensor_name(index, part); };
  const std::int64_t query_size = inferbench::decoder::query_size(desc);
  const std::int64_t kv_size = inferbench::decoder::kv_size(desc);
  Layer layer;
  layer.desc = desc.layers[index];
  layer.attn_norm = loader.norm(name("attn_norm"));
  layer.attn_q = loader.linear(name("attn_q"), query_size, desc.hidden_size, desc.qkv_bias);
  layer.attn_k = loader.linear(name("attn_k"), kv_size, desc.hidden_size, desc.qkv_bias);
  layer.attn_v = loader.linear(name("attn_v"), kv_size, desc.hidden_size, desc.qkv_bias);
  if (desc.qk_norm != 0) {
    layer.attn_q_norm.weight = loader.vector(name("attn_q_norm.weight"), desc.head_dim);
    layer.attn_k_norm.weight = loader.vector(name("attn_k_norm.weight"), desc.head_dim);
  }
  layer.attn_out = loader.linear(name("attn_out"), desc.hidden_size, query_size, desc.attn_out_bias);
  if (desc.post_norm != 0) layer.attn_post_norm = loader.norm(name("attn_post_norm"));
  layer.mlp_norm = loader.norm(name("mlp_norm"));
  if (desc.gated != 0) {
    layer.mlp_gate = loader.linear(name("mlp_gate"), desc.intermediate_size, desc.hidden_size, desc.mlp_bias);
  }
  layer.mlp_up = loader.linear(name("mlp_up"), desc.intermediate_size, desc.hidden_size, desc.mlp_bias);
  layer.mlp_down = loader.linear(name("mlp_down"), desc.hidden_size, desc.intermediate_size, desc.mlp_bias);
  if (desc.post_norm != 0) layer.mlp_post_norm = loader.norm(name("mlp_post_norm"));
  return layer;
}

}  // namespace

Model::Model(Context& context, const ib_model_params& params) : host(context.host), desc(*params.desc) {
  if (params.precision != std::string_view("fp32")) throw Failure(IB_UNSUPPORTED, "the only precision is 'fp32'");
  inferbench::check_codes(desc);
  Loader loader(host, desc);
  token_embedding = loader.matrix("token_embedding.weight", desc.vocab_size, desc.hidden_size);
  if (desc.learned_positions != 0) {
    position_embedding = loader.matrix("position_embedding.weight", desc.max_positions, desc.hidden_size);
  }
  for (std::int32_t i = 0; i < desc.n_layers; ++i) layers.push_back(load_layer(loader, desc, i));
  final_norm = loader.norm("final_norm");
  if (desc.tied_head == 0) own_head = loader.matrix("head.weight", desc.vocab_size, desc.hidden_size);

  if (desc.n_rotary_tables > 0) {
    const std::int64_t n = std::int64_t{desc.n_rotary_tables} * (desc.head_dim / 2);
    rotary_frequencies.assign(desc.rotary_frequencies, desc.rotary_frequencies + n);
    rotary_scales.assign(desc.rotary_scales, desc.rotary_scales + desc.n_rotary_tables);
  }
  // They point to the host's memory, which may be gone after this call.
  desc.layers = nullptr;
  desc.rotary_frequencies = desc.rotary_scales = nullptr;
  desc.tensors = nullptr;

  // A step reads all weights, but one row of each embedding. A tied head reads all of token_embedding.
  const auto row = static_cast<std::uint64_t>(desc.hidden_size) * sizeof(float);
  std::uint64_t unread = 0;
  if (desc.learned_positions != 0) unread += static_cast<std::uint64_t>(desc.max_positions - 1) * row;
  if (desc.tied_head == 0) unread += static_cast<std::uint64_t>(desc.vocab_size - 1) * row;
  info_ = {sizeof(info_), loader.n_bytes(), loader.n_bytes() - unread, "cpu", "plain C++, one thread"};
}
