// SPDX-License-Identifier: Apache-2.0
// Single operators of the bundled backends: each is compared with float64, at shapes that leave tails in every
// kernel's blocks; and the rules of op_bench.h.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
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

OperatorSpec spec_of(std::int32_t op, std::int32_t rows, std::int32_t width) {
  OperatorSpec spec;
  spec.op = op;
  spec.rows = rows;
  spec.width = width;
  return spec;
}

// One row is a gemv, a few are one tile, many are blocks with tails. Some widths are multiples of the vector length,
// some are not.
std::vector<OperatorSpec> examples() {
  std::vector<OperatorSpec> list;
  for (const std::int32_t rows : {1, 2, 9, 77}) {
    for (const std::int32_t width : {5, 64, 100, 130}) {
      list.push_back(spec_of(IB_OP_LAYER_NORM, rows, width));
      list.push_back(spec_of(IB_OP_SOFTMAX, rows, width));
      OperatorSpec spec = spec_of(IB_OP_LINEAR, rows, width);
      spec.outputs = 3 * width + 1;
      list.push_back(spec);
      for (const std::int32_t activation : {IB_ACTIVATION_GELU_TANH, IB_ACTIVATION_GELU_ERF, IB_ACTIVATION_RELU}) {
        spec = spec_of(IB_OP_GELU, rows, width);
        spec.activation = activation;
        list.push_back(spec);
        spec.op = IB_OP_MLP;
        spec.inner = 2 * width + 3;
        list.push_back(spec);
      }
    }
    for (const std::int32_t past : {0, 1, 70}) {
      for (const std::int32_t head_dim : {10, 64}) {
        OperatorSpec spec = spec_of(IB_OP_ATTENTION, rows, 3 * head_dim);
        spec.heads = 3;
        spec.past = past;
        list.push_back(spec);
        spec.op = IB_OP_BLOCK;
        spec.inner = 4 * spec.width - 2;
        list.push_back(spec);
      }
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
    ib_op_desc desc = to_desc(inputs.spec());
    desc.precision = GetParam().precision;
    desc.options = options_.values().data();
    desc.n_options = options_.values().size();
    desc.tensors = inputs.tensors().data();
    desc.n_tensors = inputs.tensors().size();
    desc.input = inputs.input().data();
    desc.past_kv = inputs.past_kv().data();
    return desc;
  }

  bool lacks(std::int32_t op) const {
    const auto& list = GetParam().unsupported;
    return std::find(list.begin(), list.end(), op) != list.end();
  }

  Plugin plugin_;
  OptionValues options_;
  BackendContext context_;
};

TEST_P(OperatorsOf, AreThoseOfFloat64) {
  const OperatorError tolerance = *operator_tolerance(GetParam().precision);
  for (const OperatorSpec& spec : examples()) {
    SCOPED_TRACE(std::string(operator_name(spec.op)) + " " + shape_text(spec));
    if (lacks(spec.op)) continue;
    const OperatorInputs inputs(spec, 3);
    const ib_op_desc desc = desc_of(inputs);
    const BackendOperator op(context_, desc);
    op.run_once(0);
    const std::vector<float> result = op.output(static_cast<std::size_t>(spec.rows * op_output_columns(desc)));
    const OperatorError error = operator_error(result, inputs.reference());
    EXPECT_LE(error.max, tolerance.max);
    EXPECT_LE(error.rms, tolerance.rms);
    EXPECT_EQ(op.info().weights_bytes > 0, desc.n_tensors > 0);
    EXPECT_EQ(op.info().kv_bytes > 0, spec.heads > 0);
  }
}

TEST_P(OperatorsOf, SayWhatIsNoOperatorOfTheirs) {
  for (const std::int32_t lacking : GetParam().unsupported) {
    const OperatorInputs inputs(spec_of(lacking, 2, 8), 3);
    try {
      const BackendOperator op(context_, desc_of(inputs));
      ADD_FAILURE() << operator_name(lacking);
    } catch (const BackendError& error) {
      EXPECT_EQ(error.status(), IB_UNSUPPORTED);
      EXPECT_THAT(error.what(), HasSubstr("is a part of"));
    }
  }
}

// All copies hold the same values, and no run changes the inputs of the next.
TEST_P(OperatorsOf, GiveTheSameAtEveryRunAndCopy) {
  for (const std::int32_t op : {IB_OP_LINEAR, IB_OP_ATTENTION, IB_OP_MLP, IB_OP_BLOCK}) {
    OperatorSpec spec = spec_of(op, 3, 96);
    spec.outputs = op == IB_OP_LINEAR ? 70 : 0;
    spec.inner = op == IB_OP_MLP || op == IB_OP_BLOCK ? 200 : 0;
    spec.heads = op == IB_OP_ATTENTION || op == IB_OP_BLOCK ? 3 : 0;
    spec.past = spec.heads > 0 ? 20 : 0;
    const OperatorInputs inputs(spec, 1);
    ib_op_desc desc = desc_of(inputs);
    desc.n_copies = 3;
    const BackendOperator prepared(context_, desc);
    const auto n = static_cast<std::size_t>(3 * op_output_columns(desc));
    prepared.run_once(0);
    const std::vector<float> first = prepared.output(n);
    for (const std::int32_t copy : {0, 1, 2, 0}) {
      prepared.run_once(copy);
      EXPECT_EQ(prepared.output(n), first) << operator_name(op) << " copy " << copy;
    }
  }
}

TEST_P(OperatorsOf, KeepTheRules) {
  const OperatorInputs inputs(spec_of(IB_OP_LAYER_NORM, 2, 8), 1);
  const ib_op_desc desc = desc_of(inputs);
  const auto status_of = [&](auto change) {
    ib_op_desc changed = desc;
    change(changed);
    try {
      const BackendOperator op(context_, changed);
      return ib_status{IB_OK};
    } catch (const BackendError& error) {
      return error.status();
    }
  };
  EXPECT_EQ(status_of([](ib_op_desc&) {}), IB_OK);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.op = 99; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.precision = "fp7"; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.rows = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.n_copies = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.width = 9; }), IB_INVALID_ARGUMENT) << "the weights have 8";
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.n_tensors = 1; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.input = nullptr; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.layer_norm_epsilon = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](ib_op_desc& d) { d.struct_size = 8; }), IB_INVALID_ARGUMENT);

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
  OperatorSpec spec = spec_of(IB_OP_LINEAR, 1, 64);
  spec.outputs = 64;
  OperatorRequest request = request_of(GetParam(), spec);
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
    {"cpu_quant", "int8", {IB_OP_GELU, IB_OP_SOFTMAX}},
    {"cpu_quant", "int4", {IB_OP_GELU, IB_OP_SOFTMAX}},
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
  const OperatorPrepared prepared = op.prepare(request_of({"null", "none", {}}, spec_of(IB_OP_LAYER_NORM, 1, 8)));
  EXPECT_EQ(prepared.status, TrialStatus::kUnsupported);
  EXPECT_THAT(prepared.error, HasSubstr("it offers no single operators (inferbench.op_bench.v1)"));
  EXPECT_EQ(op.sample({0.002, 0}).status, TrialStatus::kInvalid);
}

}  // namespace
}  // namespace inferbench
