// SPDX-License-Identifier: Apache-2.0
#include "results/server_notes.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <map>

#include "support/counted.hpp"

namespace inferbench {

namespace {

std::string counts_text(const std::map<std::string, std::int64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

// How a server was asked, and what became of the requests, over all blocks.
struct ServerRequests {
  std::int64_t requests = 0;
  bool prompt_ids = false;
  std::map<std::string, std::int64_t> counted_by;
  std::map<std::string, std::int64_t> not_ok;

  void add(const EndpointFacts& facts) {
    prompt_ids = facts.prompt_ids;
    requests += static_cast<std::int64_t>(facts.statuses.size());
    for (const auto& [source, count] : facts.counted_by) counted_by[source] += count;
    for (const std::string& status : facts.statuses) {
      if (status != "ok") ++not_ok[status];
    }
  }
};

}  // namespace

void add_server_notes(const RunData& run, std::vector<std::string>& notes) {
  std::map<std::string, ServerRequests> servers;
  for (const TrialRecord& trial : run.trials) {
    if (trial.warm_up() || !trial.outcome.serving || !trial.outcome.serving->endpoint) continue;
    servers[trial.contender].add(*trial.outcome.serving->endpoint);
  }
  for (const auto& [contender, asked] : servers) {
    std::string note = fmt::format(
        "{} is a server: prompts were sent as {}, tokens were counted by {}; its queue, memory and energy "
        "are not seen",
        contender, asked.prompt_ids ? "token ids" : "texts", counts_text(asked.counted_by));
    if (!asked.not_ok.empty()) {
      note += fmt::format("; not every one of its {} was ok: {}", counted(asked.requests, "request"),
                          counts_text(asked.not_ok));
    }
    if (!run.quality.empty()) note += "; its quality was not judged, since its API gives no logits";
    notes.push_back(std::move(note));
  }
}

}  // namespace inferbench
