// SPDX-License-Identifier: Apache-2.0
// Machines of one kind that are not equally fast.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "results/run_folder.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// A node of a run on several machines that is faster or slower than most others of its kind (the same CPU model).
struct NodeDifference {
  std::string node;
  /// The metric that differs at the points that the nodes have in common; empty: the fixed work before each trial
  /// (Interference::spin_ms), because the nodes ran different points.
  std::string metric;
  std::size_t others = 0;   ///< other nodes of its kind
  std::size_t differs = 0;  ///< how many of them it differs from, all in the same direction
  std::string nearest;      ///< the one of these that it differs from the least
  SpeedRatio speed;         ///< relative to that one
};

/// Nodes that differ from more than half of the others: if one node is slow, all differ from it, but only it stands
/// out. Two nodes differ if the interval excludes 1 and the ratio is beyond 2%, because a very narrow interval also
/// excludes 1 for differences that don't matter. The level accounts for the number of comparisons. Of two nodes, only
/// the slower one is listed. A node whose kind is unknown is not compared.
std::vector<NodeDifference> find_node_differences(const RunData& run);

/// The number of points of each node, by name; empty if no scheduler named the nodes.
std::map<std::string, std::size_t> points_by_node(const RunData& run);

}  // namespace inferbench
