// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// The text of docs/experiment_reference.md: every key of both kinds of experiment files, as Markdown.
std::string experiment_reference();

}  // namespace inferbench
