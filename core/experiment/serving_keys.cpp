// SPDX-License-Identifier: Apache-2.0
// The key rows of scenarios and of `serving`.
#include <fmt/format.h>

#include "experiment/bounds.hpp"
#include "experiment/experiment.hpp"
#include "experiment/key_rows.hpp"

namespace inferbench {

namespace {

// The keys of a distribution of lengths.
std::vector<Key> length_rows(const std::string& path, const std::string& meaning, const std::string& axis) {
  const auto bound = [&](const char* name, const char* what, const char* example) {
    return Key{.path = path + "." + name,
               .type = KeyType::kInteger,
               .required = true,
               .unit = "tokens",
               .least = 1,
               .most = kMaxTokens,
               .meaning = what,
               .example = example};
  };
  return {
      {.path = path,
       .type = KeyType::kMap,
       .fallback_words = fmt::format("`{}` for every request", axis),
       .meaning = meaning,
       .example = "{min: 16, max: 200}"},
      bound("min", "Shortest length.", "8"),
      bound("max", "Longest length. Without `median` and `sigma`, all lengths from `min` to this are equally likely.",
            "200"),
      {.path = path + ".median",
       .type = KeyType::kNumber,
       .fallback_words = "uniform lengths",
       .unit = "tokens",
       .least = 1,
       .most = kMaxTokens,
       .meaning = "Median of a lognormal distribution; longer and shorter lengths are cut to `min` and `max`.",
       .example = "60"},
      {.path = path + ".sigma",
       .type = KeyType::kNumber,
       .fallback = "1",
       .least = 0,
       .most = 10,
       .meaning = "Standard deviation of the logarithm of the length. Needs `median`.",
       .example = "0.8"},
  };
}

std::vector<Key> objective_rows() {
  return {
      {.path = "serving.objective",
       .type = KeyType::kMap,
       .fallback_words = "none",
       .meaning = "What a request must get to count for `goodput_per_s`.",
       .example = "{ttft_ms: 200, tpot_ms: 50}"},
      {.path = "serving.objective.ttft_ms",
       .type = KeyType::kNumber,
       .fallback_words = "no bound",
       .unit = "ms",
       .least = 0.001,
       .most = kMaxTimeoutS * 1e3,
       .meaning = "Longest time from the intended arrival to the first token.",
       .example = "200"},
      {.path = "serving.objective.tpot_ms",
       .type = KeyType::kNumber,
       .fallback_words = "no bound",
       .unit = "ms",
       .least = 0.001,
       .most = kMaxTimeoutS * 1e3,
       .meaning = "Longest time per output token after the first.",
       .example = "50"},
  };
}

std::vector<Key> scheduler_rows() {
  const Serving serving;
  return {
      {.path = "serving.max_batch",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", serving.max_batch),
       .unit = "requests",
       .least = 1,
       .most = kMaxBatch,
       .meaning = "Requests that run at once: the slots of the backend. The others wait.",
       .example = "4"},
      {.path = "serving.token_budget",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", serving.token_budget),
       .unit = "tokens",
       .least = 1,
       .most = kMaxTokens,
       .meaning = "Most tokens of one forward call; longer prompts are fed in pieces. At least `max_batch`.",
       .example = "256"},
      {.path = "serving.policy",
       .type = KeyType::kChoice,
       .fallback = std::string(to_string(serving.policy)),
       .choices = {"chunked", "prefill_first"},
       .meaning = "`chunked`: every call has one token of each decoding request, and pieces of prompts up to the "
                  "budget. `prefill_first`: while there are prompts to feed, decoding waits.",
       .example = "prefill_first"},
  };
}

}  // namespace

std::vector<Key> scenario_rows() {
  return {
      {.path = "sweep.scenario",
       .type = KeyType::kMap,
       .list = true,
       .short_form = "batch or offline",
       .fallback_words = "`batch`",
       .meaning = "How requests arrive. `batch`: one batch of equal prompts starts at once, without a scheduler. "
                  "`offline`: all requests arrive at the start. The other scenarios are keys of a map.",
       .example = "[batch, offline, {closed: {concurrency: [1, 4]}}]"},
      {.path = "sweep.scenario.closed",
       .type = KeyType::kMap,
       .meaning = "Users who each send their next request when the last one has ended.",
       .example = "{concurrency: [1, 4]}"},
      {.path = "sweep.scenario.closed.concurrency",
       .type = KeyType::kInteger,
       .list = true,
       .required = true,
       .unit = "users",
       .least = 1,
       .most = kMaxBatch,
       .meaning = "Number of users.",
       .example = "[1, 4]"},
      {.path = "sweep.scenario.open",
       .type = KeyType::kMap,
       .meaning = "Requests that arrive at a rate, whether or not earlier ones have ended.",
       .example = "{rate: [0.5, 1]}"},
      {.path = "sweep.scenario.open.rate",
       .type = KeyType::kNumber,
       .list = true,
       .required = true,
       .unit = "requests/s",
       .least = kMinRate,
       .most = kMaxRate,
       .meaning = "Mean rate of arrivals.",
       .example = "[0.5, 1]"},
      {.path = "sweep.scenario.open.arrivals",
       .type = KeyType::kChoice,
       .fallback = "poisson",
       .choices = {"poisson", "constant"},
       .meaning = "`poisson`: independent arrivals, as of many users. `constant`: equal gaps.",
       .example = "constant"},
      {.path = "sweep.scenario.trace",
       .type = KeyType::kPath,
       .list = true,
       .meaning =
           "A recorded trace with the arrival and the lengths of every request, in CSV or JSON lines: columns "
           "`arrival_s`, `prompt_tokens`, `output_tokens` and optionally `prefix`, or those of the public traces "
           "of Azure and Mooncake.",
       .example = "trace.csv"},
  };
}

std::vector<Key> serving_rows() {
  const Serving serving;
  const std::vector<Key> head{{.path = "serving",
                               .type = KeyType::kMap,
                               .meaning = "What all scenarios except `batch` have in common: the scheduler and the "
                                          "requests.",
                               .example = "{max_batch: 4, requests: 200}"}};
  const std::vector<Key> requests{
      {.path = "serving.requests",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", serving.requests),
       .least = 1,
       .most = kMaxRequests,
       .meaning = "Most requests of one run of a scenario.",
       .example = "200"},
      {.path = "serving.duration_s",
       .type = KeyType::kNumber,
       .fallback_words = "no bound",
       .unit = "s",
       .least = 0.001,
       .most = kMaxTimeoutS,
       .meaning = "No request arrives later than this; those that run end.",
       .example = "30"},
      {.path = "serving.ramp_up",
       .type = KeyType::kShare,
       .fallback = fmt::format("{}", serving.ramp_up),
       .least = 0,
       .most = kMaxRampUp,
       .meaning = "Share of the requests, the first to arrive, that are left out of all figures. Offline, all count.",
       .example = "20%"},
  };
  return join_rows({head, scheduler_rows(), requests,
                    length_rows("serving.prompt_tokens", "Lengths of the prompts.", "sweep.prompt_tokens"),
                    length_rows("serving.generate_tokens", "Tokens that requests ask for.", "sweep.generate_tokens"),
                    objective_rows()});
}

}  // namespace inferbench
