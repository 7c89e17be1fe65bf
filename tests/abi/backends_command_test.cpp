// SPDX-License-Identifier: Apache-2.0
// `inferbench backends` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "abi/test_folder.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::TestFolder;
using ::testing::HasSubstr;

struct Ended {
  std::string out;
  int exit_code = -1;
};

Ended run(const std::string& arguments) {
  Ended ended;
  FILE* pipe = popen(
      (std::string("env -u INFERBENCH_PLUGIN_PATH ") + test_paths::kProgram + " " + arguments + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return ended;
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) ended.out.append(buffer.data(), n);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  return ended;
}

fs::path test_plugin(const std::string& name) {
  return fs::path(INFERBENCH_TEST_PLUGINS) / ("lib" + name + ".so");
}

// The entry of `list` whose `key` is `value`; null if there is none.
json entry(const json& list, const char* key, const std::string& value) {
  for (const json& one : list) {
    if (one.at(key) == value) return one;
  }
  return nullptr;
}

TEST(BackendsCommand, TextSaysWhatEachCanDo) {
  const TestFolder folder;
  folder.copy(test_plugin("minimal_c"));
  const Ended ended = run("backends --plugin-dir " + folder.path().string());
  EXPECT_EQ(ended.exit_code, 0) << ended.out;
  EXPECT_THAT(ended.out, HasSubstr("minimal_c 1.0.0\n"));
  EXPECT_THAT(ended.out, HasSubstr("  file        " + folder.path().string() + "/libminimal_c.so\n"));
  EXPECT_THAT(ended.out, HasSubstr("  build       C99, "));
  EXPECT_THAT(ended.out, HasSubstr("  precisions  none  no weights are read (default)\n"));
  EXPECT_THAT(ended.out, HasSubstr("  options     step   = 1     a whole number from 0 to 1000  how far "));
  EXPECT_THAT(ended.out, HasSubstr("              order  = near  one of near, far               whether "));
  EXPECT_THAT(ended.out, HasSubstr("\n  features    layer_norm rms_norm learned_positions rotary "));
  EXPECT_THAT(ended.out, HasSubstr("\n  devices     cpu"));
  EXPECT_THAT(ended.out, HasSubstr("looked in:\n  " + folder.path().string() + "\n"));
}

TEST(BackendsCommand, JsonHoldsTheSame) {
  const TestFolder folder;
  folder.copy(test_plugin("minimal_c"));
  const Ended ended = run("backends --json --plugin-dir " + folder.path().string());
  EXPECT_EQ(ended.exit_code, 0);
  const json all = json::parse(ended.out);
  EXPECT_EQ(all.at("folders").at(0), folder.path().string());
  const json backend = entry(all.at("backends"), "name", "minimal_c");
  ASSERT_TRUE(backend.is_object());
  EXPECT_EQ(backend.at("version"), "1.0.0");
  EXPECT_EQ(backend.at("path"), (folder.path() / "libminimal_c.so").string());
  EXPECT_EQ(backend.at("abi"), "1.0");
  EXPECT_EQ(backend.at("concurrent_sessions"), false);
  EXPECT_EQ(backend.at("precisions"), json::parse(R"([{"name": "none", "doc": "no weights are read", "weight_bits": 32,
                                                      "integer_products": false}])"));
  EXPECT_EQ(backend.at("features").size(), 19U);
  EXPECT_EQ(backend.at("features").at(0), "layer_norm");
  EXPECT_EQ(backend.at("driver_threads"), 0);
  EXPECT_EQ(backend.at("devices"), json::parse(R"([{"id": "cpu", "name": "", "memory_bytes": 0}])"));
  EXPECT_TRUE(backend.at("device_problem").is_null());
  const json step = backend.at("options").at(0);
  EXPECT_EQ(step.at("key"), "step");
  EXPECT_EQ(step.at("type"), "int");
  EXPECT_EQ(step.at("default"), "1");
  EXPECT_EQ(step.at("min"), 0);
  EXPECT_EQ(step.at("max"), 1000);
  EXPECT_EQ(backend.at("options").at(1).at("choices"), json::parse(R"(["near", "far"])"));
  EXPECT_TRUE(backend.at("shadowed_by").is_null());
}

