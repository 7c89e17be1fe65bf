// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// Now, as "2026-03-01T12:34:56Z".
std::string utc_now();

/// Now, as "20260301T123456Z": sorts by time and needs no quoting.
std::string utc_for_file_names();

}  // namespace inferbench
