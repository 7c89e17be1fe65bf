// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// How to fix a write that failed with this errno, as Error's cure.
std::string write_cure(int error_number);

}  // namespace inferbench
