// SPDX-License-Identifier: Apache-2.0
#include "model/families/gemma_like.hpp"

#include <cmath>

namespace inferbench {
namespace {

double read_soft_cap(const ConfigFields& fields, const char* key, double otherwise) {
  return fields.is_null(key) ? 0 : fields.positive(key, 1e6, otherwise);
}

}  // namespace

ModelConfig read_gemma_like(const ConfigFields& fields, GemmaDefaults defaults) {
  if (fields.boolean("use_bidirectional_attention", false)) {
    fields.fail("use_bidirectional_attention", "true is not supported", "only causal attention is supported");
  }
  defaults.sizes.tied_head = true;
  defaults.sizes.head_dim = 256;
  defaults.sizes.activation_key = "hidden_activation";
  defaults.sizes.activation = IB_ACTIVATION_GELU_TANH;
  ModelConfig config = read_llama_like(fields, defaults.sizes);
  config.qkv_bias = config.attn_out_bias = fields.boolean("attention_bias", false);
  config.post_norm = true;
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden_size));
  config.attention_soft_cap = read_soft_cap(fields, "attn_logit_softcapping", defaults.attention_soft_cap);
  config.logit_soft_cap = read_soft_cap(fields, "final_logit_softcapping", defaults.logit_soft_cap);
  set_like_layers(config);
  const double scale = 1 / std::sqrt(fields.number("query_pre_attn_scalar", 1e-6, 1e6, 256.0));
  for (ib_layer_desc& layer : config.layers) layer.attention_scale = scale;
  return config;
}

std::vector<StoredTensor> gemma_like_tensors(const ModelConfig& config) {
  std::vector<StoredTensor> list = llama_like_tensors(config);
  for (StoredTensor& stored : list) stored.add_one = stored.role == decoder::TensorRole::kNormWeight;
  return list;
}

}  // namespace inferbench
