// SPDX-License-Identifier: Apache-2.0
#include "experiment/metrics.hpp"

namespace inferbench {

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> kNames{
      "load_ms", "ttft_ms",        "prefill_tokens_per_s", "decode_ms_per_token", "decode_tokens_per_s",
      "e2e_ms",  "inter_token_ms", "peak_rss_bytes",       "weights_bytes",       "kv_bytes",
      "cpu_s"};
  return kNames;
}

}  // namespace inferbench
