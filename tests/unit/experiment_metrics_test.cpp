// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>

#include "experiment/metrics.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

TEST(Metrics, EachHasANameATitleAndAColumnOfItsOwn) {
  std::set<std::string_view> names, titles, columns;
  for (const Metric& metric : all_metrics()) {
    EXPECT_FALSE(metric.name.empty());
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(titles.insert(metric.title).second) << metric.name;
    EXPECT_TRUE(columns.insert(metric.column).second) << metric.name;
    EXPECT_EQ(find_metric(metric.name), &metric);
  }
  EXPECT_EQ(find_metric("speed"), nullptr);
}

TEST(Metrics, UnitsStandInTheNames) {
  for (const Metric& metric : all_metrics()) {
    EXPECT_EQ(metric.name.ends_with("_ms") || metric.name.ends_with("_ms_per_token"), metric.unit == "ms")
        << metric.name;
    EXPECT_EQ(metric.name.ends_with("_bytes"), metric.unit == "bytes") << metric.name;
    EXPECT_EQ(metric.name.ends_with("tokens_per_s"), metric.unit == "tok/s") << metric.name;
    EXPECT_EQ(metric.name.ends_with("_per_s") && !metric.name.ends_with("tokens_per_s"), metric.unit == "req/s")
        << metric.name;
    EXPECT_EQ(metric.more_is_better,
              metric.name.ends_with("_per_s") || metric.name.ends_with("_agreement") || metric.name.ends_with("_rate"))
        << metric.name;
  }
}

TEST(Metrics, OnlyGapsAndQualityHaveNoValueOfATrial) {
  for (const Metric& metric : all_metrics()) {
    const bool one_value = metric.scope == MetricScope::kTrial && metric.name != "inter_token_ms";
    EXPECT_EQ(metric.get != nullptr, one_value) << metric.name;
    EXPECT_TRUE(!metric.compared || metric.kind == MetricKind::kSpeed) << metric.name;
  }
}

TEST(Metrics, WhatSumsUpARun) {
  EXPECT_THAT(metrics_with(&Metric::headline), ElementsAre("prefill_tokens_per_s", "decode_tokens_per_s"));
  EXPECT_THAT(metrics_with(&Metric::regression),
              ElementsAre("ttft_ms", "decode_tokens_per_s", "output_tokens_per_s", "max_rate_per_s", "peak_rss_bytes"));
}

TEST(Metrics, ZeroBytesOfADeviceOrOfWeightsAreUnknown) {
  const Point point;
  LoadOutcome load;
  TrialOutcome outcome;
  outcome.metrics.emplace();
  const TrialFacts trial{point, load, outcome};
  EXPECT_EQ(find_metric("device_bytes")->get(trial), std::nullopt);
  EXPECT_EQ(find_metric("weights_bytes")->get(trial), std::nullopt);
  outcome.device_bytes = 0;
  EXPECT_EQ(find_metric("device_bytes")->get(trial), std::nullopt);
  outcome.device_bytes = 5;
  load.weights_bytes = 6;
  EXPECT_EQ(find_metric("device_bytes")->get(trial), 5);
  EXPECT_EQ(find_metric("weights_bytes")->get(trial), 6);
}

TEST(Metrics, ScenariosAndBatchesShareLatencies) {
  const Point point;
  const LoadOutcome load;
  TrialOutcome outcome;
  LoadMetrics& metrics = outcome.serving.emplace().metrics;
  for (int i = 0; i < 101; ++i) metrics.ttft_ms.push_back(i);
  metrics.tpot_ms = {5, 9, 7};
  metrics.e2e_ms = {100, 300};
  metrics.output_tokens_per_s = 12;
  const TrialFacts trial{point, load, outcome};
  EXPECT_EQ(find_metric("ttft_ms")->get(trial), 50);
  EXPECT_EQ(find_metric("ttft_p99_ms")->get(trial), 99);
  EXPECT_EQ(find_metric("tpot_p99_ms")->get(trial), std::nullopt);  // too few requests
  EXPECT_EQ(find_metric("decode_ms_per_token")->get(trial), 7);
  EXPECT_EQ(find_metric("e2e_ms")->get(trial), 200);
  EXPECT_EQ(find_metric("output_tokens_per_s")->get(trial), 12);
  EXPECT_EQ(find_metric("goodput_per_s")->get(trial), std::nullopt);
  EXPECT_EQ(find_metric("prefill_tokens_per_s")->get(trial), std::nullopt);
  outcome.serving.reset();
  outcome.metrics.emplace().ttft_ms = 3;
  EXPECT_EQ(find_metric("ttft_ms")->get(trial), 3);
  EXPECT_EQ(find_metric("ttft_p99_ms")->get(trial), std::nullopt);
}

}  // namespace
}  // namespace inferbench
