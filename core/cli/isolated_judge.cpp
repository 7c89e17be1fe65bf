// SPDX-License-Identifier: Apache-2.0
#include "cli/isolated_judge.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "measure/affinity.hpp"
#include "quality/window_runner.hpp"
#include "support/print.hpp"
#include "support/raw_bytes.hpp"

namespace inferbench {

namespace {

// Requests: one of these, or a batch of windows. Each window has its number of ids, the first judged one, and the ids.
constexpr char kLoadTested = 't';
constexpr char kLoadReference = 'r';
constexpr char kDevice = 'd';
constexpr char kJudge = 'j';

std::string judge_request(std::span<const Window> windows) {
  std::vector<std::int32_t> numbers;
  for (const Window& window : windows) {
    numbers.push_back(static_cast<std::int32_t>(window.ids.size()));
    numbers.push_back(static_cast<std::int32_t>(window.first_judged));
    numbers.insert(numbers.end(), window.ids.begin(), window.ids.end());
  }
  return kJudge + raw_bytes(numbers);
}

std::vector<Window> windows_of(std::string_view bytes) {
  const std::vector<std::int32_t> numbers = raw_values<std::int32_t>(bytes);
  std::vector<Window> windows;
  for (auto at = numbers.begin(); at != numbers.end();) {
    const std::int32_t n = *at++;
    const auto first_judged = static_cast<std::size_t>(*at++);
    windows.push_back({{at, at + n}, first_judged});
    at += n;
  }
  return windows;
}

/// Runs in the child.
class JudgeServer {
 public:
  JudgeServer(FoundBackend tested, std::optional<FoundBackend> reference, BackendArguments settings, Model model,
              JudgeShape shape, HostCallbacks callbacks)
      : affinity_(settings.threads),
        found_(std::move(tested)),
        found_reference_(std::move(reference)),
        settings_(std::move(settings)),
        model_(std::move(model)),
        weights_(model_.weights()),
        shape_(shape),
        callbacks_(std::move(callbacks)) {}

  std::string serve(std::string_view request) {
    if (request.front() == kLoadTested) {
      tested_.emplace(load_backend(found_, settings_, weights_, callbacks_));
      return tested_->info().kernels;
    }
    if (request.front() == kDevice) return tested_->info().device;
    if (request.front() == kLoadReference) {
      BackendArguments settings = settings_;
      settings.options.clear();
      reference_.emplace(load_backend(*found_reference_, settings, weights_, callbacks_));
      return {};
    }
    if (!runner_) {
      runner_ = std::make_unique<WindowRunner>(*tested_, reference_, shape_.context, shape_.batch, settings_.threads);
    }
    return raw_bytes(runner_->run(windows_of(request.substr(1))));
  }

 private:
  ScopedAffinity affinity_;
  FoundBackend found_;
  std::optional<FoundBackend> found_reference_;
  BackendArguments settings_;
  Model model_;
  Weights weights_;
  JudgeShape shape_;
  HostCallbacks callbacks_;
  std::optional<BackendModel> tested_;
  std::optional<BackendModel> reference_;
  std::unique_ptr<WindowRunner> runner_;
};

}  // namespace

IsolatedJudge::IsolatedJudge(const FoundBackend& tested, const std::optional<FoundBackend>& reference,
                             const BackendArguments& settings, const Model& model, JudgeShape shape,
                             const HostCallbacks& callbacks)
    : child_(
          [=]() -> BackendChild::Serve {
            const auto server = std::make_shared<JudgeServer>(tested, reference, settings, model, shape, callbacks);
            return [server](std::string_view request) { return server->serve(request); };
          },
          reference ? fmt::format("backend {} or its reference {}", tested.name(), reference->name())
                    : "backend " + tested.name()) {
  kernels_ = child_.call(std::string(1, kLoadTested), "load of " + tested.name());
  device_ = child_.call(std::string(1, kDevice), "what it says of " + tested.name());
  if (reference) child_.call(std::string(1, kLoadReference), "load of " + reference->name());
}

IsolatedJudge::~IsolatedJudge() {
  if (const std::string wrong = child_.finish(); !wrong.empty()) {
    print_message("inferbench: warning: {}\n", wrong);
  }
}

std::vector<WindowAgreement> IsolatedJudge::judge(std::span<const Window> windows) {
  return raw_values<WindowAgreement>(child_.call(judge_request(windows), "forward"));
}

}  // namespace inferbench
