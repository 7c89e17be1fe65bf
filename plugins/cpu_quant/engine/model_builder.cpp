// SPDX-License-Identifier: Apache-2.0
#include "engine/model_builder.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr std::int32_t kTilesPerItem = 4;
constexpr std::size_t kSteps = 100;  // of progress

/// Of the output head. The head of a large vocabulary is a quarter of what a small Llama reads for a token. On trained
/// weights (quant_quality_test), int4 layers lose 5.4e-3 nats a token with a head in 8 bits, 6.2e-3 in 5 and 8.7e-3
/// in 4.
WeightFormat head_format(const Options& options, WeightFormat layers, std::int32_t vocab_size) {
  constexpr std::int32_t kLargeVocabulary = 65536;
  if (options.head != kHeadAuto) return options.head == kHeadInt5 ? WeightFormat::Int5 : WeightFormat::Int8;
  return layers == WeightFormat::Int4 && vocab_size >= kLargeVocabulary ? WeightFormat::Int5 : WeightFormat::Int8;
}

/// The layer of a copy whose buffer begins `bytes` later.
Layer shifted(Layer layer, std::uint64_t bytes) {
  const auto move = [bytes](const float*& values) {
    if (values != nullptr) values += bytes / sizeof(float);
  };
  for (NormArgs* norm : {&layer.attn_norm, &layer.attn_post_norm, &layer.mlp_norm, &layer.mlp_post_norm}) {
    move(norm->weight);
    move(norm->bias);
  }
  move(layer.q_norm);
  move(layer.k_norm);
  for (Linear* linear : {&layer.attn_qkv, &layer.attn_out, &layer.mlp_up, &layer.mlp_down}) {
    if (linear->weights != nullptr) linear->weights += bytes;
    move(linear->bias);
  }
  return layer;
}

}  // namespace

ModelBuilder::ModelBuilder(Model& model, TensorMap tensors, WeightFormat format)
    : model_(model), tensors_(std::move(tensors)), shape_(model.shape), format_(format) {}

void ModelBuilder::build() {
  plan();
  fill(plan_.bytes());
  if (shape_.tied_head != 0) model_.embedding = model_.head;
}

std::uint64_t ModelBuilder::build_operator(const ib_op_desc& op) {
  model_.layers.resize(static_cast<std::size_t>(op.n_copies));
  plan_operator(op.op, model_.layers.front());
  const auto bytes = static_cast<std::uint64_t>(round_up(static_cast<std::int64_t>(plan_.bytes()), 64));
  if (bytes == 0) return 0;
  fill(bytes * static_cast<std::uint64_t>(op.n_copies));
  std::uint8_t* base = model_.buffer_.data();
  for (std::size_t copy = 1; copy < model_.layers.size(); ++copy) {
    std::memcpy(base + copy * bytes, base, bytes);
    model_.layers[copy] = shifted(model_.layers.front(), copy * bytes);
  }
  return bytes;
}

// ---- the plan ----

void ModelBuilder::plan() {
  model_.layers.resize(static_cast<std::size_t>(shape_.n_layers));
  for (std::int32_t i = 0; i < shape_.n_layers; ++i) plan_layer(model_.layers[static_cast<std::size_t>(i)], i);
  norm("final_norm", model_.final_norm);
  const WeightFormat head = head_format(model_.options, format_, shape_.vocab_size);
  if (shape_.tied_head != 0) {
    matrix("token_embedding.weight", head, model_.head);
  } else {
    matrix("head.weight", head, model_.head);
    matrix("token_embedding.weight", WeightFormat::Int8, model_.embedding);
  }
  if (shape_.learned_positions == 0) return;
  const std::int64_t hidden = shape_.hidden_size;
  const ib_tensor& positions = tensors_.get("position_embedding.weight", {shape_.max_positions, hidden});
  const std::uint64_t offset = reserve(shape_.max_positions * hidden, model_.positions);
  copies_.push_back({&positions, offset, hidden, hidden});
}

