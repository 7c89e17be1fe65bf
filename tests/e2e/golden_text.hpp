// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench::test {

/// Compares `actual` with the checked-in file. Returns empty if they are equal, otherwise the first line that differs.
/// Numbers may differ by 1e-9 (relative), because exp() and log() differ in the last bit between processors;
/// everything else must be equal byte for byte. With INFERBENCH_UPDATE_GOLDEN set, the file is written instead: read
/// the difference before you commit it.
std::string compare_with_golden(const std::string& actual, const std::string& path);

}  // namespace inferbench::test
