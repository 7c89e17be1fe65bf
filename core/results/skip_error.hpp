// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// The error of a trial that was skipped because the `failures` trials before it failed; `error` is that of the last
/// one.
std::string skip_error(int failures, std::string_view error);

/// The `error` in such a text; empty if `text` was not made by skip_error.
std::string_view skipped_after(std::string_view text);

}  // namespace inferbench
