// SPDX-License-Identifier: Apache-2.0
#include "http/service_metrics.hpp"

namespace inferbench {

std::string metrics_text(const ServiceMetrics& metrics, const ServiceState& state) {
  PrometheusText text;
  text.info("inferbench_served_info", "What this server serves", {{"model", state.model}, {"backend", state.backend}});
  text.gauge("inferbench_slots", "Requests that can run at once", static_cast<double>(state.slots));
  text.gauge("inferbench_requests_running", "Requests in a slot", static_cast<double>(state.running));
  text.gauge("inferbench_requests_waiting", "Requests that wait for a slot", static_cast<double>(state.waiting));
  text.gauge("inferbench_connections", "Open connections", static_cast<double>(state.connections));
  text.counters("inferbench_http_answers_total", "Answers by path and status", {"path", "status"}, metrics.answers);
  text.counter("inferbench_clients_gone_total", "Requests whose client closed the connection early",
               metrics.clients_gone);
  text.counter("inferbench_prompt_tokens_total", "Prompt tokens of accepted requests", metrics.prompt_tokens);
  text.counter("inferbench_generated_tokens_total", "Generated tokens", metrics.generated_tokens);
  text.histogram("inferbench_queue_wait_seconds", "From the arrival of a request to its slot", metrics.queue_wait);
  text.histogram("inferbench_time_to_first_token_seconds", "From the arrival of a request to its first token",
                 metrics.first_token);
  text.histogram("inferbench_time_per_output_token_seconds", "Mean gap between the tokens of a request",
                 metrics.time_per_token);
  text.histogram("inferbench_request_duration_seconds", "From the arrival of a request to its last token",
                 metrics.duration);
  return text.text();
}

}  // namespace inferbench
