// SPDX-License-Identifier: Apache-2.0
#include "quality/agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "stats/bootstrap.hpp"

namespace inferbench {

namespace {

using Windows = std::span<const WindowAgreement>;
using Items = std::span<const std::size_t>;
using Statistic = std::function<double(Windows, Items)>;

// The sum of a field over all windows, per token, so that long windows weigh more.
Statistic mean_of(double WindowAgreement::*field) {
  return [field](Windows windows, Items items) {
    double sum = 0;
    double tokens = 0;
    for (const std::size_t i : items) {
      sum += windows[i].*field;
      tokens += static_cast<double>(windows[i].tokens);
    }
    return sum / tokens;
  };
}

double greatest_error(Windows windows, Items items) {
  double most = 0;
  for (const std::size_t i : items) most = greater_error(most, windows[i].greatest_error);
  return most;
}

Estimate estimate(Windows windows, const Statistic& statistic) {
  std::vector<std::size_t> all(windows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  Estimate result{statistic(windows, all), std::nullopt};
  if (std::isfinite(result.value)) {
    result.interval = bootstrap_interval(windows.size(), [&](Items items) { return statistic(windows, items); });
  }
  return result;
}

Estimate exponential(const Estimate& log) {
  Estimate result{std::exp(log.value), std::nullopt};
  if (log.interval) result.interval = Interval{std::exp(log.interval->low), std::exp(log.interval->high)};
  return result;
}

void put(nlohmann::ordered_json& json, const std::string& name, const Estimate& estimate) {
  json[name] = estimate.value;  // written as null if not finite
  json[name + "_interval"] = nullptr;
  if (estimate.interval) json[name + "_interval"] = {estimate.interval->low, estimate.interval->high};
}

double number(const nlohmann::ordered_json& json, const std::string& name) {
  const auto& value = json.at(name);
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Estimate get(const nlohmann::ordered_json& json, const std::string& name) {
  Estimate estimate{number(json, name), std::nullopt};
  const auto& interval = json.at(name + "_interval");
  if (!interval.is_null()) estimate.interval = Interval{interval.at(0).get<double>(), interval.at(1).get<double>()};
  return estimate;
}

}  // namespace

Agreement summarize_agreement(Windows windows, bool with_reference) {
  Agreement agreement;
  agreement.windows = windows.size();
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const WindowAgreement& window = windows[i];
    if (agreement.first_not_finite.empty() && window.first_wrong) {
      agreement.first_not_finite =
          fmt::format("window {}, position {}: {}", i, window.first_wrong->row, describe(*window.first_wrong));
    }
    agreement.tokens += window.tokens;
    agreement.not_finite += window.not_finite;
  }
  agreement.nll_per_token = estimate(windows, mean_of(&WindowAgreement::nll));
  agreement.perplexity = exponential(agreement.nll_per_token);
  if (!with_reference) return agreement;
  Agreement::Reference& reference = agreement.reference.emplace();
  std::vector<std::size_t> all(windows.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  reference.nll_per_token = mean_of(&WindowAgreement::reference_nll)(windows, all);
  reference.perplexity = std::exp(reference.nll_per_token);
  reference.kl = estimate(windows, mean_of(&WindowAgreement::kl));
  reference.top1 = estimate(windows, mean_of(&WindowAgreement::same_top));
  reference.top5 = estimate(windows, mean_of(&WindowAgreement::shared_top));
  reference.greatest_error = estimate(windows, greatest_error);
  return agreement;
}

nlohmann::ordered_json to_json(const Agreement& agreement) {
  nlohmann::ordered_json json = {
      {"tokens", agreement.tokens}, {"windows", agreement.windows}, {"not_finite_tokens", agreement.not_finite}};
  json["first_not_finite"] = nullptr;
  if (!agreement.first_not_finite.empty()) json["first_not_finite"] = agreement.first_not_finite;
  put(json, "nll_per_token", agreement.nll_per_token);
  put(json, "perplexity", agreement.perplexity);
  if (!agreement.reference) return json;
  const Agreement::Reference& reference = *agreement.reference;
  json["reference_nll_per_token"] = reference.nll_per_token;
  json["reference_perplexity"] = reference.perplexity;
  put(json, "kl", reference.kl);
  put(json, "top1_agreement", reference.top1);
  put(json, "top5_agreement", reference.top5);
  put(json, "greatest_logit_error", reference.greatest_error);
  return json;
}

Agreement agreement_from(const nlohmann::ordered_json& json) {
  Agreement agreement;
  agreement.windows = json.at("windows").get<std::uint64_t>();
  agreement.tokens = json.at("tokens").get<std::uint64_t>();
  agreement.not_finite = json.at("not_finite_tokens").get<std::uint64_t>();
  const auto first = json.find("first_not_finite");
  if (first != json.end() && first->is_string()) agreement.first_not_finite = first->get<std::string>();
  agreement.nll_per_token = get(json, "nll_per_token");
  agreement.perplexity = get(json, "perplexity");
  if (!json.contains("kl")) return agreement;
  Agreement::Reference& reference = agreement.reference.emplace();
  reference.nll_per_token = number(json, "reference_nll_per_token");
  reference.perplexity = number(json, "reference_perplexity");
  reference.kl = get(json, "kl");
  reference.top1 = get(json, "top1_agreement");
  reference.top5 = get(json, "top5_agreement");
  reference.greatest_error = get(json, "greatest_logit_error");
  return agreement;
}

}  // namespace inferbench
