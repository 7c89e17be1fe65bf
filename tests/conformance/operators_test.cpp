// SPDX-License-Identifier: Apache-2.0
// Single operators of the bundled backends: each is compared with float64, at shapes that leave tails in every
// kernel's blocks; and the rules of op_bench.h.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "inferbench/op_bench.hpp"
#include "ops/loaded_operator.hpp"
#include "ops/operator_error.hpp"
#include "ops/operator_inputs.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

std::string library(const std::string& name) {
  return std::string(test_paths::kPlugins) + "/lib" + name + ".so";
}

// A small operator of these rows; its sizes are set by key.
OperatorSpec spec_of(std::int32_t op, std::int32_t rows,
                     const std::vector<std::pair<const char*, std::int32_t>>& keys) {
  OperatorSpec spec;
  spec.op = op;
  spec.rows = rows;
  for (const auto& [key, value] : keys) set_key(spec, key, value);
  return spec;
}

void add_products(std::vector<OperatorSpec>& list, std::int32_t rows, std::int32_t width) {
  for (const std::int32_t norm : {IB_NORM_LAYER, IB_NORM_RMS}) {
    list.push_back(spec_of(IB_OP_NORM, rows, {{"width", width}, {"norm", norm}}));
  }
  list.push_back(spec_of(IB_OP_SOFTMAX, rows, {{"width", width}}));
  for (const std::int32_t bias : {0, 1}) {
    list.push_back(spec_of(IB_OP_LINEAR, rows, {{"in", width}, {"out", 3 * width + 1}, {"bias", bias}}));
  }
  for (const std::int32_t activation :
       {IB_ACTIVATION_GELU_TANH, IB_ACTIVATION_GELU_ERF, IB_ACTIVATION_RELU, IB_ACTIVATION_SILU}) {
    for (const std::int32_t gated : {0, 1}) {
      list.push_back(spec_of(IB_OP_ACTIVATION, rows, {{"width", width}, {"activation", activation}, {"gated", gated}}));
      list.push_back(spec_of(IB_OP_MLP, rows,
                             {{"width", width},
                              {"inner", 2 * width + 3},
                              {"activation", activation},
                              {"gated", gated},
                              {"bias", 1 - gated}}));
    }
  }
}

using Keys = std::vector<std::pair<const char*, std::int32_t>>;

void add_attention(std::vector<OperatorSpec>& list, std::int32_t rows, std::int32_t past, std::int32_t head_dim) {
  const Keys gpt2{{"past", past}, {"heads", 3}, {"head_dim", head_dim}};
  const Keys llama{{"past", past}, {"heads", 6}, {"kv_heads", 2}, {"head_dim", head_dim}, {"rotary", 1}};
  const auto with = [](Keys keys, const Keys& more) {
    keys.insert(keys.end(), more.begin(), more.end());
    return keys;
  };
  list.push_back(spec_of(IB_OP_ATTENTION, rows, gpt2));
  list.push_back(spec_of(IB_OP_ATTENTION, rows, llama));
  list.push_back(spec_of(IB_OP_ATTENTION, rows, with(llama, {{"qk_norm", 1}, {"window", 33}})));
  list.push_back(spec_of(IB_OP_ATTENTION, rows, with(llama, {{"soft_cap", 2}, {"window", 5}})));
  list.push_back(spec_of(IB_OP_ROTARY, rows, llama));
  list.push_back(spec_of(IB_OP_LAYER, rows, with(gpt2, {{"inner", 12 * head_dim - 2}, {"bias", 1}})));
  const Keys of_llama{{"inner", 300}, {"norm", IB_NORM_RMS}, {"activation", IB_ACTIVATION_SILU}, {"gated", 1}};
  list.push_back(spec_of(IB_OP_LAYER, rows, with(llama, of_llama)));
  list.push_back(
      spec_of(IB_OP_LAYER, rows, with(with(llama, of_llama), {{"bias", 2}, {"window", 33}, {"qk_norm", 1}})));
  // As Gemma: heads do not add up to the hidden size, norms after attention and MLP.
  const Keys of_gemma{{"width", 96}, {"inner", 200}, {"norm", IB_NORM_RMS}, {"gated", 1}, {"post_norm", 1}};
  list.push_back(spec_of(IB_OP_LAYER, rows, with(with(llama, of_gemma), {{"soft_cap", 3}, {"qk_norm", 1}})));
}

// One row is a gemv, a few are one tile, many are blocks with tails. Some widths are multiples of the vector length,
// some are not.
std::vector<OperatorSpec> examples() {
  std::vector<OperatorSpec> list;
  for (const std::int32_t rows : {1, 2, 9, 77}) {
    for (const std::int32_t width : {5, 64, 100, 130}) add_products(list, rows, width);
    for (const std::int32_t past : {0, 1, 70}) {
      for (const std::int32_t head_dim : {10, 64}) add_attention(list, rows, past, head_dim);
    }
  }
  return list;
}

