// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// The hint for a write that failed with this errno.
std::string write_cure(int error_number);

}  // namespace inferbench
