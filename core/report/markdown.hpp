// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/report.hpp"

namespace inferbench {

/// The report as GitHub's Markdown: verdicts, one table of all points, failures, environment, experiment.
std::string report_markdown(const Report& report);

}  // namespace inferbench