struct Subject {
  const char* backend;
  const char* precision;
  std::vector<std::int32_t> unsupported;
};

void PrintTo(const Subject& subject, std::ostream* out) {
  *out << subject.backend << ":" << subject.precision;
}

OperatorRequest request_of(const Subject& subject, const OperatorSpec& spec) {
  OperatorRequest request;
  request.plugin = library(subject.backend);
  request.precision = subject.precision;
  request.spec = spec;
  request.threads = 2;
  request.seed = 3;
  request.cache = OperatorCache::kHot;
  return request;
}

class OperatorsOf : public testing::TestWithParam<Subject> {
 protected:
  OperatorsOf()
      : plugin_(Plugin::load(library(GetParam().backend))), options_(plugin_.options(), {}), context_(plugin_, 2) {}

  ib_op_desc desc_of(const OperatorInputs& inputs) const {
    ib_op_desc desc = inputs.desc();
    desc.precision = GetParam().precision;
    desc.options = options_.values().data();
    desc.n_options = options_.values().size();
    return desc;
  }

  bool has_features_of(const OperatorSpec& spec) const {
    return (operator_features(spec) & ~plugin_.description().features) == 0;
  }

  bool lacks(const OperatorSpec& spec) const {
    const auto& list = GetParam().unsupported;
    const bool fused_gate =
        std::string_view(GetParam().backend) == "onednn" && spec.op == IB_OP_ACTIVATION && spec.gated != 0;
    return fused_gate || std::find(list.begin(), list.end(), spec.op) != list.end();
  }

  void expect_lacking(const OperatorSpec& spec) const {
    const OperatorInputs inputs(spec, 3);
    try {
      const BackendOperator op(context_, desc_of(inputs));
      ADD_FAILURE() << operator_name(spec.op);
    } catch (const BackendError& error) {
      EXPECT_EQ(error.status(), IB_UNSUPPORTED);
      EXPECT_THAT(error.what(), HasSubstr("part of"));
    }
  }

  Plugin plugin_;
  OptionValues options_;
  BackendContext context_;
};

TEST_P(OperatorsOf, AreThoseOfFloat64) {
  const int bits = plugin_.description().meaning_of(GetParam().precision)->bits;
  for (const OperatorSpec& spec : examples()) {
    SCOPED_TRACE(std::string(operator_name(spec.op)) + " " + shape_text(spec));
    if (!has_features_of(spec)) continue;
    if (lacks(spec)) {
      expect_lacking(spec);
      continue;
    }
    const OperatorError tolerance = *operator_tolerance(bits, has_gated_mlp(spec));
    const OperatorInputs inputs(spec, 3);
    const ib_op_desc desc = desc_of(inputs);
    const BackendOperator op(context_, desc);
    op.run_once(0);
    const std::vector<float> result = op.output(inputs.n_results());
    const OperatorError error = operator_error(result, inputs.reference());
    EXPECT_LE(error.max, tolerance.max);
    EXPECT_LE(error.rms, tolerance.rms);
    EXPECT_EQ(op.info().weights_bytes > 0, !inputs.tensors().empty());
    EXPECT_EQ(op.info().kv_bytes > 0, spec.op == IB_OP_ATTENTION || spec.op == IB_OP_LAYER);
  }
}

TEST_P(OperatorsOf, SayWhatIsNoOperatorOfTheirs) {
  for (const std::int32_t lacking : GetParam().unsupported) {
    expect_lacking(spec_of(lacking, 2, {{"head_dim", 8}, {"width", 8}}));
  }
}

// All copies hold the same values, and no run changes the inputs of the next.
TEST_P(OperatorsOf, GiveTheSameAtEveryRunAndCopy) {
  const Keys heads{{"past", 20}, {"heads", 3}, {"head_dim", 32}};
  for (OperatorSpec spec :
       {spec_of(IB_OP_LINEAR, 3, {{"in", 96}, {"out", 70}, {"bias", 1}}), spec_of(IB_OP_ATTENTION, 3, heads),
        spec_of(IB_OP_LAYER, 3, heads), spec_of(IB_OP_MLP, 3, {{"width", 96}, {"inner", 200}, {"bias", 1}})}) {
    if (spec.op == IB_OP_LAYER) {
      spec.intermediate_size = 200;
      spec.bias = 1;
    }
    const OperatorInputs inputs(spec, 1);
    ib_op_desc desc = desc_of(inputs);
    desc.n_copies = 3;
    const BackendOperator prepared(context_, desc);
    const std::size_t n = inputs.n_results();
    prepared.run_once(0);
    const std::vector<float> first = prepared.output(n);
    for (const std::int32_t copy : {0, 1, 2, 0}) {
      prepared.run_once(copy);
      EXPECT_EQ(prepared.output(n), first) << operator_name(spec.op) << " copy " << copy;
    }
  }
}

