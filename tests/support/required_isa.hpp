// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace inferbench::test {

/// Whether INFERBENCH_REQUIRE_ISA, a comma-separated list such as "avx512vnni,amx", names the instruction set: then a
/// test that would be skipped because the machine lacks it fails instead.
inline bool isa_required(std::string_view isa) {
  const char* const list = std::getenv("INFERBENCH_REQUIRE_ISA");
  const std::string all = std::string(",") + (list == nullptr ? "" : list) + ",";
  return all.find("," + std::string(isa) + ",") != std::string::npos;
}

}  // namespace inferbench::test

/// Ends the test unless `present`. `./dev test` lists the instruction sets by this message.
#define SKIP_WITHOUT_ISA(present, isa)                            \
  if (present) {                                                  \
  } else if (inferbench::test::isa_required(isa)) {               \
    FAIL() << "this machine lacks the instruction set " << (isa); \
  } else                                                          \
    GTEST_SKIP() << "this machine lacks the instruction set " << (isa)
