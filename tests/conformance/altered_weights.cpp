// SPDX-License-Identifier: Apache-2.0
#include "conformance/altered_weights.hpp"

#include <algorithm>
#include <cstring>

#include "support/test_paths.hpp"

namespace inferbench::conformance {

AlteredWeights::AlteredWeights(const std::string& fixture)
    : original_(Model::open(fixture, test_paths::kData).weights()), desc_(original_.desc()) {
  for (ib_tensor tensor : original_.tensors()) {
    const auto* bytes = static_cast<const std::byte*>(tensor.data);
    auto& copy = data_[tensor.name];
    copy.assign(bytes, bytes + tensor.n_bytes);
    tensor.data = copy.data();
    tensors_.push_back(tensor);
  }
}

void AlteredWeights::copy_row(const std::string& name, std::int32_t from, std::int32_t to) {
  const ib_tensor& matrix = tensor(name);
  const std::size_t row = matrix.n_bytes / static_cast<std::size_t>(matrix.shape[0]);
  std::byte* data = data_.at(name).data();
  std::memmove(data + static_cast<std::size_t>(to) * row, data + static_cast<std::size_t>(from) * row, row);
}

void AlteredWeights::overwrite(std::byte value) {
  for (auto& [name, bytes] : data_) std::fill(bytes.begin(), bytes.end(), value);
}

ib_tensor& AlteredWeights::tensor(const std::string& name) {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& t) { return name == t.name; });
  if (found == tensors_.end()) throw Error("no tensor " + name);
  return *found;
}

ib_model_desc& AlteredWeights::desc() {
  desc_.tensors = tensors_.data();
  desc_.n_tensors = tensors_.size();
  return desc_;
}

RawModel::RawModel(const ib_model_desc& desc, const char* precision, const ib_host* host)
    : vocab_(desc.vocab), max_tokens_(desc.context) {
  ib_init_params init{};
  init.struct_size = sizeof(init);
  silent_.struct_size = sizeof(silent_);
  init.host = host == nullptr ? &silent_ : host;
  init.n_threads = 2;
  if (table().init(&init, &context_, &error_) != IB_OK) throw Error(error_.message);
  const OptionValues options(plugin().options(), settings().options);
  ib_model_params params{};
  params.struct_size = sizeof(params);
  params.desc = &desc;
  const char* set_up = settings().precision.empty() ? plugin().precisions().front().name : settings().precision.c_str();
  params.precision = precision == nullptr ? set_up : precision;
  params.options = options.values().data();
  params.n_options = options.values().size();
  std::memset(error_.message, '?', sizeof(error_.message));
  status_ = table().model_create(context_, &params, &model_, &error_);
}

RawModel::~RawModel() {
  if (model_ != nullptr) table().model_destroy(model_);
  table().shutdown(context_);
}

void RawModel::forward(std::span<const std::int32_t> ids, ib_forward_params params) const {
  if (status_ != IB_OK) throw Error(error_.message);
  ib_session_params shape{};
  shape.struct_size = sizeof(shape);
  shape.n_slots = 1;
  shape.max_tokens = max_tokens_;
  ib_session* session = nullptr;
  ib_error error{};
  if (table().session_create(model_, &shape, &session, &error) != IB_OK) throw Error(error.message);
  const ib_sequence sequence{0, static_cast<std::int32_t>(ids.size()), ids.data()};
  params.struct_size = sizeof(params);
  params.sequences = &sequence;
  params.n_sequences = 1;
  const ib_status status = table().forward(session, &params, &error);
  table().session_destroy(session);
  if (status != IB_OK) throw Error(error.message);
}

std::vector<float> RawModel::last_logits(std::span<const std::int32_t> ids) const {
  std::vector<float> logits(static_cast<std::size_t>(vocab_));
  ib_forward_params params{};
  params.output = IB_OUTPUT_LAST_LOGITS;
  params.logits = logits.data();
  params.logits_capacity = logits.size();
  forward(ids, params);
  return logits;
}

std::int32_t RawModel::greedy(std::span<const std::int32_t> ids) const {
  std::int32_t id = -1;
  ib_forward_params params{};
  params.output = IB_OUTPUT_GREEDY;
  params.ids = &id;
  params.ids_capacity = 1;
  forward(ids, params);
  return id;
}

}  // namespace inferbench::conformance
