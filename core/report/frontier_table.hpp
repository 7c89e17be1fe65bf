// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/comparison.hpp"
#include "report/console_style.hpp"
#include "report/frontier.hpp"

namespace inferbench {

/// Each contender's throughput against the speed of one user, a table for each sweep of loads; empty without any.
std::string frontier_table(const Comparison& comparison, const Frontiers& frontiers, const ConsoleStyle& style);

/// The same as a section of Markdown.
std::string frontier_markdown(const Comparison& comparison, const Frontiers& frontiers);

/// One sentence for each contender at equal interactivity: "cpu_quant: 812 tok/s while each user gets 20 tok/s, 1.53x
/// (1.41-1.66) faster"; empty without `serving.at`.
std::vector<std::string> interactivity_sentences(const Comparison& comparison, const Frontiers& frontiers,
                                                 const LoadSweep& sweep);

}  // namespace inferbench
