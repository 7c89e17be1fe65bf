// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "model/model.hpp"
#include "model/weights_storage.hpp"

namespace inferbench {

void Weights::Storage::add_tensor(std::int32_t dtype, const void* data, std::uint64_t n_bytes) {
  const TensorSpec& spec = specs_[tensors_.size()];
  ib_tensor tensor = {};
  tensor.name = spec.name.c_str();
  tensor.dtype = dtype;
  tensor.rank = static_cast<std::int32_t>(spec.shape.size());
  for (std::size_t i = 0; i < spec.shape.size(); ++i) tensor.shape[i] = spec.shape[i];
  tensor.data = data;
  tensor.n_bytes = n_bytes;
  tensors_.push_back(tensor);
}

Weights::Weights(ModelConfig config, std::shared_ptr<const Storage> storage)
    : config_(config), storage_(std::move(storage)) {}

std::span<const ib_tensor> Weights::tensors() const {
  return storage_->tensors();
}

ib_model_desc Weights::desc() const {
  ib_model_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.n_layers = config_.n_layers;
  desc.n_heads = config_.n_heads;
  desc.width = config_.width;
  desc.inner = config_.inner;
  desc.context = config_.context;
  desc.vocab = config_.vocab;
  desc.activation = config_.activation;
  desc.scale_attn_weights = config_.scale_attn_weights ? 1 : 0;
  desc.scale_attn_by_inverse_layer = config_.scale_attn_by_inverse_layer ? 1 : 0;
  desc.tied_head = config_.tied_head ? 1 : 0;
  desc.layer_norm_epsilon = config_.layer_norm_epsilon;
  desc.tensors = tensors().data();
  desc.n_tensors = tensors().size();
  return desc;
}

}  // namespace inferbench
