// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "measure/outcome.hpp"
#include "plugin/backend.hpp"
#include "text/tokenizer.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// The slots' positions that the requests of a scenario need, at most `context`; longer requests are refused.
std::int32_t slot_positions(const ServingRequest& request, std::int32_t context);

/// Runs a scenario, or a search of a rate, in `session`, which has request.batch empty slots of `positions`. Fills
/// outcome.serving. Throws BackendError if the backend fails, and WrongOutput if it emits an id outside of the
/// vocabulary: the requests that it lost would make its figures meaningless. `late` is asked between steps; true ends
/// the run, and IB_CANCELLED is thrown. `tokenizer`: only for requests whose text is delivered.
void run_serving(const TrialRequest& request, const BackendSession& session, std::int32_t positions, std::int32_t vocab,
                 const std::optional<Tokenizer>& tokenizer, const std::function<bool()>& late, TrialOutcome& outcome);

}  // namespace inferbench
