// SPDX-License-Identifier: Apache-2.0
#include "results/limit_share.hpp"

#include "inferbench/decoder.hpp"
#include "support/precision.hpp"

namespace inferbench {

double prefill_flops(const ModelConfig& config, std::int32_t prompt_tokens, std::int32_t batch,
                     std::int32_t past_tokens) {
  return batch * decoder::prefill_operations(model_desc(config), prompt_tokens, past_tokens);
}

void set_limit_shares(TrialRecord& record, const ModelConfig& config, const MachineLimits& limits,
                      const std::optional<PrecisionMeaning>& precision) {
  record.decode_bandwidth_share.reset();
  record.prefill_peak_share.reset();
  const ThreadLimits* here = limits.find(record.point.threads);
  if (here == nullptr || !record.ok() || !record.outcome.metrics) return;
  const TrialMetrics& metrics = *record.outcome.metrics;
  const std::uint64_t bytes = record.load.decode_weights_bytes;
  const double bandwidth = read_bandwidth_near(*here, bytes);
  if (metrics.decode_ms_per_token && *metrics.decode_ms_per_token > 0 && bytes > 0 && bandwidth > 0) {
    record.decode_bandwidth_share = static_cast<double>(bytes) / (*metrics.decode_ms_per_token * 1e-3) / bandwidth;
  }
  const double peak = multiplies_integers(precision) ? here->int8_ops_per_s.best : here->fp32_flops_per_s.best;
  if (metrics.ttft_ms > 0 && peak > 0) {
    const double flops =
        prefill_flops(config, record.point.prompt_tokens, record.point.batch, record.point.past_tokens);
    record.prefill_peak_share = flops / (metrics.ttft_ms * 1e-3) / peak;
  }
}

}  // namespace inferbench
