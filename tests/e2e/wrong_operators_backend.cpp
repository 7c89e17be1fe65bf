// SPDX-License-Identifier: Apache-2.0
// A backend with one operator, the activation, which fails as its option says, in ways that the host must survive and
// find.
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "inferbench/backend.hpp"
#include "inferbench/op_bench.hpp"

namespace {

struct Context {
  explicit Context(const ib_init_params&) {}
};
struct Model {
  Model(Context&, const ib_model_params&) { throw inferbench::Failure(IB_UNSUPPORTED, "only operators"); }
  static const ib_model_info& info() {
    static const ib_model_info kNone{sizeof(ib_model_info), 0, 0, "cpu", "none"};
    return kNone;
  }
};
struct Session {
  Session(Model&, const ib_session_params&) {}
  static const ib_session_info& info() {
    static const ib_session_info kNone{sizeof(ib_session_info), 0, 0, 0, 0};
    return kNone;
  }
  void forward(const ib_forward_params&) {}
  void truncate(std::int32_t, std::int32_t) {}
};

// ReLU, the simplest correct operator.
class Operator {
 public:
  Operator(Context&, const ib_op_desc& op)
      : fault_(inferbench::OptionReader(op.options, op.n_options).text("fault")),
        x_(op.input, op.input + op.rows * inferbench::op_input_columns(op)),
        y_(x_.size()) {
    const bool offered = op.op == IB_OP_ACTIVATION && op.desc->gated == 0;
    if (!offered) throw inferbench::Failure(IB_UNSUPPORTED, "there is only the activation without a gate");
  }
  const ib_op_info& info() const { return info_; }
  void run(std::int32_t) {
    ++runs_;
    for (std::size_t i = 0; i < x_.size(); ++i) y_[i] = x_[i] > 0 ? x_[i] : 0;
    if (fault_ == "wrong") y_.back() += 1;
    if (fault_ == "later" && runs_ > 1) y_.back() += 1;
    if (fault_ == "abort" && runs_ > 1) std::abort();
    if (fault_ == "fail" && runs_ > 1) throw inferbench::Failure(IB_DEVICE_LOST, "the device left");
  }
  void output(float* result) const {
    for (const float value : y_) *result++ = value;
  }

 private:
  std::string fault_;
  std::vector<float> x_;
  std::vector<float> y_;
  std::int64_t runs_ = 0;
  ib_op_info info_{sizeof(ib_op_info), 0, 0, "plain"};
};

constexpr ib_precision_info kPrecisions[] = {{"fp32", "all in fp32", 32, 0}};
constexpr const char* kFaults[] = {"none", "wrong", "later", "abort", "fail", nullptr};
constexpr ib_option_info kOptions[] = {{"fault", IB_OPTION_CHOICE, 0, "none", 0, 0, kFaults, "what goes wrong"}};

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
    inferbench::make_table<Context, Model, Session>({
        .name = "wrong_operators",
        .version = "1",
        .build = "test",
        .license = "Apache-2.0",
        .doc = "an operator that goes wrong",
        .features = IB_FEATURES_GPT2,
        .precisions = kPrecisions,
        .options = kOptions,
        .extension = inferbench::op_bench_extension<Context, Operator>,
    });
