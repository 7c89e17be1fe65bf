// SPDX-License-Identifier: Apache-2.0
#include "report/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "experiment/metrics.hpp"
#include "results/metric_values.hpp"

namespace inferbench {

namespace {

// Spreadsheets treat a cell that starts like this as a formula, even when it comes from a file.
bool looks_like_formula(std::string_view field) {
  return !field.empty() && std::string_view("=+-@\t\r").find(field.front()) != std::string_view::npos;
}

// A table under construction. Fields are added in row order.
class Table {
 public:
  explicit Table(std::string_view header) : text_(header) { text_ += "\r\n"; }

  /// Adds text: quoted if necessary, with an apostrophe before anything that would be a formula.
  void add(std::string_view field) {
    separate();
    const bool formula = looks_like_formula(field);
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
      if (formula) text_ += '\'';
      text_ += field;
      return;
    }
    text_ += '"';
    if (formula) text_ += '\'';
    for (const char c : field) {
      if (c == '"') text_ += '"';
      text_ += c;
    }
    text_ += '"';
  }
  void add(double value) {
    separate();
    fmt::format_to(std::back_inserter(text_), "{}", value);
  }
  void add(std::int64_t value) {
    separate();
    fmt::format_to(std::back_inserter(text_), "{}", value);
  }
  void add(std::optional<double> value) { value ? add(*value) : separate(); }
  void end_row() {
    text_ += "\r\n";
    first_ = true;
  }
  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  std::string text_;
  bool first_ = true;
};

std::optional<double> generated_per_second(const TrialRecord& trial) {
  if (!trial.ok() || !trial.outcome.metrics || !(trial.outcome.metrics->e2e_ms > 0)) return std::nullopt;
  const double tokens = static_cast<double>(trial.point.generate_tokens) * trial.point.batch;
  return tokens / (trial.outcome.metrics->e2e_ms / 1e3);
}

// The metrics with one value per trial. e2e_ms has its own column, latency_ms.
std::vector<const Metric*> metric_columns(bool scenarios) {
  std::vector<const Metric*> columns;
  for (const Metric& metric : all_metrics()) {
    const bool of_scenarios = metric.points == MetricPoints::kScenario || metric.points == MetricPoints::kSearch;
    if (of_scenarios && !scenarios) continue;
    if (metric.get != nullptr && metric.name != "e2e_ms") columns.push_back(&metric);
  }
  return columns;
}

// Bytes are written as integers: 12001280, never 1.2e+07.
void add_metric(Table& table, const TrialRecord& trial, const Metric& metric) {
  const auto value = metric_value(trial, metric);
  if (value && metric.unit == "bytes") {
    table.add(static_cast<std::int64_t>(*value));
  } else {
    table.add(value);
  }
}

/// The parts of the table that few runs have.
struct CsvExtras {
  bool nodes = false;
  bool scenarios = false;
};

std::string extra_names(const CsvExtras& extras) {
  return fmt::format("{}{}", extras.nodes ? ",node" : "", extras.scenarios ? ",scenario" : "");
}

void add_trial(Table& table, const TrialRecord& trial, const std::vector<const Metric*>& columns,
               const CsvExtras& extras) {
  table.add(trial.backend);
  table.add(trial.point.model);
  table.add(trial.precision);
  table.add(std::int64_t{trial.point.prompt_tokens});
  table.add(std::int64_t{trial.point.generate_tokens});
  table.add(std::int64_t{trial.warm_up() ? trial.repeat : trial.block});
  add_metric(table, trial, one_value_metric("e2e_ms"));
  table.add(generated_per_second(trial));
  table.add(trial.contender);
  table.add(std::int64_t{trial.point.batch});
  table.add(std::int64_t{trial.point.threads});
  table.add(std::string_view(trial.warm_up() ? "warm_up" : "measured"));
  table.add(to_string(trial.outcome.status));
  for (const Metric* metric : columns) add_metric(table, trial, *metric);
  table.add(trial.outcome.digest);
  table.add(trial.started);
  table.add(trial.id);
  table.add(trial.outcome.error);
  table.add(trial.disturbed_by);
  table.add(trial.decode_bandwidth_share);
  table.add(trial.prefill_peak_share);
  table.add(std::int64_t{trial.point.past_tokens});
  table.add(std::int64_t{trial.point.shared_prefix_tokens});
  if (extras.nodes) table.add(trial.node);
  if (extras.scenarios) table.add(trial.point.scenario);
  table.end_row();
}

std::string trials_header(const std::vector<const Metric*>& columns, const CsvExtras& extras) {
  std::string header =
      "backend,model,precision,context_length,generate_length,trial,latency_ms,tokens_per_second,contender,batch,"
      "threads,phase,status";
  for (const Metric* metric : columns) header += fmt::format(",{}", metric->name);
  return header +
         ",output_digest,started,id,error,disturbed_by,decode_bandwidth_share,prefill_peak_share,past_tokens,"
         "shared_prefix_tokens" +
         extra_names(extras);
}

constexpr std::string_view kSummaryHeader =
    "contender,precision,model,context_length,generate_length,batch,threads,metric,n,mean,median,min,max,sd,p50,p90,"
    "p95,"
    "p99,speed_ratio,speed_ratio_low,speed_ratio_high,verdict,trials_ok,trials_failed,past_tokens,shared_prefix_tokens";

void add_summary(Table& table, const Summary& summary) {
  table.add(static_cast<std::int64_t>(summary.n));
  table.add(summary.mean);
  table.add(summary.median);
  table.add(summary.min);
  table.add(summary.max);
  for (const auto& value : {summary.sd, summary.p50, summary.p90, summary.p95, summary.p99}) table.add(value);
}

void add_ratio(Table& table, const ContenderResult& result, const std::string& metric) {
  const auto found = result.ratios.find(metric);
  if (found == result.ratios.end()) {
    for (int i = 0; i < 4; ++i) table.add(std::string_view());
    return;
  }
  const SpeedRatio& ratio = found->second;
  table.add(ratio.ratio);
  table.add(ratio.interval ? std::optional(ratio.interval->low) : std::nullopt);
  table.add(ratio.interval ? std::optional(ratio.interval->high) : std::nullopt);
  table.add(to_string(judge(ratio)));
}

std::string precision_of_contender(const RunInfo& info, const std::string& contender) {
  const auto found = std::find_if(info.contenders.begin(), info.contenders.end(),
                                  [&](const Contender& other) { return other.name == contender; });
  return found == info.contenders.end() ? "" : found->precision;
}

bool has_scenarios(const RunInfo& info) {
  return std::any_of(info.points.begin(), info.points.end(),
                     [](const Point& point) { return !point.scenario.empty(); });
}

}  // namespace

