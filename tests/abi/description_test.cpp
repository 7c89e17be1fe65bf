// SPDX-License-Identifier: Apache-2.0
#include "plugin/description.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "plugin/plugin.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

TEST(Description, SurvivesTheWayToTheHost) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  PluginDescription described;
  described.path = "/plugins/libx.so";
  described.name = "x";
  described.version = "1";
  described.build = "not UTF-8: \xff\xc3";
  described.license = "";
  described.doc = "gr\u00fc\u00dfe";
  described.abi_major = 1;
  described.abi_minor = 9;
  described.flags = ~std::uint64_t{0};
  described.features = IB_FEATURES_LLAMA | std::uint64_t{1} << 63U;
  described.n_driver_threads = 4;
  described.precisions = {{"fp32", "one", 32, false}, {"int8", "", 8, true}};
  described.options = {{"tile", IB_OPTION_INT, "8", -kInfinity, kInfinity, {}, "doc"},
                       {"isa", IB_OPTION_CHOICE, "auto", 0, -1, {"auto", "avx2"}, "doc"}};
  described.extensions = {IB_EXT_PROFILE_V1};
  described.devices = {{"cpu", "", 0}, {"cuda:0", "a card", ~std::uint64_t{0}}};
  described.device_problem = "a reason";
  EXPECT_EQ(description_from_bytes(description_bytes(described)), described);
}

TEST(Description, NoiseIsRefused) {
  for (const std::string& noise : {std::string(), std::string("noise"), std::string(64, '\xff'), std::string("\x80"),
                                   std::string("\x81\xa4path\xa1x")}) {
    EXPECT_THROW(description_from_bytes(noise), Error);
  }
}

TEST(Description, IsWhatTheLoadedLibrarySays) {
  const std::string path = std::string(INFERBENCH_TEST_PLUGINS) + "/libminimal_c.so";
  const PluginDescription described = describe_plugin(path);
  EXPECT_EQ(described, Plugin::load(path).description());
  EXPECT_EQ(described.path, path);
  EXPECT_EQ(described.options.at(1).choices, (std::vector<std::string>{"near", "far"}));
}

}  // namespace
}  // namespace inferbench
