// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace inferbench::python {

/// prelude.py: the part of the module `inferbench` that is written in Python.
extern const std::string_view kPreludeText;

}  // namespace inferbench::python
