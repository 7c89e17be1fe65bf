// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "results/run_info.hpp"

namespace inferbench {

/// The run as it would be described where its folder is now. What it names and is still where it was stays; the rest is
/// looked for at the same place relative to the experiment file, which moved with the run folder. `experiment_folder`
/// says where the experiment is now, empty where the run folder is to say it. Earlier references of models are kept, so
/// that rows written before the move are still theirs. Throws Error that names what is at neither place.
RunInfo moved_run(RunInfo info, const std::filesystem::path& run_folder,
                  const std::filesystem::path& experiment_folder = {});

}  // namespace inferbench