void ModelBuilder::plan_layer(Layer& layer, std::int32_t index) {
  const std::string prefix = decoder::layer_tensor_name(index, "");
  const std::int64_t hidden = shape_.hidden_size;
  const std::int64_t query = decoder::query_size(shape_);
  const std::int64_t kv = decoder::kv_size(shape_);
  norm(prefix + "attn_norm", layer.attn_norm);
  linear({{prefix + "attn_q", query}, {prefix + "attn_k", kv}, {prefix + "attn_v", kv}}, hidden, shape_.qkv_bias != 0,
         false, format_, layer.attn_qkv);
  if (shape_.qk_norm != 0) {
    vector(prefix + "attn_q_norm.weight", shape_.head_dim, layer.q_norm);
    vector(prefix + "attn_k_norm.weight", shape_.head_dim, layer.k_norm);
  }
  linear({{prefix + "attn_out", hidden}}, query, shape_.attn_out_bias != 0, false, format_, layer.attn_out);
  if (shape_.post_norm != 0) norm(prefix + "attn_post_norm", layer.attn_post_norm);
  norm(prefix + "mlp_norm", layer.mlp_norm);
  plan_mlp(layer, prefix);
  if (shape_.post_norm != 0) norm(prefix + "mlp_post_norm", layer.mlp_post_norm);
}

void ModelBuilder::plan_mlp(Layer& layer, const std::string& prefix) {
  const std::int64_t inner = shape_.intermediate_size;
  const bool bias = shape_.mlp_bias != 0;
  const bool gated = shape_.gated != 0;
  std::vector<Part> up{{prefix + "mlp_up", inner}};
  if (gated) up.insert(up.begin(), {prefix + "mlp_gate", inner});
  linear(up, shape_.hidden_size, bias, gated, format_, layer.mlp_up);
  // What an activation alone leaves is hardly ever negative, so that all eight bits can serve its upper side.
  const bool is_unsigned = !gated && shape_.activation != IB_ACTIVATION_SILU && format_ == WeightFormat::Int8;
  linear({{prefix + "mlp_down", shape_.hidden_size}}, inner, bias, false,
         is_unsigned ? WeightFormat::Int8Signed : format_, layer.mlp_down);
}

/// A product alone is done as that of the queries, keys and values: from quantized rows to floats.
void ModelBuilder::plan_operator(std::int32_t op, Layer& layer) {
  if (op == IB_OP_NORM) norm("layer.0.attn_norm", layer.attn_norm);
  if (op == IB_OP_LINEAR) {
    linear({{"layer.0.mlp_up", shape_.intermediate_size}}, shape_.hidden_size, shape_.mlp_bias != 0, false, format_,
           layer.attn_qkv);
  }
  if (op == IB_OP_ATTENTION && shape_.qk_norm != 0) {
    vector("layer.0.attn_q_norm.weight", shape_.head_dim, layer.q_norm);
    vector("layer.0.attn_k_norm.weight", shape_.head_dim, layer.k_norm);
  }
  if (op == IB_OP_MLP) plan_mlp(layer, "layer.0.");
  if (op == IB_OP_LAYER) plan_layer(layer, 0);
}

std::uint64_t ModelBuilder::reserve(std::int64_t n, const float*& target) {
  targets_.push_back({&target, plan_.reserve(static_cast<std::uint64_t>(n), sizeof(float))});
  return targets_.back().offset;
}

void ModelBuilder::vector(const std::string& name, std::int64_t n, const float*& target) {
  copies_.push_back({&tensors_.get(name, {n}), reserve(n, target), n, n});
}

void ModelBuilder::norm(const std::string& name, NormArgs& target) {
  target.epsilon = static_cast<float>(shape_.norm_epsilon);
  vector(name + ".weight", shape_.hidden_size, target.weight);
  if (shape_.norm == IB_NORM_LAYER) vector(name + ".bias", shape_.hidden_size, target.bias);
}

void ModelBuilder::linear(const std::vector<Part>& parts, std::int64_t inputs, bool bias, bool interleaved,
                          WeightFormat format, Linear& target) {
  WeightMatrix matrix;
  matrix.interleaved = interleaved;
  for (const Part& part : parts) {
    matrix.parts.push_back(source_of(tensors_.get(part.name + ".weight", {part.outputs, inputs})));
  }
  Pack& packed = pack(std::move(matrix), format, target);
  // What is taken out of it for unsigned rows (unshift) needs a bias, too.
  if (!bias && format != WeightFormat::Int8Signed) return;
  packed.bias = reserve(target.n, target.bias);
  for (std::size_t i = 0; bias && i < parts.size(); ++i) {
    const ib_tensor& tensor = tensors_.get(parts[i].name + ".bias", {parts[i].outputs});
    const auto first = static_cast<std::uint64_t>(packed.matrix.first_tile(i)) * kTile * sizeof(float);
    copies_.push_back({&tensor, packed.bias + first, interleaved ? kTile : parts[i].outputs, std::int64_t{2} * kTile});
  }
}

/// One by its rows, [vocabulary, hidden].
void ModelBuilder::matrix(const std::string& name, WeightFormat format, Linear& target) {
  const ib_tensor& tensor = tensors_.get(name, {shape_.vocab_size, shape_.hidden_size});
  pack({{source_of(tensor)}, false}, format, target);
}

