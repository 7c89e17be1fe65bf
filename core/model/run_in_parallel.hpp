// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace inferbench {

/// Calls work(0) to work(n - 1), each once, with as many threads as the machine has. Work must not throw.
void run_in_parallel(std::size_t n, const std::function<void(std::size_t)>& work);

}  // namespace inferbench
