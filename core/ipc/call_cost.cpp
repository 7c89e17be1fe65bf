// SPDX-License-Identifier: Apache-2.0
#include "ipc/call_cost.hpp"

#include <algorithm>
#include <array>
#include <memory>

#include "ipc/zero_weights.hpp"
#include "plugin/backend.hpp"
#include "plugin/backend_child.hpp"
#include "support/raw_bytes.hpp"

namespace inferbench {
namespace {

constexpr std::int32_t kContext = 1024;
constexpr int kStepsPerSample = 500;  // the context is 1024

/// A model with one small layer, all zeros, and GPT-2's vocabulary.
ModelConfig small_config() {
  ModelConfig config;
  set_gpt2_sizes(config, 1, 1, 4, kContext, 50257);
  return config;
}

/// `batch` sequences of `n_tokens` each with greedy output, like the calls of the measured loop.
class Call {
 public:
  Call(const BackendModel& model, std::int32_t batch, std::int32_t n_tokens)
      : session_(model, batch, kContext),
        tokens_(static_cast<std::size_t>(n_tokens), 7),
        ids_(static_cast<std::size_t>(batch)) {
    for (std::int32_t slot = 0; slot < batch; ++slot)
      sequences_.push_back({slot, n_tokens, tokens_.data(), IB_OUTPUT_GREEDY, 0});
    params_.struct_size = sizeof(params_);
    params_.sequences = sequences_.data();
    params_.n_sequences = batch;
    params_.ids = ids_.data();
    params_.ids_capacity = ids_.size();
  }

  void forward(int times) {
    for (int i = 0; i < times; ++i) {
      const ib_status status = session_.forward(params_, error_);
      if (status != IB_OK) throw session_.failure("forward", status, error_);
    }
  }
  void rewind() {
    for (const ib_sequence& sequence : sequences_) session_.truncate(sequence.slot, 0);
  }

 private:
  BackendSession session_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> ids_;
  std::vector<ib_sequence> sequences_;
  ib_forward_params params_{};
  ib_error error_{};
};

struct Shape {
  const char* what;
  std::int32_t batch;
  std::int32_t n_tokens;
  int calls;  ///< per sample
};
constexpr std::array kShapes{Shape{"decode, batch 1", 1, 1, kStepsPerSample},
                             Shape{"decode, batch 8", 8, 1, kStepsPerSample}, Shape{"prefill, 512 tokens", 1, 512, 2}};

std::vector<Cost> measure_shapes(const CallSubject& subject, const CostEffort& effort) {
  const ModelConfig config = small_config();
  const Weights weights(config, std::make_shared<ZeroWeights>(config));
  const Plugin plugin = Plugin::load(subject.plugin.path);
  const OptionValues options(plugin.options(), subject.options);
  const BackendModel model(BackendContext(plugin, 1, {}, subject.device), weights, subject.precision, options);
  std::vector<Cost> costs;
  for (const Shape& shape : kShapes) {
    Call call(model, shape.batch, shape.n_tokens);
    costs.push_back(measure_cost(
        effort, shape.calls, [&] { call.forward(shape.calls); }, [&] { call.rewind(); }));
  }
  return costs;
}

}  // namespace

std::vector<CallCost> measure_calls(const CallSubject& subject, const CostEffort& effort) {
  const auto measure = [&] { return raw_bytes(measure_shapes(subject, effort)); };
  const auto costs = raw_values<Cost>(answer_of_child(measure, "backend " + subject.plugin.name, "its measurement"));
  std::vector<CallCost> named;
  for (std::size_t i = 0; i < costs.size(); ++i) named.push_back({kShapes.at(i).what, costs[i]});
  return named;
}

}  // namespace inferbench
