// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ipc/call_cost.hpp"
#include "ipc/frame_cost.hpp"
#include "ipc/round_trip_cost.hpp"

namespace inferbench {

struct IpcCosts {
  std::string backend;  ///< whose calls they are
  std::vector<CallCost> calls;
  std::vector<FrameCost> frames;
  std::vector<RoundTripCost> round_trips;
};

/// Tables for people; each time is in a suitable unit.
std::string to_text(const IpcCosts& costs);

/// {"backend": ..., "calls": [...], "frames": [...], "round_trips": [...]}, times in nanoseconds.
nlohmann::ordered_json to_json(const IpcCosts& costs);

}  // namespace inferbench
