// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "report/operator_report.hpp"
#include "results/limit_share.hpp"

namespace inferbench {

namespace {

std::vector<double> run_seconds(const OperatorRow& row) {
  std::vector<double> values;
  for (const OperatorTime& time : row.times) values.push_back(time.run_s);
  return values;
}

std::optional<SpeedRatio> speed_ratio_of(const OperatorRow& row, const OperatorRow& baseline) {
  std::vector<double> ours;
  std::vector<double> theirs;
  for (const OperatorTime& time : row.times) {
    const auto pair = std::find_if(baseline.times.begin(), baseline.times.end(),
                                   [&](const OperatorTime& other) { return other.block == time.block; });
    if (pair == baseline.times.end()) continue;
    ours.push_back(1 / time.run_s);
    theirs.push_back(1 / pair->run_s);
  }
  return paired_speed_ratio(ours, theirs);
}

std::string_view device_of(const OperatorResults& results, const OperatorRow& row) {
  for (const Contender& contender : results.experiment.contenders) {
    if (contender.name == row.contender) return contender.device;
  }
  return {};
}

}  // namespace

std::optional<OperatorFigures> operator_figures(const OperatorResults& results, const OperatorResult& point,
                                                const OperatorRow& row) {
  const std::vector<double> seconds = run_seconds(row);
  const std::optional<Summary> summary = summarize(seconds);
  if (!row.ok() || !summary) return std::nullopt;
  OperatorFigures figures;
  figures.run_s = *summary;
  const std::uint64_t bytes = row.weights_bytes + row.kv_bytes;
  figures.bytes_per_s = static_cast<double>(bytes) / summary->median;
  figures.flops_per_s = operator_flops(point.point.spec).all() / summary->median;
  if (results.machine) {
    const std::uint64_t all_bytes = bytes * static_cast<std::uint64_t>(row.n_copies);
    const PrecisionMeaning precision{row.weight_bits, row.integer_products};
    figures.limit = operator_limit(
        point.point.spec, bytes,
        work_limits(*results.machine, device_of(results, row), point.point.threads, all_bytes, precision));
  }
  figures.disturbed = static_cast<std::size_t>(std::count_if(
      row.times.begin(), row.times.end(), [](const OperatorTime& time) { return !time.disturbed_by.empty(); }));
  if (row.contender == results.experiment.baseline) return figures;
  for (const OperatorRow& other : point.rows) {
    if (other.contender == results.experiment.baseline && other.ok()) figures.speed = speed_ratio_of(row, other);
  }
  return figures;
}

}  // namespace inferbench
