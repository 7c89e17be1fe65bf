// SPDX-License-Identifier: Apache-2.0
#include "engine/model.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "inferbench/backend_values.hpp"
#include "inferbench/op_bench.hpp"

namespace inferbench::cpu_quant {
namespace {

WeightFormat format_of(std::string_view name) {
  if (name == "int8") return WeightFormat::Int8;
  if (name == "int4") return WeightFormat::Int4;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is neither int8 nor int4");
}

const KernelTable& kernels_for(Isa isa) {
  const KernelTable* table = select_kernels(isa);
  if (table == nullptr) {
    throw Failure(IB_UNSUPPORTED,
                  "this processor or operating system lacks what option isa asks for; isa: auto takes what it has");
  }
  return *table;
}

/// A copy without the tensors, checked as far as the kernels need it.
ib_model_desc checked_shape(const ib_model_desc& desc) {
  constexpr std::int32_t kMostWidth = 1 << 24;  // 3 x width stays an int32
  if (desc.width > kMostWidth || desc.inner > kMostWidth || desc.vocab > (1 << 30)) {
    throw Failure(IB_UNSUPPORTED, "width and inner above 2^24, or a vocabulary above 2^30");
  }
  if (desc.width / desc.n_heads > 1024) throw Failure(IB_UNSUPPORTED, "heads wider than 1024");
  if (desc.activation < IB_ACTIVATION_GELU_TANH || desc.activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "activation " + std::to_string(desc.activation));
  }
  ib_model_desc shape = desc;
  shape.tensors = nullptr;
  shape.n_tensors = 0;
  return shape;
}

float attention_scale(const ib_model_desc& shape, std::int32_t layer) {
  const double head_dim = static_cast<double>(shape.width) / shape.n_heads;
  const double by_width = shape.scale_attn_weights != 0 ? 1.0 / std::sqrt(head_dim) : 1.0;
  const double by_layer = shape.scale_attn_by_inverse_layer != 0 ? 1.0 / (layer + 1) : 1.0;
  return static_cast<float>(by_width * by_layer);
}

/// The shape of a model of such layers; what the operator does not use is as small as can be.
ib_model_desc operator_shape(const ib_op_desc& desc) {
  ib_model_desc shape{};
  shape.struct_size = sizeof shape;
  shape.n_layers = desc.n_copies;
  shape.n_heads = op_has_heads(desc) ? desc.heads : desc.width;  // no head is too wide where there is none
  shape.width = desc.width;
  shape.inner = op_has_inner(desc) ? desc.inner : 1;
  shape.context = desc.past + desc.rows;
  shape.vocab = 1;
  shape.activation = desc.activation;
  shape.scale_attn_weights = 1;
  shape.layer_norm_epsilon = desc.layer_norm_epsilon;
  return checked_shape(shape);
}

ib_model_params model_params_of(const ib_op_desc& desc) {
  ib_model_params params{};
  params.struct_size = sizeof params;
  params.precision = desc.precision;
  params.options = desc.options;
  params.n_options = desc.n_options;
  return params;
}

}  // namespace

/// Plans the buffer, allocates it, and fills it: one phase whose items are a few tiles of a matrix each.
class Model::Builder final : public PhasedWork {
 public:
  Builder(Model& model, TensorMap tensors, WeightFormat format)
      : model_(model), tensors_(std::move(tensors)), shape_(model.shape), format_(format) {}

  void build() {
    plan();
    fill(plan_.bytes());
    if (shape_.tied_head != 0) model_.embedding = model_.head;
  }

  /// One layer with what the operator needs, and copies of it. Returns the bytes of one.
  std::uint64_t build_operator(const ib_op_desc& desc) {
    model_.layers.resize(static_cast<std::size_t>(desc.n_copies));
    plan_operator(desc.op, model_.layers.front());
    const auto bytes = static_cast<std::uint64_t>(round_up(static_cast<std::int64_t>(plan_.bytes()), 64));
    std::fill(model_.layers.begin() + 1, model_.layers.end(), model_.layers.front());
    if (bytes == 0) return 0;
    fill(bytes * static_cast<std::uint64_t>(desc.n_copies));
    std::uint8_t* base = model_.buffer_.data();
    for (std::size_t copy = 1; copy < model_.layers.size(); ++copy) {
      std::memcpy(base + copy * bytes, base, bytes);
      model_.layers[copy] = shifted(model_.layers.front(), copy * bytes);
    }
    return bytes;
  }