TEST_P(OperatorsOf, KeepTheRules) {
  const OperatorInputs inputs(spec_of(IB_OP_NORM, 2, {{"width", 8}}), 1);
  const ib_op_desc desc = desc_of(inputs);
  const auto status_of = [&](auto change) {
    ib_op_desc changed = desc;
    ib_model_desc layer = *desc.desc;
    changed.desc = &layer;
    change(changed, layer);
    try {
      const BackendOperator op(context_, changed);
      return ib_status{IB_OK};
    } catch (const BackendError& error) {
      return error.status();
    }
  };
  using Op = ib_op_desc&;
  using Layer = ib_model_desc&;
  EXPECT_EQ(status_of([](Op, Layer) {}), IB_OK);
  EXPECT_EQ(status_of([](Op d, Layer) { d.op = 99; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](Op d, Layer) { d.precision = "fp7"; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](Op d, Layer) { d.rows = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op d, Layer) { d.n_copies = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op, Layer layer) { layer.hidden_size = 9; }), IB_INVALID_ARGUMENT) << "the weights have 8";
  EXPECT_EQ(status_of([](Op, Layer layer) { layer.n_tensors = 1; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op, Layer layer) { layer.n_layers = 2; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op d, Layer) { d.input = nullptr; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op, Layer layer) { layer.norm_epsilon = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](Op d, Layer) { d.struct_size = 8; }), IB_INVALID_ARGUMENT);

  const BackendOperator op(context_, desc);
  ib_error error{};
  EXPECT_THROW(static_cast<void>(op.output(16)), BackendError) << "nothing was run";
  EXPECT_EQ(op.run(-1, error), IB_INVALID_ARGUMENT);
  EXPECT_EQ(op.run(1, error), IB_INVALID_ARGUMENT);
  EXPECT_EQ(op.run(0, error), IB_OK);
  EXPECT_THROW(static_cast<void>(op.output(15)), BackendError) << "too small";
}

TEST_P(OperatorsOf, TakeTimesThatAddUp) {
  LoadedOperator op;
  OperatorRequest request = request_of(GetParam(), spec_of(IB_OP_LINEAR, 1, {{"in", 64}, {"out", 64}, {"bias", 1}}));
  request.cache = OperatorCache::kCold;
  const OperatorPrepared prepared = op.prepare(request);
  ASSERT_EQ(prepared.status, TrialStatus::kOk) << prepared.error;
  EXPECT_GT(prepared.n_copies, 1);
  const OperatorSample sample = op.sample({0.002, 0});
  ASSERT_EQ(sample.status, TrialStatus::kOk) << sample.error;
  EXPECT_GE(sample.runs, 1) << "more where nothing else runs";
  EXPECT_GT(sample.run_s, 0);
  EXPECT_EQ(sample.change, 0);
}

const std::vector<Subject> kSubjects{
    {"cpu_ref", "fp32", {}},
    {"cpu_quant", "int8", {IB_OP_ACTIVATION, IB_OP_SOFTMAX, IB_OP_ROTARY}},
    {"cpu_quant", "int4", {IB_OP_ACTIVATION, IB_OP_SOFTMAX, IB_OP_ROTARY}},
#ifdef INFERBENCH_HAS_MLX_BACKEND
    {"mlx", "fp32", {}},
    {"mlx", "int8", {}},
#endif
#ifdef INFERBENCH_HAS_ONEDNN
    {"onednn", "fp32", {}},
    {"onednn", "int8", {}},
#endif
#ifdef INFERBENCH_HAS_TORCH
    {"torch", "fp32", {}},
    {"torch", "int8", {}},
#endif
};

std::string name_of(const testing::TestParamInfo<Subject>& info) {
  return std::string(info.param.backend) + "_" + info.param.precision;
}

INSTANTIATE_TEST_SUITE_P(Bundled, OperatorsOf, testing::ValuesIn(kSubjects), name_of);

TEST(Operators, ABackendWithoutTheExtensionIsUnsupported) {
  LoadedOperator op;
  const OperatorPrepared prepared =
      op.prepare(request_of({"null", "none", {}}, spec_of(IB_OP_NORM, 1, {{"width", 8}})));
  EXPECT_EQ(prepared.status, TrialStatus::kUnsupported);
  EXPECT_THAT(prepared.error, HasSubstr("it offers no single operators (inferbench.op_bench.v1)"));
  EXPECT_EQ(op.sample({0.002, 0}).status, TrialStatus::kInvalid);
}

}  // namespace
}  // namespace inferbench
