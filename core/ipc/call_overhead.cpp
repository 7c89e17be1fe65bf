// SPDX-License-Identifier: Apache-2.0
#include "ipc/call_overhead.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ipc/zero_weights.hpp"
#include "measure/trial.hpp"
#include "model/model.hpp"
#include "plugin/backend.hpp"

namespace inferbench {

double measure_call_overhead_ns(const Plugin& null_backend) {
  constexpr std::int32_t kSteps = 1000;
  constexpr int kRepetitions = 50;
  const ModelConfig config = Model::open("synthetic:gpt2").config();
  const Weights weights(config, std::make_shared<ZeroWeights>(config));
  const BackendModel model(BackendContext(null_backend, 1), weights, "", OptionValues(null_backend.options(), {}));
  const BackendSession session(model, 1, kSteps);
  const SessionCall call{session.get(), null_backend.table().forward};
  const std::vector<std::int32_t> prompt{0};
  TrialLoop loop(1, 1, kSteps, prompt, config.vocab_size);
  double least = HUGE_VAL;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    session.truncate(0, 0);
    ib_error error{};
    if (const ib_status status = loop.run(call, error); status != IB_OK) {
      throw session.failure("forward", status, error);
    }
    const auto& tokens = loop.times().tokens;
    least = std::min(least, static_cast<double>(tokens.back() - tokens.front()) / (kSteps - 1));
  }
  return least;
}

}  // namespace inferbench
