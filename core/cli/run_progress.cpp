// SPDX-License-Identifier: Apache-2.0
#include "cli/run_progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "report/number_text.hpp"
#include "results/metric_values.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

std::vector<PlannedTrial> remaining_of(const Experiment& experiment, const RunFolder& folder) {
  std::set<std::string> done;
  for (const TrialRecord& record : folder.trials()) done.insert(record.id);
  std::vector<PlannedTrial> plan = make_plan(experiment, folder.info().shard);
  std::erase_if(plan, [&](const PlannedTrial& trial) { return done.contains(trial.id()); });
  return plan;
}

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string outcome_text(const TrialRecord& record) {
  if (!record.ok()) return fmt::format("{}: {}", to_string(record.outcome.status), record.outcome.error);
  const auto value = [&](const char* metric) { return metric_value(record, metric); };
  std::string text;
  if (const auto ttft = value("ttft_ms")) text = fmt::format("ttft {} ms", number_text(*ttft));
  if (const auto decode = value("decode_tokens_per_s")) text += fmt::format(", decode {} tok/s", number_text(*decode));
  if (const auto output = value("output_tokens_per_s")) text += fmt::format(", output {} tok/s", number_text(*output));
  if (record.disturbed()) text += fmt::format(" (disturbed: {})", record.disturbed_by);
  return text;
}

}  // namespace

TimeLeft::TimeLeft(const Experiment& experiment, std::vector<PlannedTrial> remaining)
    : experiment_(&experiment), remaining_(std::move(remaining)) {}

// The cost of a trial in arbitrary units: a token in a prefill costs a fraction of a decode step.
double TimeLeft::work(const PlannedTrial& trial) const {
  constexpr double kPrefillTokensPerStep = 16;
  const Point& point = experiment_->points[static_cast<std::size_t>(trial.point)];
  double parameters = 1;
  for (const ModelFacts& facts : experiment_->model_facts) {
    if (facts.reference == point.model) parameters = static_cast<double>(facts.n_parameters);
  }
  const double steps =
      (1.0 * point.past_tokens + point.prompt_tokens) * point.batch / kPrefillTokensPerStep + point.generate_tokens;
  return parameters * steps / point.threads;
}

void TimeLeft::ended(const PlannedTrial& trial, double seconds) {
  if (next_ < remaining_.size()) ++next_;
  auto& [sum, count] = seen_[{trial.point, trial.contender}];
  sum += seconds;
  ++count;
  auto& [spent, done] = rate_[trial.contender];
  spent += seconds;
  done += work(trial);
}

void TimeLeft::added(const std::vector<PlannedTrial>& trials) {
  remaining_.insert(remaining_.end(), trials.begin(), trials.end());
}

double TimeLeft::estimate() const {
  if (rate_.empty()) return -1;
  double all_seconds = 0;
  double all_work = 0;
  for (const auto& [contender, rate] : rate_) {
    all_seconds += rate.first;
    all_work += rate.second;
  }
  double left = 0;
  for (std::size_t i = next_; i < remaining_.size(); ++i) {
    const PlannedTrial& trial = remaining_[i];
    const auto same = seen_.find({trial.point, trial.contender});
    const auto rate = rate_.find(trial.contender);
    if (same != seen_.end()) {
      left += same->second.first / same->second.second;
    } else if (rate != rate_.end()) {
      left += work(trial) * rate->second.first / rate->second.second;
    } else {
      left += work(trial) * all_seconds / all_work;
    }
    left += experiment_->measure.cooldown_s;
  }
  return left;
}

RunProgress::RunProgress(const Experiment& experiment, const RunFolder& folder, bool terminal)
    : experiment_(experiment),
      terminal_(terminal),
      total_(make_plan(experiment, folder.info().shard).size()),
      time_left_(experiment, remaining_of(experiment, folder)) {
  done_ = total_ - remaining_of(experiment, folder).size();
}

RunProgress::~RunProgress() {
  finish();
}

void RunProgress::finish() {
  if (line_open_) print_message("\n");
  line_open_ = false;
}

std::string RunProgress::place(const PlannedTrial& trial) const {
  const Point& point = experiment_.points[static_cast<std::size_t>(trial.point)];
  std::string model = point.model;
  for (const ModelFacts& facts : experiment_.model_facts) {
    if (facts.reference == point.model) model = facts.name;
  }
  const std::string round =
      trial.block < 0 ? "warm-up" : fmt::format("block {}/{}", trial.block + 1, experiment_.measure.blocks);
  return fmt::format("{}: {}, {}, {}", model, workload_text(point), round,
                     experiment_.contenders[static_cast<std::size_t>(trial.contender)].name);
}

void RunProgress::show(const std::string& what) {
  constexpr std::size_t kBar = 20;
  const std::size_t filled = total_ == 0 ? kBar : done_ * kBar / total_;
  const double left = time_left_.estimate();
  const std::string time = left < 0 ? "" : duration_text(left) + " left, ";
  const std::string line =
      fmt::format("[{:#<{}}{:.<{}}] {}/{} {}{}", "", filled, "", kBar - filled, done_, total_, time, what);
  print_message("\r{}\x1b[K", one_line(line, terminal_width() - 1));
  line_open_ = true;
}

void RunProgress::loading(const Contender& contender, const Point& point) {
  if (terminal_) {
    show(fmt::format("loading {} into {}", point.model, contender.name));
  } else {
    print_message("loading {} into {}, threads {}\n", point.model, contender.name, point.threads);
  }
}

void RunProgress::judging(const Contender& contender, const Point& point, std::size_t windows) {
  if (terminal_) {
    show(fmt::format("quality of {} on {}, {}", contender.name, point.model, counted(windows, "window")));
  } else if (windows == 0) {
    print_message("quality of {} on {}\n", contender.name, point.model);
  }
}

void RunProgress::ended_badly(const Contender& contender, const std::string& fault) {
  const std::string line =
      one_line(fmt::format("warning: {} did not shut down cleanly: {}", contender.name, fault), 400);
  if (!told_.insert(line).second) return;
  print_message("{}{}\n", terminal_ ? "\r\x1b[K" : "", line);
}

void RunProgress::trial_begins(const PlannedTrial& trial) {
  if (terminal_) show(place(trial));
}

// Appended to the remaining trials although they run next: the total time left is the same.
void RunProgress::block_added(const std::vector<PlannedTrial>& trials) {
  total_ += trials.size();
  time_left_.added(trials);
}

void RunProgress::trial_ended(const PlannedTrial& trial, const TrialRecord& record) {
  if (record.attempt > 0) {  // it replaces one that was already counted
    --done_;
    time_left_.added({trial});
  }
  ++done_;
  time_left_.ended(trial, record.duration_s);
  if (terminal_) {
    if (!record.ok()) {  // the line remains visible
      print_message("\r{}\x1b[K\n", one_line(place(trial) + ": " + outcome_text(record), 400));
    }
    show(place(trial));
    return;
  }
  const double left = time_left_.estimate();
  print_message("[{}/{}] {}: {}{}\n", done_, total_, place(trial), outcome_text(record),
                left < 0 ? "" : fmt::format(" ({} left)", duration_text(left)));
}

}  // namespace inferbench
