// SPDX-License-Identifier: Apache-2.0
#include "worker/loaded_contender.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <string>
#include <utility>

#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/interference.hpp"
#include "measure/page_cache.hpp"
#include "measure/resources.hpp"
#include "measure/trial.hpp"
#include "model/model.hpp"
#include "ops/outcome_guard.hpp"
#include "plugin/logit_check.hpp"
#include "support/one_line.hpp"
#include "text/model_text.hpp"
#include "worker/profiled_trial.hpp"
#include "worker/serving_trial.hpp"
#include "worker/use_meter.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kFillTokens = 512;  // past tokens per sequence in one untimed forward

// The past is fed in larger pieces than a short prompt: token by token it would take as long as decoding it.
std::int32_t fill_chunk(const TrialRequest& request) {
  return std::max(request.prompt_tokens, std::min(request.past_tokens, kFillTokens));
}

// Number of logits requested per call after a trial: 4 MiB, small compared with any memory limit.
constexpr std::size_t kLogitsAtOnce = std::size_t{1} << 20U;

// An allocator always keeps some memory. Up to this size, it does not count as left over from a larger, earlier
// session.
constexpr std::uint64_t kLeastKept = 512U << 10U;
constexpr std::uint64_t kKeptPart = 100;  // divisor: 1% of the resident memory

constexpr const char* kPeakNotReset =
    "the kernel's peak could not be reset (/proc/self/clear_refs), and an earlier one was higher";

}  // namespace

/// When is_cancelled returns true. The backend polls it, so it costs only a clock reading and a comparison.
struct LoadedContender::Deadline {
  std::uint64_t at_ns = 0;  ///< 0: never

  void set(double timeout_s) { at_ns = timeout_s > 0 ? now_ns() + static_cast<std::uint64_t>(timeout_s * 1e9) : 0; }
  bool passed() const { return at_ns != 0 && now_ns() > at_ns; }
};

LoadedContender::LoadedContender(std::string clear_refs, CounterPlaces places)
    : clear_refs_(std::move(clear_refs)), places_(std::move(places)), deadline_(std::make_unique<Deadline>()) {}

LoadedContender::~LoadedContender() = default;

HostCallbacks LoadedContender::callbacks() const {
  HostCallbacks callbacks;
  callbacks.is_cancelled = [deadline = deadline_.get()] { return deadline->passed(); };
  callbacks.teardown = teardown_;
  return callbacks;
}

void LoadedContender::unload() {
  session_.reset();
  judge_.reset();
  model_.reset();
  request_.reset();
  tokenizer_.reset();
  counters_.reset();
  shape_ = {};
  trials_since_load_ = 0;
  loaded_bytes_.reset();
  kept_bytes_ = 0;
}

LoadOutcome LoadedContender::load(const LoadRequest& request) {
  LoadOutcome outcome;
  unload();
  threads_ = request.threads;
  StandstillWatch standstill;
  const ScopedAffinity affinity(threads_);  // the backend's threads inherit it
  deadline_->set(request.timeout_s);
  outcome.rss_before_bytes = read_memory_use().rss_bytes;
  counters_.emplace(request.device, places_);
  counters_->begin_memory();
  const PeakWatch peak(clear_refs_);
  into_outcome(outcome, [&] { load_model(request, outcome); });
  counters_->end_memory();
  outcome.standstill = standstill.seen();
  const MemoryUse memory = peak.seen();
  outcome.peak_rss_bytes = memory.peak_rss_bytes;
  loaded_bytes_ = memory.anonymous_bytes;
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

  const std::uint64_t before_init = now_ns();
  BackendContext context(plugin, request.threads, callbacks(), request.device);
  outcome.init_ms = elapsed_ms(before_init, now_ns());

  const std::uint64_t before_weights = now_ns();
  const Weights weights = model.weights();
  const std::uint64_t before_create = now_ns();
  model_.emplace(std::move(context), weights, request.precision, options);
  const std::uint64_t end = now_ns();
  outcome.peak_file_bytes = read_memory_use().file_bytes;  // while the weights are still mapped
  // Generating synthetic weights is this program's work and not part of the load.
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
  StandstillWatch standstill;
  const std::unique_ptr<DeviceWatch> device_watch = counters_->watch();  // its thread may use other CPUs, too
  const ScopedAffinity affinity(threads_);
  deadline_->set(request.timeout_s);
  counters_->begin_memory();
  outcome.trials_since_load = trials_since_load_++;
  const SessionShape shape = shape_of(request);
  std::optional<TrialLoop> loop;
  into_outcome(outcome, [&] { drop_session_unless(shape); });
  const PeakWatch peak(clear_refs_);
  if (outcome.status == TrialStatus::kOk) {
    into_outcome(outcome, [&] { request.serving ? prepare_scenario(request, shape) : prepare(request, shape, loop); });
  }
  // Starts here, since a disturbance while the past is filled does not affect the measured part.
  const InterferenceWatch watch(affinity.cpus(), standstill);
  if (outcome.status == TrialStatus::kOk) {
    into_outcome(outcome, [&] {
      request.serving ? run_scenario(request, shape, device_watch.get(), outcome)
                      : run_measured(request, *loop, device_watch.get(), outcome);
    });
  }
  outcome.interference = watch.seen();
  outcome.device_use = counters_->seen(device_watch.get());
  set_memory(peak, outcome);
  // Runs last, so that its time and memory are not measured.
  if (outcome.status == TrialStatus::kOk && loop) {
    into_outcome(outcome, [&] { check_output(request, *loop, outcome); });
  }
  if (outcome.status != TrialStatus::kOk) session_.reset();  // its state is unknown
  counters_->end_memory();
  return outcome;
}