  std::uint32_t n_phases() const noexcept override { return 1; }
  std::uint32_t n_items(std::uint32_t /*phase*/) const noexcept override {
    return static_cast<std::uint32_t>(items_.size());
  }
  void run_item(std::uint32_t /*phase*/, std::uint32_t item, int /*thread*/) noexcept override {
    if (cancelled_.load(std::memory_order_relaxed)) return;
    const Pack& pack = packs_[items_[item].pack];
    const std::int32_t begin = items_[item].tile;
    const std::int32_t end = std::min(begin + kTilesPerItem, n_tiles(pack.target->n));
    std::uint8_t* packed = model_.buffer_.data() + pack.offset;
    const bool shifted = pack.target->format == WeightFormat::Int8Signed;
    float sums[kTilesPerItem * kTile];
    pack_tiles(pack.source, pack.target->format, begin, end, packed, shifted ? sums : nullptr);
    if (shifted) unshift(pack, begin * kTile, std::min(end * kTile, pack.target->n), sums);
    done_.fetch_add(1, std::memory_order_relaxed);
  }
  void poll(std::uint32_t /*phase*/) noexcept override {
    const std::size_t step = done_.load(std::memory_order_relaxed) * kSteps / items_.size();
    if (step == reported_) return;
    report(step);
  }

 private:
  static constexpr std::int32_t kTilesPerItem = 4;
  static constexpr std::size_t kSteps = 100;

  /// Every step up to this one, although a helper may have done several, or all, since the last poll: the host is told
  /// of each and asked after each.
  void report(std::size_t step) {
    while (reported_ < step) {
      model_.context.host.progress(static_cast<double>(++reported_) / kSteps);
      if (model_.context.host.is_cancelled()) cancelled_.store(true);
    }
  }

  void throw_if_cancelled() const {
    if (cancelled_.load()) throw Failure(IB_CANCELLED, "cancelled while packing weights");
  }

  struct Copy {
    const ib_tensor* tensor;
    std::int64_t count;
    const float** target;
    std::uint64_t offset;
  };
  struct Pack {
    WeightSource source;
    Linear* target;
    std::uint64_t offset;
    std::uint64_t bias = 0;  // offset of the bias, where there is one
  };
  struct Item {
    std::uint32_t pack;
    std::int32_t tile;
  };

  /// Allocates, and does what was planned.
  void fill(std::uint64_t bytes) {
    model_.buffer_ = Buffer(bytes, model_.context.memory);
    std::uint8_t* base = model_.buffer_.data();
    for (const Copy& copy : copies_) {
      auto* to = reinterpret_cast<float*>(base + copy.offset);
      read_values(*copy.tensor, 0, copy.count, to);
      *copy.target = to;
    }
    for (const Pack& pack : packs_) pack.target->weights = base + pack.offset;
    for (std::uint32_t p = 0; p < packs_.size(); ++p) {
      const std::int32_t tiles = n_tiles(packs_[p].target->n);
      for (std::int32_t tile = 0; tile < tiles; tile += kTilesPerItem) items_.push_back({p, tile});
    }
    model_.context.host.progress(0.0);
    if (!items_.empty()) model_.context.team.run(*this);
    throw_if_cancelled();
    report(kSteps);
    throw_if_cancelled();
  }

  void copy(const ib_tensor& tensor, std::int64_t count, const float*& target) {
    copies_.push_back({&tensor, count, &target, plan_.reserve(static_cast<std::uint64_t>(count), sizeof(float))});
  }

  void norm(const std::string& prefix, Norm& target) {
    copy(tensors_.get(prefix + "weight", {shape_.width}), shape_.width, target.weight);
    copy(tensors_.get(prefix + "bias", {shape_.width}), shape_.width, target.bias);
  }

  void pack(const ib_tensor& tensor, bool channels_are_rows, WeightFormat format, Linear& target) {
    const std::int64_t channels = channels_are_rows ? tensor.shape[0] : tensor.shape[1];
    const std::int64_t inputs = channels_are_rows ? tensor.shape[1] : tensor.shape[0];
    target.n = static_cast<std::int32_t>(channels);
    target.k = static_cast<std::int32_t>(inputs);
    target.format = format;
    packs_.push_back({{tensor.data, tensor.dtype, inputs, channels, channels_are_rows},
                      &target,
                      plan_.reserve(static_cast<std::uint64_t>(target.bytes()), 1)});
  }

  void linear(const std::string& prefix, std::int32_t inputs, std::int32_t outputs, WeightFormat format,
              Linear& target) {
    pack(tensors_.get(prefix + "weight", {inputs, outputs}), false, format, target);
    copy(tensors_.get(prefix + "bias", {outputs}), outputs, target.bias);
    packs_.back().bias = copies_.back().offset;
  }

  /// Unsigned rows stand for x + shift: takes shift * sum of weights out of the bias of channels [begin, end).
  void unshift(const Pack& pack, std::int32_t begin, std::int32_t end, const float* sums) {
    auto* bias = reinterpret_cast<float*>(model_.buffer_.data() + pack.bias);
    const float shift = shape_.activation == IB_ACTIVATION_RELU ? kReluShift : kGeluShift;
    for (std::int32_t i = begin; i < end; ++i) bias[i] -= shift * sums[i - begin];
  }

