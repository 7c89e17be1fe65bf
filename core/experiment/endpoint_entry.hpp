// SPDX-License-Identifier: Apache-2.0
// Servers in `backends`: {endpoint: URL, model: NAME, ...}.
#pragma once

#include <optional>
#include <string_view>

#include "experiment/experiment.hpp"
#include "experiment/section.hpp"

namespace inferbench {

/// "auto", "ids", "text".
std::string_view to_string(PromptForm form);
std::optional<PromptForm> prompt_form_from(std::string_view text);

/// Reads an entry of `backends` that has the key `endpoint`. Without `name`, the contender is called MODEL@HOST.
/// Messages never show what may be an API key. Throws Error with the position.
Contender read_endpoint(const Section& entry);

/// Throws Error if an entry of `backends` without `endpoint` has a key that only endpoints have.
void refuse_endpoint_keys(const YamlNode& entry);

/// Checks that the experiment's servers can be measured: one model, points with a scenario, and no batches for a
/// baseline that is a server. `at`: the first server's entry. Throws Error.
void check_endpoints(const Experiment& experiment, const Position& at);

}  // namespace inferbench
