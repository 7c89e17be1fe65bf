// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inferbench::test {

/// A run folder to make a page from, and its name for messages.
struct PageRun {
  std::string name;
  void (*write)(const std::filesystem::path& folder);
};

/// Synthetic runs that stress a page's layout: an ordinary one, one with every kind of failure and missed targets, one
/// with everything that a report can show, one contender at one point, and eight contenders with long names at 20
/// points.
std::vector<PageRun> page_runs();

}  // namespace inferbench::test
