// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "isa.hpp"
#include "support/required_isa.hpp"

namespace inferbench::cpu_ref {

inline std::vector<float> random_values(std::size_t n, float scale, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(random);
  return values;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The kernels of one instruction set, the parameter; skipped where this machine lacks it.
class KernelsOf : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    kernels_ = find_kernels(GetParam());
    SKIP_WITHOUT_ISA(kernels_ != nullptr, GetParam());
    EXPECT_STREQ(kernels_->name, GetParam());
  }
  const Kernels* kernels_ = nullptr;
};

}  // namespace inferbench::cpu_ref
