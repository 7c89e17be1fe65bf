// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// The error of a trial that was skipped because the `failures` trials before it failed, the last one with `error`.
std::string skip_error(int failures, std::string_view error);

/// That `error`; empty where `text` is no skip_error.
std::string_view skipped_after(std::string_view text);

}  // namespace inferbench
