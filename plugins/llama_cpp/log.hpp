// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench::llama_cpp {

/// Keeps llama.cpp's messages off stderr. Its errors are kept for take_errors(). Once per process is enough.
void capture_log();

/// What llama.cpp complained of in this thread since the last call: one line, empty if nothing.
std::string take_errors();

}  // namespace inferbench::llama_cpp
