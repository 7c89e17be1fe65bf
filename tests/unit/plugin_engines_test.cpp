// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "plugin/left_out_engines.hpp"

namespace inferbench {
namespace {

TEST(LeftOutEngines, AreReadFromTheLinesThatCMakeWrites) {
  EXPECT_TRUE(left_out_engines("").empty());
  const auto engines =
      left_out_engines("torch|libtorch was not found|apt-get install libtorch-dev\nonednn|off|-DX=AUTO");
  ASSERT_EQ(engines.size(), 2U);
  EXPECT_EQ(engines[0].name, "torch");
  EXPECT_EQ(engines[0].reason, "libtorch was not found");
  EXPECT_EQ(engines[0].hint, "apt-get install libtorch-dev");
  EXPECT_EQ(engines[1].name, "onednn");
  EXPECT_EQ(engines[1].hint, "-DX=AUTO");
}

TEST(LeftOutEngines, EachEngineIsBuiltOrLeftOutWithAReason) {
  const auto engines = left_out_engines();
  const std::string built = " " INFERBENCH_BUILT_ENGINES " ";
  for (const std::string name : {"llama_cpp", "mlx", "onednn", "python", "torch"}) {
    const bool is_built = built.find(" " + name + " ") != std::string::npos;
    const auto found =
        std::find_if(engines.begin(), engines.end(), [&](const LeftOutEngine& engine) { return engine.name == name; });
    EXPECT_EQ(found == engines.end(), is_built) << name;
    if (found == engines.end()) continue;
    EXPECT_NE(found->reason, "") << name;
    EXPECT_NE(found->hint, "") << name;
  }
}

}  // namespace
}  // namespace inferbench
