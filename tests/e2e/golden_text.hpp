// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench::test {

/// Empty where `actual` equals the checked-in file; else the first line that differs. Numbers may differ by 1e-9
/// relative, since exp() and log() differ in their last bit between processors; all else must be the same byte for
/// byte. With INFERBENCH_UPDATE_GOLDEN set the file is written instead: read the difference before you commit it.
std::string compare_with_golden(const std::string& actual, const std::string& path);

}  // namespace inferbench::test
