// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// The same thing in two runs, by its place in each.
struct Match {
  std::size_t a = 0;
  std::size_t b = 0;
};

/// Points with the same counts and the same model: the same reference or, where another machine keeps it elsewhere,
/// the same short name. In the order of `a`; each point at most once.
std::vector<Match> match_points(const RunInfo& a, const RunInfo& b);

/// Contenders of the same name, in the order of `a`.
std::vector<Match> match_contenders(const RunInfo& a, const RunInfo& b);

/// Something that is not the same in two runs and may explain why they differ.
struct Difference {
  std::string what;  ///< "cpu/model", "backend of cpu_quant:int8"
  std::string a;     ///< empty: not there
  std::string b;
};

/// Program, experiment, backends, models and environment; what changes from minute to minute (time, load, free memory,
/// frequency now) is left out.
std::vector<Difference> find_differences(const RunInfo& a, const RunInfo& b);

/// "shakespeare: prompt 16, generate 12, batch 1, threads 2"
std::string point_title(const std::string& model_name, const Point& point);

/// A model's short name; its reference where the run does not know it.
std::string model_name(const RunInfo& info, const std::string& reference);

}  // namespace inferbench
