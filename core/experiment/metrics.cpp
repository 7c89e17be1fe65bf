// SPDX-License-Identifier: Apache-2.0
#include "experiment/metrics.hpp"

#include <algorithm>

namespace inferbench {

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames{"load_ms",
                                               "ttft_ms",
                                               "prefill_tokens_per_s",
                                               "decode_ms_per_token",
                                               "decode_tokens_per_s",
                                               "e2e_ms",
                                               "total_tokens_per_s",
                                               "inter_token_ms",
                                               "peak_rss_bytes",
                                               "weights_bytes",
                                               "kv_bytes",
                                               "cpu_s"};
  return kNames;
}

const std::vector<std::string>& quality_metric_names() {
  static const std::vector<std::string> kNames{"kl", "top1_agreement", "top5_agreement", "perplexity"};
  return kNames;
}

std::vector<std::string> judged_metric_names() {
  std::vector<std::string> names = metric_names();
  names.insert(names.end(), quality_metric_names().begin(), quality_metric_names().end());
  return names;
}

bool is_quality_metric(std::string_view metric) {
  const auto& names = quality_metric_names();
  return std::find(names.begin(), names.end(), metric) != names.end();
}

bool more_is_better(std::string_view metric) {
  return metric.ends_with("_per_s") || metric.ends_with("_agreement");
}

}  // namespace inferbench
