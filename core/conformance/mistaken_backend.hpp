// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conformance/mistakes.hpp"
#include "conformance/subject.hpp"

namespace inferbench::conformance {

/// A backend in this process that keeps the contract except for known mistakes, given as ids separated by '+' (empty:
/// no mistake). It is judged like `subject`. The rules that it breaks are those that these mistakes break.
Subject with_mistakes(const Subject& subject, const std::string& ids);

}  // namespace inferbench::conformance
