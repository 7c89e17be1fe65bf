// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conformance/likely_cause.hpp"
#include "plugin/plugin.hpp"

namespace inferbench {

/// The conformance results for one precision.
struct Examined {
  conformance::Subject subject;
  std::string unsupported;  ///< why this machine cannot run it; else empty
  std::vector<conformance::Finding> findings;
  conformance::LikelyCause cause;

  std::size_t count(conformance::Verdict verdict) const;
};

/// The report for people: the first line is the verdict with the likely cause, then one line per rule with the
/// findings, and the counts at the end. `colour`: with ANSI codes.
std::string conformance_text(const Examined& examined, bool colour);

/// The report for programs: one JSON object with all precisions.
std::string conformance_json(const Plugin& plugin, const std::vector<Examined>& all);

}  // namespace inferbench
