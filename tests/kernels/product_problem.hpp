// SPDX-License-Identifier: Apache-2.0
//
// What the tests of products compute: shapes, kinds of weights and rows.
#pragma once

#include <array>
#include <string>

#include "quant_testing.hpp"

namespace inferbench::cpu_quant {

struct Problem {
  int32_t m = 1;
  int32_t n = 16;
  int32_t k = 256;
  bool int4 = false;
  bool unsigned_rows = false;
  bool bias = true;
  bool accumulate = false;
  Fill weights = Fill::Random;
  Fill activations = Fill::Random;
};

inline std::string text_of(const Problem& p) {
  return std::to_string(p.m) + " x " + std::to_string(p.n) + " x " + std::to_string(p.k) +
         (p.int4 ? " int4" : " int8") + (p.unsigned_rows ? " unsigned" : "");
}

// int8 with signed and with unsigned rows, int4.
inline std::array<Problem, 3> of_every_kind(const Problem& p) {
  std::array<Problem, 3> kinds = {p, p, p};
  kinds[1].unsigned_rows = true;
  kinds[2].int4 = true;
  return kinds;
}

// Of any shape, with up to so many rows.
inline Problem any_problem(int32_t most_rows, Random& random) {
  return {.m = random.integer(1, most_rows),
          .n = random.integer(1, 200),
          .k = random.integer(1, 1100),
          .bias = random.integer(0, 1) == 0,
          .accumulate = random.integer(0, 1) == 0};
}

}  // namespace inferbench::cpu_quant
