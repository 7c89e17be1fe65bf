// SPDX-License-Identifier: Apache-2.0
#include "worker/loaded_contender.hpp"

#include <algorithm>
#include <string>

#include "experiment/settings.hpp"
#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/interference.hpp"
#include "measure/page_cache.hpp"
#include "measure/resources.hpp"
#include "measure/trial.hpp"
#include "model/model.hpp"
#include "ops/outcome_guard.hpp"
#include "support/one_line.hpp"
#include "worker/profiled_trial.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kFillTokens = 512;  // of each sequence, that one forward puts into the cache before the clock

}  // namespace

/// When the host's is_cancelled says stop. The backend polls it, so it is one comparison.
struct LoadedContender::Deadline {
  std::uint64_t at_ns = 0;  ///< 0: never

  void set(double timeout_s) { at_ns = timeout_s > 0 ? now_ns() + static_cast<std::uint64_t>(timeout_s * 1e9) : 0; }
  bool passed() const { return at_ns != 0 && now_ns() > at_ns; }
};

LoadedContender::LoadedContender() : deadline_(std::make_unique<Deadline>()) {}

LoadedContender::~LoadedContender() = default;

void LoadedContender::unload() {
  session_.reset();
  judge_.reset();
  model_.reset();
  request_.reset();
  shape_ = {};
  trials_since_load_ = 0;
}

LoadOutcome LoadedContender::load(const LoadRequest& request) {
  LoadOutcome outcome;
  unload();
  threads_ = request.threads;
  const ScopedAffinity affinity(threads_);  // the backend's threads inherit it
  deadline_->set(request.timeout_s);
  outcome.rss_before_bytes = read_memory_use().rss_bytes;
  reset_peak_rss();
  into_outcome(outcome, [&] { load_model(request, outcome); });
  outcome.peak_rss_bytes = read_memory_use().peak_rss_bytes;
  if (outcome.status != TrialStatus::kOk) {
    unload();
  } else {
    request_ = request;
  }
  return outcome;
}

void LoadedContender::load_model(const LoadRequest& request, LoadOutcome& outcome) {
  const Plugin plugin = Plugin::load(request.plugin);
  const OptionValues options(plugin.options(), request.options);
  const Model model = Model::open(request.model, request.model_base);
  outcome.cache = to_string(request.cache);
  if (request.cache == PageCache::kCold) drop_from_page_cache(model.files());
  if (request.cache == PageCache::kWarm) read_into_page_cache(model.files());
  outcome.page_cache_share = page_cache_share(model.files());

  HostCallbacks callbacks;
  callbacks.is_cancelled = [deadline = deadline_.get()] { return deadline->passed(); };
  const std::uint64_t before_init = now_ns();
  BackendContext context(plugin, request.threads, std::move(callbacks));
  outcome.init_ms = elapsed_ms(before_init, now_ns());

  const std::uint64_t before_weights = now_ns();
  const Weights weights = model.weights();
  const std::uint64_t before_create = now_ns();
  model_.emplace(std::move(context), weights, request.precision, options);
  const std::uint64_t end = now_ns();
  outcome.peak_file_bytes = read_memory_use().file_bytes;  // while the weights are mapped still
  // Making up weights is this program's work, not a load.
  const bool made_up = model.files().empty();
  if (made_up) outcome.generate_ms = elapsed_ms(before_weights, before_create);
  outcome.load_ms = elapsed_ms(made_up ? before_create : before_weights, end);

  const ib_model_info& info = model_->info();
  outcome.weights_bytes = info.weights_bytes;
  outcome.decode_weights_bytes = info.decode_weights_bytes;
  outcome.device = one_line(info.device);
  outcome.kernels = one_line(info.kernels);
}

TrialOutcome LoadedContender::run(const TrialRequest& request) {
  TrialOutcome outcome;
  if (!model_) {
    outcome.status = TrialStatus::kInvalid;
    outcome.error = "no model is loaded";
    return outcome;
  }
  const ScopedAffinity affinity(threads_);
  const InterferenceWatch watch(affinity.cpus());
  deadline_->set(request.timeout_s);
  outcome.trials_since_load = trials_since_load_++;
  reset_peak_rss();
  into_outcome(outcome, [&] { run_on_session(request, outcome); });
  outcome.interference = watch.seen();
  outcome.memory = read_memory_use();
  if (outcome.status != TrialStatus::kOk) session_.reset();  // in an unknown state
  return outcome;
}