std::string trials_csv(const RunData& run, bool warm_ups) {
  const CsvExtras extras{
      std::any_of(run.trials.begin(), run.trials.end(), [](const TrialRecord& trial) { return !trial.node.empty(); }),
      has_scenarios(run.info)};
  const std::vector<const Metric*> columns = metric_columns(extras.scenarios);
  Table table(trials_header(columns, extras));
  for (const TrialRecord& trial : run.trials) {
    if (warm_ups || !trial.warm_up()) add_trial(table, trial, columns, extras);
  }
  return table.take();
}

std::string summary_csv(const RunInfo& info, const Comparison& comparison) {
  const CsvExtras extras{
      std::any_of(info.points.begin(), info.points.end(), [](const Point& point) { return !point.node.empty(); }),
      has_scenarios(info)};
  Table table(fmt::format("{}{}", kSummaryHeader, extra_names(extras)));
  for (const PointResult& point : comparison.points) {
    for (const ContenderResult& result : point.contenders) {
      for (const std::string& metric : metric_names()) {
        const auto summary = result.metrics.find(metric);
        if (summary == result.metrics.end()) continue;
        table.add(result.contender);
        table.add(precision_of_contender(info, result.contender));
        table.add(point.point.model);
        table.add(std::int64_t{point.point.prompt_tokens});
        table.add(std::int64_t{point.point.generate_tokens});
        table.add(std::int64_t{point.point.batch});
        table.add(std::int64_t{point.point.threads});
        table.add(metric);
        add_summary(table, summary->second);
        add_ratio(table, result, metric);
        table.add(static_cast<std::int64_t>(result.ok));
        table.add(static_cast<std::int64_t>(result.failed));
        table.add(std::int64_t{point.point.past_tokens});
        table.add(std::int64_t{point.point.shared_prefix_tokens});
        if (extras.nodes) table.add(point.point.node);
        if (extras.scenarios) table.add(point.point.scenario);
        table.end_row();
      }
    }
  }
  return table.take();
}

}  // namespace inferbench
