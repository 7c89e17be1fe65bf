// SPDX-License-Identifier: Apache-2.0
#include "run/quality_sweep.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "measure/clock.hpp"
#include "model/model.hpp"
#include "model/synthetic_formula.hpp"
#include "quality/bounds.hpp"
#include "quality/window_source.hpp"
#include "results/utc_time.hpp"
#include "run/make_requests.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kSeededWindows = 4;
constexpr std::uint64_t kRepeatStream = fnv1a64("repeat");

// The perplexity of random tokens has no meaning.
void forget_perplexity(Agreement& agreement) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  agreement.nll_per_token = agreement.perplexity = {kNaN, std::nullopt};
  agreement.reference->nll_per_token = agreement.reference->perplexity = kNaN;
}

/// The windows of one model, one at a time.
class Windows {
 public:
  Windows(const Quality& quality, const Model& model) {
    const auto limit = static_cast<std::size_t>(quality.windows);
    if (quality.text) {
      text_.emplace(model, *quality.text, limit == 0 ? TextWindows::kAll : limit);
    } else {
      seeded_ = seeded_windows(model.config(), limit == 0 ? kSeededWindows : limit);
    }
  }

  bool is_text() const { return text_.has_value(); }

  /// Returns an empty window at the end.
  std::vector<std::int32_t> next() {
    if (text_) {
      auto window = text_->next(1);
      return window.empty() ? std::vector<std::int32_t>{} : std::move(window.front().ids);
    }
    return next_ < seeded_.size() ? seeded_[next_++] : std::vector<std::int32_t>{};
  }

 private:
  std::optional<TextWindows> text_;
  std::vector<std::vector<std::int32_t>> seeded_;
  std::size_t next_ = 0;
};

/// Two short sequences that the backend continues greedily. `stream` selects the prompt.
TrialRequest short_trial(const ModelConfig& config, std::uint64_t stream, double timeout_s) {
  TrialRequest request;
  request.batch = 2;
  request.prompt_tokens = std::clamp(config.max_positions / 2, 1, 32);
  request.generate_tokens = std::clamp(config.max_positions - request.prompt_tokens, 1, 16);
  request.prompts = synthetic_prompt(stream, 2 * static_cast<std::size_t>(request.prompt_tokens), config.vocab_size);
  request.timeout_s = timeout_s;
  request.check_logits = false;  // the windows have already checked many more
  return request;
}

class QualitySweep {
 public:
  QualitySweep(const SweepSetup& setup, const PluginDescription& reference, RunFolder& folder)
      : setup_(setup), experiment_(setup.experiment), reference_(reference), folder_(folder) {}

  bool run() {
    for (const std::string& model : experiment_.models) {
      for (std::size_t c = 0; c < experiment_.contenders.size(); ++c) {
        if (experiment_.contenders[c].endpoint) continue;  // its API gives no logits; run_notes says so
        if (has_row(experiment_.contenders[c].name, model)) continue;
        stopped_ = false;
        QualityRecord record = measure(c, model);
        if (stopped_) return false;
        folder_.append(std::move(record));
      }
    }
    return true;
  }

 private:
  bool has_row(const std::string& contender, const std::string& model) const {
    return std::any_of(folder_.quality().begin(), folder_.quality().end(), [&](const QualityRecord& record) {
      return record.contender == contender && record.model == model;
    });
  }

  bool stopped() {
    stopped_ = stopped_ || (setup_.stop_requested && setup_.stop_requested());
    return stopped_;
  }

  // The model's point with the most threads, since results must not depend on the number of threads.
  Point point_of(const std::string& model) const {
    Point point;
    point.model = model;
    for (const Point& other : experiment_.points) {
      if (other.model == model && other.threads > point.threads) point = other;
    }
    return point;
  }

  QualityRecord measure(std::size_t contender_index, const std::string& model_reference) {
    const Contender& contender = experiment_.contenders[contender_index];
    const Model model = Model::open(model_reference, experiment_.file.parent_path());
    const Point point = point_of(model_reference);
    Windows windows(*experiment_.quality, model);
    QualityRecord record;
    record.contender = contender.name;
    record.precision = contender.precision;
    record.model = model_reference;
    record.reference = reference_.name;
    if (windows.is_text()) record.text = experiment_.quality->text->string();
    record.threads = point.threads;
    record.max_kl = bound_of(contender, windows.is_text());
    record.started = utc_now();
    const std::uint64_t begin = now_ns();
    setup_.observer.judging(contender, point, 0);
    const auto runner = setup_.make_runner();
    const LoadOutcome load = load_checked(
        setup_, *runner, make_load_request(experiment_, contender, setup_.plugins[contender_index], point));
    if (load.status != TrialStatus::kOk) {
      set_failure(record, load.status, "loading: " + load.error, load.stderr_tail);
    } else if (judge_windows(*runner, contender, point, windows, record)) {
      judge_repetition(*runner, model.config(), record);
      judge(record);
    }
    runner->unload();
    if (const std::string fault = runner->take_teardown_fault(); !fault.empty()) {
      folder_.append(TeardownRecord{contender.name, fault, 1});
      setup_.observer.ended_badly(contender, fault);
    }
    record.duration_s = elapsed_ms(begin, now_ns()) * 1e-3;
    if (setup_.check_files) setup_.check_files();  // the reference and the text were read since
    return record;
  }