void LoadedContender::set_memory(const PeakWatch& peak, TrialOutcome& outcome) const {
  outcome.memory = peak.seen();
  const std::uint64_t resident = outcome.memory.rss_bytes.value_or(0);
  if (!outcome.memory.peak_rss_bytes) {
    outcome.peak_unknown = kPeakNotReset;
  } else if (kept_bytes_ > std::max(kLeastKept, resident / kKeptPart)) {
    outcome.memory.peak_rss_bytes.reset();
    outcome.peak_unknown =
        fmt::format("the process kept {:.1f} MiB of an earlier point", static_cast<double>(kept_bytes_) / (1U << 20U));
  }
}

WindowOutcome LoadedContender::judge_window(const WindowRequest& request) {
  WindowOutcome outcome;
  const ScopedAffinity affinity(threads_);
  deadline_->set(request.timeout_s);
  into_outcome(outcome, [&] {
    if (!model_) throw Error("no model is loaded");
    if (!judge_ || judge_->reference() != request.reference) {
      judge_.reset();
      judge_ = std::make_unique<WindowJudge>(*model_, *request_, request.reference, callbacks());
    }
    outcome.window = judge_->judge(request);
  });
  if (outcome.status != TrialStatus::kOk) judge_.reset();  // its state is unknown
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

void LoadedContender::drop_session_unless(const SessionShape& shape) {
  if (session_ && shape == shape_) return;
  const bool first = shape_ == SessionShape{};
  session_.reset();  // freed first: both may not fit into memory
  shape_ = shape;
  if (first) return;
  // Returns free memory to the system: a new process would have no holes in its heap from an earlier session.
  malloc_trim(0);
  const MemoryUse left = read_memory_use();
  kept_bytes_ = 0;
  if (!left.anonymous_bytes || !loaded_bytes_) return;
  kept_bytes_ = *left.anonymous_bytes - std::min(*left.anonymous_bytes, *loaded_bytes_);
}

const BackendSession& LoadedContender::session_for(const SessionShape& shape) {
  if (!session_) {
    session_ = std::make_unique<BackendSession>(*model_, shape.slots, shape.max_tokens, shape.max_forward_tokens);
    return *session_;
  }
  for (std::int32_t slot = 0; slot < shape.slots; ++slot) session_->truncate(slot, 0);
  return *session_;
}

void LoadedContender::prepare(const TrialRequest& request, const SessionShape& shape, std::optional<TrialLoop>& loop) {
  loop.emplace(request.batch, request.prompt_tokens, request.generate_tokens, request.prompts,
               model_->config().vocab_size, request.past_tokens);
  const BackendSession& session = session_for(shape);
  ib_error error{};
  const SessionCall call{session.get(), model_->plugin().table().forward};
  if (const ib_status status = loop->fill(call, fill_chunk(request), error); status != IB_OK) {
    throw session.failure("forward of the past tokens", status, error);
  }
}

void LoadedContender::prepare_scenario(const TrialRequest& request, const SessionShape& shape) {
  session_for(shape);
  if (request.serving->delivery == Delivery::kNone || tokenizer_) return;
  tokenizer_.emplace(tokenizer_of(Model::open(request_->model, request_->model_base)));
}

void LoadedContender::run_measured(const TrialRequest& request, TrialLoop& loop, DeviceWatch* watch,
                                   TrialOutcome& outcome) {
  const BackendSession& session = *session_;
  const SessionCall call{session.get(), model_->plugin().table().forward};
  ib_error error{};
  const UseMeter meter(counters_->energy(), watch);
  if (request.profile) {
    run_profiled(model_->plugin(), session, loop, call, outcome);
  } else if (const ib_status status = loop.run(call, error); status != IB_OK) {
    outcome.used = meter.used();
    throw session.failure("forward", status, error);
  }
  meter.put(outcome);
  set_session_memory(outcome);
}

LoadedContender::SessionShape LoadedContender::shape_of(const TrialRequest& request) const {
  if (request.serving) {
    return {request.batch, slot_positions(*request.serving, model_->config().max_positions),
            std::max(request.serving->token_budget, request.batch)};
  }
  // The last id is emitted but never fed.
  return {request.batch, request.past_tokens + request.prompt_tokens + request.generate_tokens - 1,
          request.batch * fill_chunk(request)};
}

void LoadedContender::run_scenario(const TrialRequest& request, const SessionShape& shape, DeviceWatch* watch,
                                   TrialOutcome& outcome) {
  const UseMeter meter(counters_->energy(), watch);
  run_serving(
      request, *session_, shape.max_tokens, model_->config().vocab_size, tokenizer_,
      [this] { return deadline_->passed(); }, outcome);
  meter.put(outcome);
  set_session_memory(outcome);
}

void LoadedContender::set_session_memory(TrialOutcome& outcome) const {
  const ib_session_info& info = session_->info();
  if (info.kv_bytes > 0) outcome.kv_bytes = info.kv_bytes;
  outcome.scratch_bytes = info.scratch_bytes;
  outcome.device_bytes = info.device_bytes;
  if (info.peak_bytes > 0) outcome.backend_peak_bytes = info.peak_bytes;
}

void LoadedContender::check_output(const TrialRequest& request, const TrialLoop& loop, TrialOutcome& outcome) const {
  if (loop.wrong_id()) throw WrongOutput(describe(*loop.wrong_id(), model_->config().vocab_size));
  outcome.digest = digest_of(loop.ids());
  outcome.ids.assign(loop.ids().begin(), loop.ids().end());
  outcome.metrics = derive_metrics(loop.times(), request.batch, request.prompt_tokens);
  outcome.submit_ns = loop.times().submit;
  if (!request.check_logits) return;
  check_logits(loop);
  outcome.logits_checked = true;
}

// The ids of a model that computes NaN are arbitrary, so this requests the logits that determined the last ids. The
// session may be full, so its last position is computed again.
void LoadedContender::check_logits(const TrialLoop& loop) const {
  const std::vector<ib_sequence> fed = loop.last_fed();
  const auto vocab = static_cast<std::size_t>(model_->config().vocab_size);
  const std::size_t at_once = std::clamp<std::size_t>(kLogitsAtOnce / vocab, 1, fed.size());
  std::vector<float> logits(at_once * vocab);
  for (std::size_t begin = 0; begin < fed.size(); begin += at_once) {
    const auto sequences = std::span(fed).subspan(begin, std::min(at_once, fed.size() - begin));
    for (const ib_sequence& sequence : sequences) session_->truncate(sequence.slot, shape_.max_tokens - 1);
    const auto written = std::span(logits).first(sequences.size() * vocab);
    mark_unwritten(written);
    ib_forward_params params{};
    params.struct_size = sizeof(params);
    params.sequences = sequences.data();
    params.n_sequences = static_cast<std::int32_t>(sequences.size());
    params.logits = written.data();
    params.logits_capacity = written.size();
    ib_error error{};
    const ib_status status = session_->forward(params, error);
    if (status != IB_OK) throw session_->failure("forward for the last logits", status, error);
    if (const auto wrong = find_wrong_logit(written, vocab)) {
      throw WrongOutput(fmt::format("after the last token of sequence {}, {}", begin + wrong->row, describe(*wrong)));
    }
  }
}

}  // namespace inferbench
