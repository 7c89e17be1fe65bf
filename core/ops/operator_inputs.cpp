// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_inputs.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "inferbench/op_bench.hpp"
#include "model/synthetic_formula.hpp"
#include "model/synthetic_model.hpp"
#include "reference/layer.hpp"

namespace inferbench {

namespace {

using reference::Values;

constexpr float kUnitVariance = 1.7320508F;  // amplitude of a uniform distribution with variance 1

std::size_t size_of(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows * columns);
}

std::vector<float> made_up(const std::string& name, std::uint64_t seed, std::size_t n, SyntheticDistribution from) {
  std::vector<float> values(n);
  fill_synthetic(values, synthetic_stream(name, seed), 0, from.amplitude, from.mean);
  return values;
}

ib_tensor view_of(const decoder::TensorSpec& spec, const std::vector<float>& values) {
  ib_tensor view{};
  view.name = spec.name.c_str();
  view.dtype = IB_DTYPE_F32;
  view.rank = spec.rank;
  std::copy(spec.shape.begin(), spec.shape.end(), view.shape);
  view.strides[0] = spec.rank == 2 ? spec.shape[1] : 1;
  view.strides[1] = spec.rank == 2 ? 1 : 0;
  view.data = values.data();
  view.n_bytes = values.size() * sizeof(float);
  return view;
}

Values widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

OperatorInputs::OperatorInputs(const OperatorSpec& spec, std::uint64_t seed)
    : spec_(spec), config_(layer_config(spec)), layer_(model_desc(config_)) {
  specs_ = op_tensors(desc());
  weights_.reserve(specs_.size());
  for (const decoder::TensorSpec& tensor : specs_) {
    weights_.push_back(
        made_up(tensor.name, seed, static_cast<std::size_t>(tensor.n_elements()), synthetic_distribution(tensor.role)));
    tensors_.push_back(view_of(tensor, weights_.back()));
  }
  layer_.tensors = tensors_.data();
  layer_.n_tensors = tensors_.size();
  input_ = made_up("input", seed, size_of(spec.rows, op_input_columns(desc())), {kUnitVariance, 0});
  if (spec.op == IB_OP_ROTARY) return;  // it reads no keys and values
  past_kv_ = made_up("past_kv", seed, size_of(spec.past, 2 * decoder::kv_size(layer_)), {kUnitVariance, 0});
}

ib_op_desc OperatorInputs::desc() const {
  ib_op_desc desc{};
  desc.struct_size = sizeof(desc);
  desc.op = spec_.op;
  desc.rows = spec_.rows;
  desc.past = spec_.past;
  desc.n_copies = 1;
  desc.desc = &layer_;
  desc.input = input_.data();
  desc.past_kv = past_kv_.empty() ? nullptr : past_kv_.data();
  return desc;
}

std::size_t OperatorInputs::n_results() const {
  return size_of(spec_.rows, op_output_columns(desc()));
}

Values OperatorInputs::reference() const {
  constexpr std::string_view kPrefix = "layer.0.";
  std::map<std::string, Values> weights;
  for (std::size_t i = 0; i < specs_.size(); ++i) {
    weights.emplace(specs_[i].name.substr(kPrefix.size()), widened(weights_[i]));
  }
  const reference::Layer layer(layer_, 0, [&](const std::string& name) -> const Values& { return weights.at(name); });
  const auto hidden = static_cast<std::size_t>(spec_.hidden_size);
  const auto inner = static_cast<std::size_t>(spec_.intermediate_size);
  const auto query = static_cast<std::size_t>(decoder::query_size(layer_));
  const auto kv = static_cast<std::size_t>(decoder::kv_size(layer_));
  Values x = widened(input_);
  const auto columns = [&](std::size_t all, std::size_t first, std::size_t n) {
    return reference::columns_of(x, all, first, n);
  };
  switch (spec_.op) {
    case IB_OP_NORM:
      return layer.norm(x, "attn_norm");
    case IB_OP_LINEAR:
      return layer.project(x, hidden, "mlp_up");
    case IB_OP_ATTENTION: {
      const std::size_t all = query + 2 * kv;
      return layer.attention(columns(all, 0, query), columns(all, query, kv), columns(all, query + kv, kv),
                             widened(past_kv_));
    }
    case IB_OP_ACTIVATION:
      if (spec_.gated == 0) return reference::activated(layer_, {}, std::move(x));
      return reference::activated(layer_, columns(2 * inner, 0, inner), columns(2 * inner, inner, inner));
    case IB_OP_SOFTMAX:
      return reference::softmax_rows(x, hidden);
    case IB_OP_MLP:
      return layer.mlp(x);
    case IB_OP_ROTARY:
      // Queries and keys of a row are rotated alike.
      return layer.rotated(std::move(x), spec_.heads + spec_.kv_heads, spec_.past);
    default:
      return layer.apply(std::move(x), widened(past_kv_));
  }
}

}  // namespace inferbench
