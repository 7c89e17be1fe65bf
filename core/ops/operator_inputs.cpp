// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_inputs.hpp"

#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "inferbench/op_bench.hpp"
#include "model/synthetic_formula.hpp"
#include "model/synthetic_model.hpp"

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

void add_norm(std::vector<TensorSpec>& list, const std::string& name, std::int64_t width) {
  list.push_back({name + "weight", {width}, TensorRole::kNormWeight});
  list.push_back({name + "bias", {width}, TensorRole::kNormBias});
}

void add_linear(std::vector<TensorSpec>& list, const std::string& name, std::int64_t inputs, std::int64_t outputs) {
  list.push_back({name + "weight", {inputs, outputs}, TensorRole::kLinearWeight});
  list.push_back({name + "bias", {outputs}, TensorRole::kLinearBias});
}

Values widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

std::vector<TensorSpec> operator_tensors(const OperatorSpec& spec) {
  const std::int64_t width = spec.width;
  std::vector<TensorSpec> list;
  switch (spec.op) {
    case IB_OP_LAYER_NORM:
      add_norm(list, "", width);
      break;
    case IB_OP_LINEAR:
      add_linear(list, "", width, spec.outputs);
      break;
    case IB_OP_MLP:
      add_linear(list, "c_fc.", width, spec.inner);
      add_linear(list, "c_proj.", spec.inner, width);
      break;
    case IB_OP_BLOCK:
      add_norm(list, "ln_1.", width);
      add_linear(list, "attn.c_attn.", width, 3 * width);
      add_linear(list, "attn.c_proj.", width, width);
      add_norm(list, "ln_2.", width);
      add_linear(list, "mlp.c_fc.", width, spec.inner);
      add_linear(list, "mlp.c_proj.", spec.inner, width);
      break;
    default:
      break;
  }
  return list;
}

OperatorInputs::OperatorInputs(const OperatorSpec& spec, std::uint64_t seed)
    : spec_(spec), specs_(operator_tensors(spec)) {
  weights_.reserve(specs_.size());
  for (const TensorSpec& tensor : specs_) {
    weights_.push_back(made_up(tensor.name, seed, tensor.n_elements(), synthetic_distribution(tensor.role)));
    ib_tensor view{};
    view.name = tensor.name.c_str();
    view.dtype = IB_DTYPE_F32;
    view.rank = static_cast<std::int32_t>(tensor.shape.size());
    std::copy(tensor.shape.begin(), tensor.shape.end(), view.shape);
    view.data = weights_.back().data();
    view.n_bytes = weights_.back().size() * sizeof(float);
    tensors_.push_back(view);
  }
  const std::int64_t columns = op_input_columns(to_desc(spec));
  input_ = made_up("input", seed, size_of(spec.rows, columns), {kUnitVariance, 0});
  past_kv_ = made_up("past_kv", seed, size_of(spec.past, 2 * spec.width), {kUnitVariance, 0});
}

Values OperatorInputs::reference() const {
  std::map<std::string, Values> weights;
  for (std::size_t i = 0; i < specs_.size(); ++i) weights.emplace(specs_[i].name, widened(weights_[i]));
  const auto weight = [&](const std::string& name) -> const Values& { return weights.at(name); };
  const auto width = static_cast<std::size_t>(spec_.width);
  const auto heads = static_cast<std::size_t>(spec_.heads);
  const auto head_width = spec_.heads > 0 ? spec_.width / spec_.heads : 1;
  const double scale = 1 / std::sqrt(static_cast<double>(head_width));
  Values x = widened(input_);
  switch (spec_.op) {
    case IB_OP_LAYER_NORM:
      return reference::layer_norm(x, weight("weight"), weight("bias"), spec_.layer_norm_epsilon);
    case IB_OP_LINEAR:
      return reference::linear(x, weight("weight"), weight("bias"));
    case IB_OP_ATTENTION:
      return reference::attend(reference::with_past(x, widened(past_kv_), width), width, heads, scale,
                               static_cast<std::size_t>(spec_.past));
    case IB_OP_GELU:
      return reference::activate(std::move(x), spec_.activation);
    case IB_OP_SOFTMAX:
      return reference::softmax_rows(x, width);
    case IB_OP_MLP: {
      const Values hidden = reference::linear(x, weight("c_fc.weight"), weight("c_fc.bias"));
      return reference::linear(reference::activate(hidden, spec_.activation), weight("c_proj.weight"),
                               weight("c_proj.bias"));
    }
    default:
      return reference::layer(std::move(x), weight, {heads, spec_.activation, spec_.layer_norm_epsilon, scale},
                              widened(past_kv_));
  }
}

}  // namespace inferbench