  static void set_failure(QualityRecord& record, TrialStatus status, std::string error, std::string tail) {
    record.status = status;
    record.error = std::move(error);
    record.stderr_tail = std::move(tail);
  }

  std::optional<double> bound_of(const Contender& contender, bool is_text) const {
    for (const std::string& name : {contender.name, contender.precision}) {
      const auto set = experiment_.quality->max_kl.find(name);
      if (set != experiment_.quality->max_kl.end()) return set->second;
    }
    return default_max_kl(precision_of(setup_.plugins, contender.name, contender.precision),
                          is_text ? QualityTokens::kText : QualityTokens::kSeeded);
  }

  // Returns false if it failed or the user asked to stop.
  bool judge_windows(TrialRunner& runner, const Contender& contender, const Point& point, Windows& windows,
                     QualityRecord& record) {
    std::vector<WindowAgreement> judged;
    for (auto ids = windows.next(); !ids.empty(); ids = windows.next()) {
      if (stopped()) return false;
      const WindowOutcome outcome =
          runner.judge_window({reference_.path.string(), std::move(ids), experiment_.limits.timeout_s});
      if (outcome.status != TrialStatus::kOk) {
        set_failure(record, outcome.status, outcome.error, outcome.stderr_tail);
        return false;
      }
      judged.push_back(outcome.window);
      setup_.observer.judging(contender, point, judged.size());
    }
    if (judged.empty()) {
      set_failure(record, TrialStatus::kInvalid, "the text is too short: there is nothing to predict", {});
      return false;
    }
    record.agreement = summarize_agreement(judged, true);
    if (!windows.is_text()) forget_perplexity(*record.agreement);
    record.status = TrialStatus::kOk;
    return true;
  }

  // The other prompt leaves its traces in the session's cache; they must not affect the first one.
  void judge_repetition(TrialRunner& runner, const ModelConfig& config, QualityRecord& record) const {
    const double timeout_s = experiment_.limits.timeout_s;
    std::vector<std::string> digests;
    for (const std::uint64_t stream : {kRepeatStream, kRepeatStream + 1, kRepeatStream}) {
      const TrialOutcome outcome = runner.run(short_trial(config, stream, timeout_s));
      if (outcome.status != TrialStatus::kOk) {
        return set_failure(record, outcome.status, outcome.error, outcome.stderr_tail);
      }
      digests.push_back(outcome.digest);
    }
    record.repeats = digests.front() == digests.back();
  }

  void judge(QualityRecord& record) const {
    if (!record.ok()) return;
    const Agreement& agreement = *record.agreement;
    const double kl = agreement.reference->kl.value;
    const bool own_bound = experiment_.quality->max_kl.contains(record.contender);
    if (agreement.not_finite > 0) {
      record.error = fmt::format("{} of {} have logits that are not finite, first in {}", agreement.not_finite,
                                 counted(agreement.tokens, "token"), agreement.first_not_finite);
    } else if (record.max_kl && !(kl <= *record.max_kl)) {
      record.error = fmt::format("KL to {} is {:.3g} nats per token, more than the bound of {:.3g} for {}",
                                 record.reference, kl, *record.max_kl, own_bound ? record.contender : record.precision);
    } else if (record.repeats == false) {
      record.error = "the same prompt gave different token ids the second time";
    }
    if (!record.error.empty()) record.status = TrialStatus::kWrongOutput;
  }

  const SweepSetup& setup_;
  const Experiment& experiment_;
  const PluginDescription& reference_;
  RunFolder& folder_;
  bool stopped_ = false;
};

}  // namespace

bool run_quality(const SweepSetup& setup, const PluginDescription& reference, RunFolder& folder) {
  return !setup.experiment.quality || QualitySweep(setup, reference, folder).run();
}

}  // namespace inferbench
