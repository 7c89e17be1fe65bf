// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "results/run_info.hpp"

namespace inferbench {

/// The run's description, adapted to the current place of its folder. Paths that still exist stay. The others are
/// looked for at the same place relative to the experiment file, which moved with the run folder. `experiment_folder`
/// is the current folder of the experiment; if empty, it is derived from the run folder. Earlier references of models
/// are kept, so that rows written before the move still match. Throws Error that names a path that is at neither place.
RunInfo moved_run(RunInfo info, const std::filesystem::path& run_folder,
                  const std::filesystem::path& experiment_folder = {});

}  // namespace inferbench
