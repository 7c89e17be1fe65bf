// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/load_backend.hpp"
#include "serve/scheduler.hpp"

namespace inferbench {

/// The arguments of `serve`.
struct ServeArguments {
  std::string backend;
  std::string model;
  std::string name;  ///< what clients call the model; empty: the last part of `model`
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::int32_t max_batch = 8;
  std::int32_t token_budget = 512;
  std::string policy{to_string(SchedulePolicy::kChunked)};
  std::int32_t queue = 64;
  std::optional<std::int32_t> context;
  double timeout_s = 600;
  double drain_s = 30;
  BackendArguments settings;
};

/// Serves until SIGTERM or SIGINT, and then until the requests that it has are answered; a second signal ends it at
/// once. Throws Error, also when the backend's process ends.
void serve(const ServeArguments& arguments);

}  // namespace inferbench