WindowOutcome LoadedContender::judge_window(const WindowRequest& request) {
  WindowOutcome outcome;
  const ScopedAffinity affinity(threads_);
  deadline_->set(request.timeout_s);
  into_outcome(outcome, [&] {
    if (!model_) throw Error("no model is loaded");
    if (!judge_ || judge_->reference() != request.reference) {
      HostCallbacks callbacks;
      callbacks.is_cancelled = [deadline = deadline_.get()] { return deadline->passed(); };
      judge_.reset();
      judge_ = std::make_unique<WindowJudge>(*model_, *request_, request.reference, std::move(callbacks));
    }
    outcome.window = judge_->judge(request);
  });
  if (outcome.status != TrialStatus::kOk) judge_.reset();  // in an unknown state
  return outcome;
}

MarginOutcome LoadedContender::measure_margin(const MarginRequest& request) {
  MarginOutcome outcome;
  const ScopedAffinity affinity(threads_);
  deadline_->set(request.timeout_s);
  into_outcome(outcome, [&] {
    if (!model_) throw Error("no model is loaded");
    outcome = inferbench::measure_margin(*model_, request);
    outcome.status = TrialStatus::kOk;
  });
  return outcome;
}

const BackendSession& LoadedContender::session_for(const SessionShape& shape) {
  if (session_ && shape == shape_) {
    for (std::int32_t slot = 0; slot < shape.slots; ++slot) session_->truncate(slot, 0);
    return *session_;
  }
  session_.reset();  // before the new one: both may not fit
  session_.emplace(*model_, shape.slots, shape.max_tokens, shape.max_forward_tokens);
  shape_ = shape;
  return *session_;
}

void LoadedContender::run_on_session(const TrialRequest& request, TrialOutcome& outcome) {
  TrialLoop loop(request.batch, request.prompt_tokens, request.generate_tokens, request.prompts, request.past_tokens);
  // The last id is emitted, never fed.
  const std::int32_t positions = request.past_tokens + request.prompt_tokens + request.generate_tokens - 1;
  // The past goes in by larger pieces than a short prompt: a token at a time would take as long as decoding it.
  const std::int32_t chunk = std::max(request.prompt_tokens, std::min(request.past_tokens, kFillTokens));
  const BackendSession& session = session_for({request.batch, positions, request.batch * chunk});
  const ib_backend& table = model_->plugin().table();
  const SessionCall call{session.get(), table.forward};

  ib_error error{};
  if (const ib_status status = loop.fill(call, chunk, error); status != IB_OK) {
    throw BackendError(status, "forward of the past tokens: " + std::string(error.message));
  }
  const ResourceUse before = read_resource_use();
  const ib_status status =
      request.profile ? run_profiled(model_->plugin(), loop, call, outcome) : loop.run(call, error);
  outcome.used = read_resource_use() - before;
  if (status != IB_OK) throw BackendError(status, "forward: " + std::string(error.message));

  const ib_session_info& info = session.info();
  outcome.kv_bytes = info.kv_bytes;
  outcome.scratch_bytes = info.scratch_bytes;
  outcome.device_bytes = info.device_bytes;
  outcome.backend_peak_bytes = info.peak_bytes;
  if (std::string wrong = find_wrong_id(loop.ids(), model_->config().vocab); !wrong.empty()) {
    outcome.status = TrialStatus::kWrongOutput;
    outcome.error = std::move(wrong);
    return;
  }
  outcome.digest = digest_of(loop.ids());
  outcome.ids.assign(loop.ids().begin(), loop.ids().end());
  outcome.metrics = derive_metrics(loop.times(), request.batch, request.prompt_tokens);
  outcome.submit_ns = loop.times().submit;
}

}  // namespace inferbench
