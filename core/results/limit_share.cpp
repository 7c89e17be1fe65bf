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
                      const std::optional<PrecisionMeaning>& precision, std::string_view device) {
  record.decode_bandwidth_share.reset();
  record.prefill_peak_share.reset();
  if (!record.ok() || !record.outcome.metrics) return;
  const TrialMetrics& metrics = *record.outcome.metrics;
  const std::uint64_t bytes = record.load.decode_weights_bytes;
  const WorkLimits most = work_limits(limits, device, record.point.threads, bytes, precision);
  if (metrics.decode_ms_per_token && *metrics.decode_ms_per_token > 0 && bytes > 0 && most.bytes > 0) {
    record.decode_bandwidth_share = static_cast<double>(bytes) / (*metrics.decode_ms_per_token * 1e-3) / most.bytes;
  }
  if (metrics.ttft_ms > 0 && most.products > 0) {
    const double flops =
        prefill_flops(config, record.point.prompt_tokens, record.point.batch, record.point.past_tokens);
    record.prefill_peak_share = flops / (metrics.ttft_ms * 1e-3) / most.products;
  }
}

}  // namespace inferbench
