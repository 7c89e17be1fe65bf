// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conformance/mistakes.hpp"
#include "conformance/subject.hpp"

namespace inferbench::conformance {

/// A backend in this process that keeps the contract but for known mistakes, whose ids are separated by '+' (none where
/// it is empty); it is judged as `subject` is. What rules say of it shows which of them a mistake breaks.
Subject with_mistakes(const Subject& subject, const std::string& ids);

}  // namespace inferbench::conformance
