// SPDX-License-Identifier: Apache-2.0
// Key rows shared by the experiments for `inferbench run` and `inferbench ops`, and the helpers that build both tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiment/keys.hpp"

namespace inferbench {

std::vector<Key> file_rows();     ///< name, extends, x-<name>
std::vector<Key> backend_rows();  ///< backends, baseline
/// backend_rows() in which an entry may also be a server.
std::vector<Key> backend_or_endpoint_rows();
std::vector<Key> limit_rows();  ///< limits
Key repeat_row();               ///< measure.repeat_disturbed
Key cpus_row();                 ///< measure.cpus
Key seed_row(std::string path, std::uint64_t fallback, std::string meaning);

std::vector<Key> scenario_rows();  ///< sweep.scenario
std::vector<Key> serving_rows();   ///< serving

std::vector<Key> join_rows(const std::vector<std::vector<Key>>& parts);

}  // namespace inferbench
