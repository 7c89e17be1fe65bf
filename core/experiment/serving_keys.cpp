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

std::vector<Key> objective_rows(const std::string& path, bool required, const char* meaning) {
  return {
      {.path = path,
       .type = KeyType::kMap,
       .required = required,
       .fallback_words = required ? "" : "none",
       .meaning = meaning,
       .example = "{ttft_ms: 200, tpot_ms: 50}"},
      {.path = path + ".ttft_ms",
       .type = KeyType::kNumber,
       .fallback_words = "no bound",
       .unit = "ms",
       .least = 0.001,
       .most = kMaxTimeoutS * 1e3,
       .meaning = "Longest time from the intended arrival to the first token.",
       .example = "200"},
      {.path = path + ".tpot_ms",
       .type = KeyType::kNumber,
       .fallback_words = "no bound",
       .unit = "ms",
       .least = 0.001,
       .most = kMaxTimeoutS * 1e3,
       .meaning = "Longest time per output token after the first.",
       .example = "50"},
  };
}

std::vector<Key> judgement_rows() {
  return {
      {.path = "serving.at",
       .type = KeyType::kMap,
       .fallback_words = "no comparison",
       .meaning = "The speed that every user gets while contenders are compared by what the machine delivers to all.",
       .example = "{tokens_per_s_per_user: 20}"},
      {.path = "serving.at.tokens_per_s_per_user",
       .type = KeyType::kNumber,
       .required = true,
       .unit = "tokens/s",
       .least = 0.001,
       .most = kMaxTokensPerS,
       .meaning = "Output tokens per second of one user: the inverse of the time per output token.",
       .example = "20"},
      {.path = "serving.cost",
       .type = KeyType::kMap,
       .fallback_words = "no prices",
       .meaning = "What the machine costs, for the price of a million output tokens.",
       .example = "{per_hour: 2.5, currency: USD}"},
      {.path = "serving.cost.per_hour",
       .type = KeyType::kNumber,
       .required = true,
       .least = 1e-6,
       .most = kMaxHourlyCost,
       .meaning = "Price of an hour.",
       .example = "2.5"},
      {.path = "serving.cost.currency",
       .type = KeyType::kText,
       .required = true,
       .meaning = "Name of the currency, for headings.",
       .example = "USD"},
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

Key lengths_row() {
  return {.path = "serving.lengths_from",
          .type = KeyType::kPath,
          .fallback_words = "none",
          .meaning =
              "A file of prompts; each request has the lengths of one of them, and random tokens. A `.json` file has "
              "conversations as ShareGPT has them, of which the first question and answer count; any other file has "
              "a prompt on each line. In place of `prompt_tokens`; `generate_tokens` replaces the lengths of the "
              "answers.",
          .example = "prompts.txt"};
}

Key delivery_row() {
  return {.path = "serving.delivery",
          .type = KeyType::kChoice,
          .list = true,
          .fallback = "none",
          .choices = {"none", "stream", "whole"},
          .meaning =
              "What becomes of the generated tokens. `stream`: each is turned into text and sent to a client in the "
              "same process as soon as it is known. `whole`: the text is sent when the request has ended. Each "
              "scenario runs with each value.",
          .example = "[stream, whole]"};
}

std::vector<Key> arrival_rows() {
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
       .least = kMinArrivalRate,
       .most = kMaxArrivalRate,
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

std::vector<Key> search_rows() {
  const RateGoal goal;
  const std::string path = "sweep.scenario.find.max_rate";
  const std::vector<Key> head{
      {.path = "sweep.scenario.find",
       .type = KeyType::kMap,
       .meaning = "A search over runs of a scenario.",
       .example = "{max_rate: {objective: {ttft_ms: 200}}}"},
      {.path = path,
       .type = KeyType::kMap,
       .required = true,
       .meaning =
           "The highest rate of open arrivals at which requests meet an objective, by bisection: each trial runs "
           "the same requests at several rates.",
       .example = "{objective: {ttft_ms: 200}, percentile: 99}"},
  };
  const std::vector<Key> tail{
      {.path = path + ".percentile",
       .type = KeyType::kNumber,
       .fallback = fmt::format("{}", goal.percentile),
       .unit = "%",
       .least = 1,
       .most = 99.99,
       .meaning = "At a rate that holds, at least so many per cent of the requests meet the objective.",
       .example = "95"},
      {.path = path + ".within",
       .type = KeyType::kShare,
       .fallback = fmt::format("{}", goal.within),
       .least = 0.001,
       .most = 1,
       .meaning = "The search ends when the lowest rate that failed is above the highest one that held by no more than "
                  "this.",
       .example = "2%"},
      {.path = path + ".arrivals",
       .type = KeyType::kChoice,
       .fallback = "poisson",
       .choices = {"poisson", "constant"},
       .meaning = "As in `open`.",
       .example = "constant"},
  };
  return join_rows(
      {head, objective_rows(path + ".objective", true, "What a request must get. Requests that fail do not meet it."),
       tail});
}

}  // namespace

std::vector<Key> scenario_rows() {
  return join_rows({arrival_rows(), search_rows()});
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
  return join_rows({head,
                    scheduler_rows(),
                    {delivery_row()},
                    requests,
                    length_rows("serving.prompt_tokens", "Lengths of the prompts.", "sweep.prompt_tokens"),
                    length_rows("serving.generate_tokens", "Tokens that requests ask for.", "sweep.generate_tokens"),
                    {lengths_row()},
                    objective_rows("serving.objective", false, "What a request must get to count for `goodput_per_s`."),
                    judgement_rows()});
}

}  // namespace inferbench