TEST(BackendsCommand, DevicesAndFeaturesAreListed) {
  const TestFolder folder;
  folder.copy(INFERBENCH_MISBEHAVING_PLUGIN);
  const std::string arguments = "backends --plugin-dir " + folder.path().string();
  EXPECT_THAT(run(arguments).out,
              HasSubstr("  features    layer_norm learned_positions plain_mlp linear_bias gelu_tanh "
                        "gelu_erf relu\n"
                        "  devices     cpu     a processor\n"
                        "              card:0  a card       3072 MiB\n"));
  const json backend = entry(json::parse(run(arguments + " --json").out).at("backends"), "name", "misbehaving");
  EXPECT_EQ(backend.at("devices").at(1),
            json::parse(R"({"id": "card:0", "name": "a card", "memory_bytes": 3221225472})"));
  EXPECT_EQ(backend.at("driver_threads"), 3);

  setenv("INFERBENCH_TEST_FAULT", "devices_none", 1);
  EXPECT_THAT(run(arguments).out, HasSubstr("  devices     none: no driver is loaded\n"));
  const json without = entry(json::parse(run(arguments + " --json").out).at("backends"), "name", "misbehaving");
  EXPECT_EQ(without.at("devices"), json::array());
  EXPECT_EQ(without.at("device_problem"), "no driver is loaded");
  unsetenv("INFERBENCH_TEST_FAULT");
}

TEST(BackendsCommand, ABackendWithoutItsLibraryIsListedWithTheReason) {
  const TestFolder folder;
  const fs::path path = folder.copy(fs::path(INFERBENCH_FAULTY_PLUGINS) / "libmissing_library.so");
  const std::string problem =
      path.string() + ": needs the library 'libnowhere.so': cannot open shared object file: No such file or directory";
  const std::string arguments = "--plugin-dir " + folder.path().string();

  const Ended text = run("backends " + arguments);
  EXPECT_EQ(text.exit_code, 0) << text.out;
  EXPECT_THAT(text.out, HasSubstr("not usable:\n  " + problem + "\n    hint: install 'libnowhere.so'"));

  const Ended machine = run("backends --json " + arguments);
  EXPECT_EQ(machine.exit_code, 0) << machine.out;
  EXPECT_EQ(entry(json::parse(machine.out).at("problems"), "path", path.string()).at("problem"), problem);
}

TEST(BackendsCommand, BrokenAndShadowedAreListed) {
  const TestFolder first;
  const TestFolder second;
  const fs::path good = first.copy(test_plugin("null"));
  second.copy(test_plugin("null"));
  const fs::path broken = second.copy(fs::path(INFERBENCH_FAULTY_PLUGINS) / "libconstructor_throws.so");
  const std::string folders = "--plugin-dir " + first.path().string() + " --plugin-dir " + second.path().string();

  const Ended text = run("backends " + folders);
  EXPECT_EQ(text.exit_code, 0) << text.out;
  EXPECT_THAT(text.out, HasSubstr("  shadowed by " + good.string() + " (select this one by its path)\n"));
  EXPECT_THAT(text.out, HasSubstr("not usable:\n  " + broken.string() +
                                  ": a static constructor throws: no license found\n    hint: "));

  const json all = json::parse(run("backends --json " + folders).out);
  EXPECT_EQ(entry(all.at("backends"), "shadowed_by", good.string()).at("path"),
            (second.path() / "libnull.so").string());
  EXPECT_EQ(entry(all.at("problems"), "path", broken.string()).at("problem"),
            broken.string() + ": a static constructor throws: no license found");
}

TEST(BackendsCommand, MissingFolderIsWrongUse) {
  const Ended ended = run("backends --plugin-dir /nowhere");
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_EQ(ended.out,
            "inferbench: error: --plugin-dir /nowhere: no such folder\n"
            "inferbench: hint: give the folder that holds the backends' lib*.so\n");
}

}  // namespace
}  // namespace inferbench
