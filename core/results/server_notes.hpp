// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// Adds a note for each server of the run: how it was asked, who counted its tokens, and what became of its requests.
void add_server_notes(const RunData& run, std::vector<std::string>& notes);

}  // namespace inferbench