/// The reference is valid until the next call.
ModelBuilder::Pack& ModelBuilder::pack(WeightMatrix matrix, WeightFormat format, Linear& target) {
  const bool alone = matrix.parts.size() == 1;
  target.n = alone ? static_cast<std::int32_t>(matrix.parts[0].n_channels) : matrix.n_tiles() * kTile;
  target.k = matrix.n_inputs();
  target.format = format;
  const std::uint64_t offset = plan_.reserve(static_cast<std::uint64_t>(target.bytes()), 1);
  return packs_.emplace_back(Pack{std::move(matrix), &target, offset});
}

// ---- filling ----

void ModelBuilder::fill(std::uint64_t bytes) {
  model_.buffer_ = Buffer(bytes, model_.context.memory);
  std::uint8_t* base = model_.buffer_.data();
  for (const Target& target : targets_) *target.pointer = reinterpret_cast<float*>(base + target.offset);
  for (const Copy& copy : copies_) write(copy);
  for (const Pack& pack : packs_) pack.target->weights = base + pack.offset;
  for (std::uint32_t p = 0; p < packs_.size(); ++p) {
    const std::int32_t tiles = packs_[p].matrix.n_tiles();
    for (std::int32_t tile = 0; tile < tiles; tile += kTilesPerItem) items_.push_back({p, tile});
  }
  model_.context.host.progress(0.0);
  if (!items_.empty()) model_.context.team.run(*this);
  throw_if_cancelled();
  report(kSteps);
  throw_if_cancelled();
}

void ModelBuilder::write(const Copy& copy) {
  auto* to = reinterpret_cast<float*>(model_.buffer_.data() + copy.offset);
  const ib_tensor& tensor = *copy.tensor;
  const std::int64_t n = tensor.shape[0];
  if (tensor.rank == 2) {
    for (std::int64_t row = 0; row < n; ++row) read_row(tensor, row, 0, copy.run, to + row * copy.step);
    return;
  }
  for (std::int64_t i = 0; i < n; i += copy.run) {
    read_vector(tensor, i, std::min(copy.run, n - i), to + i / copy.run * copy.step);
  }
}

std::uint32_t ModelBuilder::n_items(std::uint32_t /*phase*/) const noexcept {
  return static_cast<std::uint32_t>(items_.size());
}

void ModelBuilder::run_item(std::uint32_t /*phase*/, std::uint32_t item, int /*thread*/) noexcept {
  if (cancelled_.load(std::memory_order_relaxed)) return;
  const Pack& pack = packs_[items_[item].pack];
  const std::int32_t begin = items_[item].tile;
  const std::int32_t end = std::min(begin + kTilesPerItem, pack.matrix.n_tiles());
  std::uint8_t* packed = model_.buffer_.data() + pack.offset;
  const bool is_shifted = pack.target->format == WeightFormat::Int8Signed;
  float sums[kTilesPerItem * kTile] = {};
  pack_tiles(pack.matrix, pack.target->format, begin, end, packed, is_shifted ? sums : nullptr);
  if (is_shifted) unshift(pack, begin * kTile, std::min(end * kTile, pack.target->n), sums);
  done_.fetch_add(1, std::memory_order_relaxed);
}

/// Unsigned rows stand for x + shift: takes shift * sum of weights out of the bias of channels [begin, end).
void ModelBuilder::unshift(const Pack& pack, std::int32_t begin, std::int32_t end, const float* sums) {
  auto* bias = reinterpret_cast<float*>(model_.buffer_.data() + pack.bias);
  const float shift = shape_.activation == IB_ACTIVATION_RELU ? kReluShift : kGeluShift;
  for (std::int32_t i = begin; i < end; ++i) bias[i] -= shift * sums[i - begin];
}

void ModelBuilder::poll(std::uint32_t /*phase*/) noexcept {
  const std::size_t step = done_.load(std::memory_order_relaxed) * kSteps / items_.size();
  if (step != reported_) report(step);
}

/// Every step up to this one, although a helper may have done several, or all, since the last poll: the host is told of
/// each and asked after each.
void ModelBuilder::report(std::size_t step) {
  while (reported_ < step) {
    model_.context.host.progress(static_cast<double>(++reported_) / kSteps);
    if (model_.context.host.is_cancelled()) cancelled_.store(true);
  }
}

void ModelBuilder::throw_if_cancelled() const {
  if (cancelled_.load()) throw Failure(IB_CANCELLED, "cancelled while packing weights");
}

}  // namespace inferbench::cpu_quant