  void plan_layer(const std::string& prefix, Layer& layer) {
    const std::int32_t width = shape_.width;
    norm(prefix + "ln_1.", layer.ln_1);
    linear(prefix + "attn.c_attn.", width, 3 * width, format_, layer.attn_qkv);
    linear(prefix + "attn.c_proj.", width, width, format_, layer.attn_proj);
    norm(prefix + "ln_2.", layer.ln_2);
    plan_mlp(prefix + "mlp.", layer);
  }

  void plan_mlp(const std::string& prefix, Layer& layer) {
    linear(prefix + "c_fc.", shape_.width, shape_.inner, format_, layer.mlp_fc);
    const WeightFormat after_activation = format_ == WeightFormat::Int8 ? WeightFormat::Int8Signed : format_;
    linear(prefix + "c_proj.", shape_.inner, shape_.width, after_activation, layer.mlp_proj);
  }

  /// A product alone is that of the queries, keys and values: from quantized rows to floats.
  void plan_operator(std::int32_t op, Layer& layer) {
    if (op == IB_OP_LAYER_NORM) norm("", layer.ln_1);
    if (op == IB_OP_LINEAR) linear("", shape_.width, model_.linear_outputs, format_, layer.attn_qkv);
    if (op == IB_OP_MLP) plan_mlp("", layer);
    if (op == IB_OP_BLOCK) plan_layer("", layer);
    layer.attention_scale = attention_scale(shape_, 0);
  }

  static Layer shifted(Layer layer, std::uint64_t bytes) {
    const auto move = [bytes](const float*& values) {
      if (values != nullptr) values += bytes / sizeof(float);
    };
    for (Norm* norm : {&layer.ln_1, &layer.ln_2}) {
      move(norm->weight);
      move(norm->bias);
    }
    for (Linear* linear : {&layer.attn_qkv, &layer.attn_proj, &layer.mlp_fc, &layer.mlp_proj}) {
      if (linear->weights != nullptr) linear->weights += bytes;
      move(linear->bias);
    }
    return layer;
  }

  void plan() {
    const std::int32_t width = shape_.width;
    model_.layers.resize(static_cast<std::size_t>(shape_.n_layers));
    for (std::int32_t i = 0; i < shape_.n_layers; ++i) {
      const std::string prefix = "h." + std::to_string(i) + ".";
      Layer& layer = model_.layers[static_cast<std::size_t>(i)];
      layer.attention_scale = attention_scale(shape_, i);
      plan_layer(prefix, layer);
    }
    norm("ln_f.", model_.ln_f);
    const ib_tensor& wte = tensors_.get("wte.weight", {shape_.vocab, width});
    if (shape_.tied_head != 0) {
      pack(wte, true, WeightFormat::Int8, model_.head);
    } else {
      pack(tensors_.get("lm_head.weight", {shape_.vocab, width}), true, WeightFormat::Int8, model_.head);
      pack(wte, true, WeightFormat::Int8, model_.embedding);
    }
    copy(tensors_.get("wpe.weight", {shape_.context, width}), std::int64_t{shape_.context} * width, model_.positions);
  }

  Model& model_;
  TensorMap tensors_;
  const ib_model_desc& shape_;
  WeightFormat format_;
  BufferPlan plan_;
  std::vector<Copy> copies_;
  std::vector<Pack> packs_;
  std::vector<Item> items_;
  std::atomic<std::size_t> done_{0};
  std::atomic<bool> cancelled_{false};
  std::size_t reported_ = 0;
};

Model::Model(Context& owner, const ib_model_params& params)
    : context(owner),
      shape(checked_shape(*params.desc)),
      options(read_options(params)),
      kernels(kernels_for(options.isa)) {
  Builder(*this, TensorMap(*params.desc), format_of(params.precision)).build();
  info_.struct_size = sizeof info_;
  info_.weights_bytes = buffer_.size();
  // A step reads all but the rows of wpe, and of an embedding that is not the head, of other positions and tokens.
  info_.decode_weights_bytes =
      buffer_.size() - static_cast<std::uint64_t>(shape.context - 1) * static_cast<std::uint64_t>(shape.width) * 4;
  if (shape.tied_head == 0) info_.decode_weights_bytes -= static_cast<std::uint64_t>(embedding.bytes());
  info_.device = "cpu";
  info_.kernels = kernels.name;
}

Model::Model(Context& owner, const ib_op_desc& desc)
    : context(owner),
      shape(operator_shape(desc)),
      options(read_options(model_params_of(desc))),
      kernels(kernels_for(options.isa)),
      linear_outputs(desc.outputs) {
  info_.struct_size = sizeof info_;
  info_.weights_bytes =
      Builder(*this, TensorMap(desc.tensors, desc.n_tensors), format_of(desc.precision)).build_operator(desc);
  info_.decode_weights_bytes = info_.weights_bytes;
  info_.device = "cpu";
  info_.kernels = kernels.name;
}

}  // namespace inferbench::cpu_quant
