// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conformance/likely_cause.hpp"
#include "plugin/plugin.hpp"

namespace inferbench {

/// What conformance found of one precision.
struct Examined {
  conformance::Subject subject;
  std::string unsupported;  ///< why this machine cannot; else empty
  std::vector<conformance::Finding> findings;
  conformance::LikelyCause cause;

  std::size_t count(conformance::Verdict verdict) const;
};

/// For people: the first line is the verdict with the likely cause, then a line a rule with what was found, last the
/// counts. `colour`: with ANSI codes.
std::string conformance_text(const Examined& examined, bool colour);

/// For programs: one JSON object with all precisions.
std::string conformance_json(const Plugin& plugin, const std::vector<Examined>& all);

}  // namespace inferbench
