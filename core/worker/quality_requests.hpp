// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "measure/ending.hpp"
#include "quality/window_agreement.hpp"

namespace inferbench {

// Requests to a loaded contender outside the measured trials. Plain data: it is sent between processes.

/// Judges one window of tokens against a reference backend. The reference is loaded next to the contender, with the
/// same model, when it is first named.
struct WindowRequest {
  std::string reference;          ///< absolute path of its library
  std::vector<std::int32_t> ids;  ///< n + 1 ids, which give n predictions
  double timeout_s = 0;           ///< 0: none

  friend bool operator==(const WindowRequest&, const WindowRequest&) = default;
};

struct WindowOutcome : Ending {
  WindowAgreement window;  ///< when ok
};

/// How much the contender's logits after `ids` prefer token `own` to token `other`.
struct MarginRequest {
  std::vector<std::int32_t> ids;
  std::int32_t own = 0;
  std::int32_t other = 0;
  double timeout_s = 0;  ///< 0: none

  friend bool operator==(const MarginRequest&, const MarginRequest&) = default;
};

struct MarginOutcome : Ending {
  double margin = 0;     ///< logit of `own` minus that of `other`
  double deviation = 0;  ///< standard deviation of all logits at that position
};

// JSON conversions (MessagePack can represent NaN). The readers throw nlohmann's exceptions, Error for an unknown
// status, and ProtocolError for numbers that no host would send.
nlohmann::json to_json(const WindowRequest& request);
nlohmann::json to_json(const WindowOutcome& outcome);
nlohmann::json to_json(const MarginRequest& request);
nlohmann::json to_json(const MarginOutcome& outcome);
WindowRequest window_request_from(const nlohmann::json& object);
WindowOutcome window_outcome_from(const nlohmann::json& object);
MarginRequest margin_request_from(const nlohmann::json& object);
MarginOutcome margin_outcome_from(const nlohmann::json& object);

}  // namespace inferbench
