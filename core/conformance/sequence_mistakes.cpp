// SPDX-License-Identifier: Apache-2.0
// Mistakes in positions and in the key-value cache.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "conformance/mistake_lists.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

// Adds a mistake three times: in all positions, in those of the embedding only, in those of the rotation only. `text`
// goes on after "positions ".
void add_position(std::vector<Mistake>& all, const Text& id, const Text& text,
                  const std::function<std::int32_t(const Place&)>& position) {
  all.push_back({"position." + id, "positions " + text,
                 [position](Draft& draft) { draft.formula.position = draft.formula.rotary_position = position; }, ""});
  all.push_back({"learned_position." + id, "learned positions " + text,
                 [position](Draft& draft) { draft.formula.position = position; }, ""});
  all.push_back({"rotary_position." + id, "rotary positions " + text,
                 [position](Draft& draft) { draft.formula.rotary_position = position; }, ""});
}

void add_positions(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, std::int32_t (*position)(const Place&)) {
    add_position(all, id, text, position);
  };
  add("none", "are ignored", [](const Place&) { return -1; });
  add("late", "begin at 1 instead of 0", [](const Place& at) { return at.past + at.index + 1; });
  add("early", "are one too low", [](const Place& at) { return std::max(at.past + at.index - 1, 0); });
  add("restart", "begin at 0 again in every call", [](const Place& at) { return at.index; });
  add("late_in_later_calls", "are one too high in every call but the first",
      [](const Place& at) { return at.past + at.index + (at.past > 0 ? 1 : 0); });
  add("early_in_later_calls", "are one too low in every call but the first",
      [](const Place& at) { return at.past + at.index - (at.past > 0 ? 1 : 0); });
  add("later_with_each_call", "drift by one with every call",
      [](const Place& at) { return at.past + at.index + at.n_calls; });
  add("not_rewound", "are not rewound by truncate",
      [](const Place& at) { return std::max(at.past, at.highest) + at.index; });
  // Rotation goes by differences of positions, so a rotation that is late everywhere is right.
  std::erase_if(all, [](const Mistake& mistake) { return mistake.id == "rotary_position.late"; });
}

void add_positions_from(std::vector<Mistake>& all, std::int32_t from) {
  const auto add = [&](const char* id, const Text& text, auto position) {
    add_position(all, fmt::format("{}@{}", id, from), text, [=](const Place& at) { return position(at, from); });
  };
  using P = const Place&;
  add("late_from", fmt::format("are one too high from position {} on", from),
      [](P at, std::int32_t n) { return at.past + at.index + (at.past + at.index >= n ? 1 : 0); });
  add("early_from", fmt::format("are one too low from position {} on", from),
      [](P at, std::int32_t n) { return at.past + at.index - (at.past + at.index >= n ? 1 : 0); });
  add("late_from_token", fmt::format("are one too high from token {} of a call on", from),
      [](P at, std::int32_t n) { return at.past + at.index + (at.index >= n ? 1 : 0); });
  add("early_from_token", fmt::format("are one too low from token {} of a call on", from),
      [](P at, std::int32_t n) { return at.past + at.index - (at.index >= n ? 1 : 0); });
  add("later_every", fmt::format("drift by one with every {} of a call", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index + at.index / n; });
  add("restart_every", fmt::format("restart with every {} of a call", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index % n; });
  add("late_calls_from", fmt::format("are one too high in calls after the first {}", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index + (at.past >= n ? 1 : 0); });
  add("early_calls_from", fmt::format("are one too low in calls after the first {}", counted(from, "token")),
      [](P at, std::int32_t n) { return at.past + at.index - (at.past >= n ? 1 : 0); });
}

void add_cache(std::vector<Mistake>& all) {
  const auto add = [&](const char* id, const char* text, void (*apply)(Draft&)) {
    all.push_back({Text("cache.") + id, text, apply, ""});
  };
  add("overwrites", "each call overwrites the last cache entry of the call before",
      [](Draft& draft) { draft.formula.cache_shift = -1; });
  add("leaves_a_gap", "each call leaves a gap of one cache entry after the call before",
      [](Draft& draft) { draft.formula.cache_shift = 1; });
  add("stale_first", "the cache is stale after a truncate: its first rewound entry comes back",
      [](Draft& draft) { draft.formula.stale = Stale::kFirst; });
  add("stale_all", "the cache is stale after a truncate: rewound entries come back",
      [](Draft& draft) { draft.formula.stale = Stale::kAll; });
  add("stale_not_written", "the cache is stale after a truncate: rewound entries are not written again",
      [](Draft& draft) { draft.formula.stale = Stale::kNoWrite; });
  add("truncate_ignored", "truncate changes nothing: later tokens still attend to the rewound ones",
      [](Draft& draft) { draft.formula.truncate_is_ignored = true; });
}

}  // namespace

void add_sequence_mistakes(std::vector<Mistake>& all, const std::vector<std::int32_t>& positions) {
  add_positions(all);
  for (const std::int32_t position : positions) add_positions_from(all, position);
  add_cache(all);
}

}  // namespace inferbench::conformance
