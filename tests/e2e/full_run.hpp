// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace inferbench::test {

/// A backend name that would be markup if it were not escaped.
inline const std::string kHostileName = "</script><script>alert(\"x\")</script>, `a|b`";

/// Writes a synthetic run with everything that a report can show: two models, two thread counts, three contenders (one
/// with a hostile name), quality with a broken bound, a disturbed trial that counts and one that was repeated, an
/// outlier, a crash, and the machine's limits.
void write_full_run(const std::filesystem::path& folder);

}  // namespace inferbench::test
