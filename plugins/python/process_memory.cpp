// SPDX-License-Identifier: Apache-2.0
#include "process_memory.hpp"

#include <fstream>
#include <string>

namespace inferbench::python {

std::uint64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib * 1024;
  }
  return 0;
}

}  // namespace inferbench::python
