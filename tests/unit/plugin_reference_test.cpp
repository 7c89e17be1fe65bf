// SPDX-License-Identifier: Apache-2.0
// BACKEND[:PRECISION][@DEVICE], and devices that a backend lacks.
#include <gtest/gtest.h>

#include <string>

#include "plugin/backend_reference.hpp"
#include "plugin/description.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

std::string parts_of(const char* text) {
  const BackendReference parts = parse_backend_reference(text);
  return parts.plugin + "|" + parts.precision + "|" + parts.device;
}

TEST(BackendReference, HasUpToThreeParts) {
  EXPECT_EQ(parts_of("cuda"), "cuda||");
  EXPECT_EQ(parts_of("cuda:int8"), "cuda|int8|");
  EXPECT_EQ(parts_of("cuda@cuda:1"), "cuda||cuda:1");
  EXPECT_EQ(parts_of("torch:bf16@cuda:0"), "torch|bf16|cuda:0");
}

TEST(BackendReference, FoldersAndFilesMayHaveBothSigns) {
  EXPECT_EQ(parts_of("./my@2:a.so"), "./my@2:a.so||");
  EXPECT_EQ(parts_of("./my@2:a.so:int8@cuda:1"), "./my@2:a.so|int8|cuda:1");
  EXPECT_EQ(parts_of("/a@b:c/libmine.so"), "/a@b:c/libmine.so||");
  EXPECT_EQ(parts_of("./v1:2/libmine.so:fp32@cpu"), "./v1:2/libmine.so|fp32|cpu");
}

TEST(BackendReference, APartThatIsAnnouncedIsThere) {
  for (const char* text : {"", ":int8", "cuda:", "cuda@", "cuda:@cuda:0", "@cuda:0", "a/:int8@", "cuda:int8@"}) {
    EXPECT_THROW(parse_backend_reference(text), Error) << text;
  }
}

TEST(PluginDescription, RefusesDevicesThatTheMachineLacks) {
  PluginDescription plugin;
  plugin.name = "gpu";
  plugin.devices = {{"cuda:0", "", 0}, {"cuda:1", "", 0}};
  EXPECT_NO_THROW(plugin.require_device(""));
  EXPECT_NO_THROW(plugin.require_device("cuda:1"));
  try {
    plugin.require_device("cuda:2");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "backend gpu has no device 'cuda:2' here");
    EXPECT_NE(error.cure().find("cuda:1"), std::string::npos) << error.cure();
  }
  plugin.devices.clear();
  plugin.device_problem = "no driver";
  try {
    plugin.require_device("cuda:0");
    FAIL() << "no exception";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "backend gpu has no device 'cuda:0' here: no driver");
  }
}

}  // namespace
}  // namespace inferbench
