// SPDX-License-Identifier: Apache-2.0
#include "worker/window_judge.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "support/error.hpp"

namespace inferbench {

namespace {

BackendModel load_reference(const LoadRequest& load, const std::string& path, HostCallbacks callbacks) {
  const Plugin plugin = Plugin::load(path);
  const Model model = Model::open(load.model, load.model_base);
  return BackendModel(BackendContext(plugin, load.threads, std::move(callbacks)), model.weights(), "",
                      OptionValues(plugin.options(), {}));
}

void check_ids(const std::vector<std::int32_t>& ids, std::size_t most, std::int32_t vocab) {
  const auto wrong = [&](std::int32_t id) { return id < 0 || id >= vocab; };
  if (ids.size() > most || std::any_of(ids.begin(), ids.end(), wrong)) {
    throw Error("the tokens to judge are not this model's");
  }
}

}  // namespace

WindowJudge::WindowJudge(BackendModel tested, const LoadRequest& load, const std::string& reference,
                         HostCallbacks callbacks)
    : reference_path_(reference),
      threads_(load.threads),
      tested_(std::move(tested)),
      reference_(load_reference(load, reference, std::move(callbacks))) {}

WindowAgreement WindowJudge::judge(const WindowRequest& request) {
  const ModelConfig& config = tested_.config();
  check_ids(request.ids, static_cast<std::size_t>(config.max_positions) + 1, config.vocab_size);
  const auto tokens = static_cast<std::int32_t>(request.ids.size()) - 1;
  if (!runner_ || tokens > runner_tokens_) {
    runner_.reset();  // freed first: both may not fit into memory
    runner_ = std::make_unique<WindowRunner>(tested_, reference_, tokens, 1, threads_);
    runner_tokens_ = tokens;
  }
  const Window window{request.ids};
  return runner_->run(std::span(&window, 1)).front();
}

MarginOutcome measure_margin(const BackendModel& model, const MarginRequest& request) {
  const ModelConfig& config = model.config();
  check_ids(request.ids, static_cast<std::size_t>(config.max_positions), config.vocab_size);
  check_ids({request.own, request.other}, 2, config.vocab_size);
  const auto n = static_cast<std::int32_t>(request.ids.size());
  const std::vector<float> logits = BackendSession(model, 1, n).last_logits(0, request.ids);
  const auto size = static_cast<double>(logits.size());
  const double mean = std::accumulate(logits.begin(), logits.end(), 0.0) / size;
  double squares = 0;
  for (const float logit : logits) squares += (logit - mean) * (logit - mean);
  MarginOutcome outcome;
  outcome.margin =
      double{logits[static_cast<std::size_t>(request.own)]} - double{logits[static_cast<std::size_t>(request.other)]};
  outcome.deviation = std::sqrt(squares / size);
  return outcome;
}

}  // namespace inferbench
