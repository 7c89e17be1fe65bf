// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "model/families/family.hpp"
#include "model/model.hpp"
#include "model/weights_storage.hpp"

namespace inferbench {
namespace {

ib_tensor tensor_of(const char* name, std::int32_t dtype, const TensorView& view, const void* stored) {
  ib_tensor tensor = {};
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.rank = view.rank;
  std::int64_t last = 0;  // element, from the first
  for (std::size_t i = 0; i < static_cast<std::size_t>(view.rank); ++i) {
    tensor.shape[i] = view.shape[i];
    tensor.strides[i] = view.strides[i];
    last += (view.shape[i] - 1) * view.strides[i];
  }
  const std::int64_t element_bytes = dtype == IB_DTYPE_F32 ? 4 : 2;
  tensor.data = static_cast<const std::byte*>(stored) + view.offset * element_bytes;
  tensor.n_bytes = static_cast<std::uint64_t>((last + 1) * element_bytes);
  return tensor;
}

}  // namespace

Weights::Storage::Storage(std::vector<decoder::TensorSpec> specs) : specs_(std::move(specs)), tensors_(specs_.size()) {
  for (std::size_t i = 0; i < specs_.size(); ++i) index_of_.emplace(specs_[i].name, i);
}

void Weights::Storage::add_tensor(std::int32_t dtype, const void* data) {
  const decoder::TensorSpec& spec = specs_[n_added_];
  TensorView view{spec.name, 0, spec.rank, spec.shape, {1, 0}};
  if (spec.rank == 2) view.strides = {spec.shape[1], 1};
  tensors_[n_added_++] = tensor_of(spec.name.c_str(), dtype, view, data);
}

void Weights::Storage::add_views(const StoredTensor& stored, std::int32_t dtype, const void* data) {
  for (const TensorView& view : stored.views) {
    const std::size_t index = index_of_.at(view.name);
    tensors_[index] = tensor_of(specs_[index].name.c_str(), dtype, view, data);
    ++n_added_;
  }
}

Weights::Weights(ModelConfig config, std::shared_ptr<const Storage> storage, std::optional<std::filesystem::path> place)
    : config_(std::move(config)), place_(std::move(place)), storage_(std::move(storage)) {}

std::span<const ib_tensor> Weights::tensors() const {
  return storage_->tensors();
}

ib_model_desc Weights::desc() const {
  ib_model_desc desc = model_desc(config_);
  desc.tensors = tensors().data();
  desc.n_tensors = tensors().size();
  return desc;
}

}  // namespace inferbench
