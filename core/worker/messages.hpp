// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ops/operator_outcome.hpp"
#include "worker/quality_requests.hpp"
#include "worker/requests.hpp"

namespace inferbench {

// The messages between host and worker, as JSON values:
//   worker, once:  {"hello": kProtocolVersion}
//   host:          {"sequence": n, "op": "load" | "run" | "judge" | "margin" | "prepare" | "sample" | "unload",
//                  "request": {...}}
//   worker:        {"sequence": n, "outcome": {...}}
//   worker:        {"teardown": call, "problem": text}, before an outcome: one or more while it tears down a part of
//                  the backend, see HostCallbacks::teardown
// The worker ends when its socket is closed.

inline constexpr int kProtocolVersion = 5;

// Exit codes of a worker.
inline constexpr int kExitProtocol = 70;  ///< the host sent something that is not a request (EX_SOFTWARE)
inline constexpr int kExitMemory = 71;    ///< out of memory outside the backend (EX_OSERR)

enum class Operation { kLoad, kRun, kJudge, kMargin, kPrepare, kSample, kUnload };

nlohmann::json hello_message();
nlohmann::json load_message(std::uint64_t sequence, const LoadRequest& request);
nlohmann::json run_message(std::uint64_t sequence, const TrialRequest& request);
nlohmann::json judge_message(std::uint64_t sequence, const WindowRequest& request);
nlohmann::json margin_message(std::uint64_t sequence, const MarginRequest& request);
nlohmann::json prepare_message(std::uint64_t sequence, const OperatorRequest& request);
nlohmann::json sample_message(std::uint64_t sequence, const OperatorSampleRequest& request);
nlohmann::json unload_message(std::uint64_t sequence);
nlohmann::json outcome_message(std::uint64_t sequence, nlohmann::json outcome);
nlohmann::json teardown_message(std::string_view call, std::string_view problem);

/// A worker's report that it is about to tear something down, or has done so.
struct TeardownStep {
  std::string call;     ///< the function that is about to be called; empty: it has returned
  std::string problem;  ///< empty: no problem
};
/// The step; nullopt if the message is not a TeardownStep.
std::optional<TeardownStep> teardown_step_of(const nlohmann::json& message);

// The readers throw ProtocolError for a malformed message, and for numbers that no host would send.
void check_hello(const nlohmann::json& message);
std::uint64_t sequence_of(const nlohmann::json& message);
Operation operation_of(const nlohmann::json& message);
LoadRequest load_request_of(const nlohmann::json& message);
TrialRequest trial_request_of(const nlohmann::json& message);
WindowRequest window_request_of(const nlohmann::json& message);
MarginRequest margin_request_of(const nlohmann::json& message);
OperatorRequest prepare_request_of(const nlohmann::json& message);
OperatorSampleRequest sample_request_of(const nlohmann::json& message);
/// The outcome object. Throws unless the message answers `sequence`.
const nlohmann::json& outcome_of(const nlohmann::json& message, std::uint64_t sequence);

}  // namespace inferbench
