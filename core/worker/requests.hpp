// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measure/page_cache.hpp"
#include "serve/objective.hpp"
#include "serve/scenario.hpp"
#include "serve/scheduler.hpp"

namespace inferbench {

/// Loads one contender's model. Plain data: it is sent between processes.
struct LoadRequest {
  std::string contender;   ///< for messages
  std::string plugin;      ///< absolute path of the library
  std::string model;       ///< reference, as in Point::model
  std::string model_base;  ///< folder that relative references start from
  std::string precision;
  std::map<std::string, std::string> options;
  std::string device{};  ///< empty: the backend's first
  std::int32_t threads = 1;
  PageCache cache = PageCache::kAsIs;
  double timeout_s = 0;            ///< 0: none
  std::uint64_t memory_bytes = 0;  ///< 0: none

  friend bool operator==(const LoadRequest&, const LoadRequest&) = default;
};

/// A run of a scenario, or a search of a rate, in place of a batch: TrialRequest::batch is the number of slots, prompts
/// are one after another.
struct ServingRequest {
  ScenarioKind kind = ScenarioKind::kOffline;
  std::int32_t concurrency = 0;  ///< kClosed
  Delivery delivery = Delivery::kNone;
  std::int32_t token_budget = 1;
  SchedulePolicy policy = SchedulePolicy::kChunked;
  double duration_s = 0;                   ///< as in LoadPlan
  std::int32_t ramp_up = 0;                ///< requests that are left out of the figures
  RateGoal goal{};                         ///< the objective; the rest of it for kMaxRate
  std::vector<std::uint64_t> arrivals_ns;  ///< per request, ascending, from the start; kMaxRate: at 1 request/s
  std::vector<std::int32_t> lengths;       ///< tokens of each prompt
  std::vector<std::int32_t> outputs;       ///< tokens that each request asks for

  friend bool operator==(const ServingRequest&, const ServingRequest&) = default;
};

/// Runs one trial on the loaded model.
struct TrialRequest {
  std::int32_t batch = 1;
  std::int32_t prompt_tokens = 1;
  std::int32_t generate_tokens = 1;
  std::int32_t past_tokens = 0;             ///< per sequence, put into the cache before the clock starts
  std::vector<std::int32_t> prompts;        ///< row-major [batch, past_tokens + prompt_tokens]
  double timeout_s = 0;                     ///< 0: none
  bool profile = false;                     ///< record every operation, if the backend can
  bool check_logits = true;                 ///< also request the last logits after the clock has stopped
  std::optional<ServingRequest> serving{};  ///< present: a scenario; then the lengths above are the longest

  friend bool operator==(const TrialRequest&, const TrialRequest&) = default;
};

}  // namespace inferbench
