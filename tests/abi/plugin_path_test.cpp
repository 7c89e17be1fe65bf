// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_path.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "abi/test_folder.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using test::TestFolder;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path kMinimal = fs::path(INFERBENCH_TEST_PLUGINS) / "libminimal_c.so";
fs::path loading(const std::string& name) {
  return fs::path(INFERBENCH_LOADING_PLUGINS) / ("lib" + name + ".so");
}

const fs::path kNull = fs::path(INFERBENCH_TEST_PLUGINS) / "libnull.so";

class PluginPathTest : public ::testing::Test {
 protected:
  PluginPathTest() {
    unsetenv("INFERBENCH_PLUGIN_PATH");
    defaults_ = PluginPath().folders();
  }
  ~PluginPathTest() override {
    unsetenv("INFERBENCH_PLUGIN_PATH");
    fs::current_path(before_);
  }

  template <typename Function>
  static Error error_of(Function function) {
    try {
      function();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no Error";
    return Error("");
  }

  // The given folders, followed by the program's own.
  std::vector<fs::path> with_defaults(std::vector<fs::path> folders) const {
    folders.insert(folders.end(), defaults_.begin(), defaults_.end());
    return folders;
  }

  const TestFolder first_;
  const TestFolder second_;
  const fs::path before_ = fs::current_path();
  std::vector<fs::path> defaults_;
};

TEST_F(PluginPathTest, ArgumentsComeBeforeTheEnvironment) {
  const std::string with_gaps = fmt::format(":{}::/nowhere:", second_.path().string());
  setenv("INFERBENCH_PLUGIN_PATH", with_gaps.c_str(), 1);
  EXPECT_EQ(PluginPath({first_.path()}).folders(), with_defaults({first_.path(), second_.path()}));
  EXPECT_EQ(PluginPath({second_.path(), second_.path() / "."}).folders(), with_defaults({second_.path()}));
}

TEST_F(PluginPathTest, FirstFolderWins) {
  const fs::path expected = second_.copy(kMinimal);
  first_.copy(kMinimal);
  EXPECT_EQ(PluginPath({second_.path(), first_.path()}).find("minimal_c").path, expected);
}

TEST_F(PluginPathTest, NeverTheCurrentDirectory) {
  first_.copy(kMinimal);
  fs::current_path(first_.path());
  for (const char* variable : {"", ":", "::"}) {
    setenv("INFERBENCH_PLUGIN_PATH", variable, 1);
    EXPECT_EQ(PluginPath().folders(), defaults_);
    EXPECT_THAT(error_of([] { PluginPath().find("minimal_c"); }).what(), StartsWith("no backend 'minimal_c' in "));
  }
}

TEST_F(PluginPathTest, PathsAreTakenFromTheBase) {
  const fs::path path = first_.copy(kMinimal, "libother.so");
  const PluginPath search;
  EXPECT_EQ(search.find("./libother.so", first_.path()).path, path);
  EXPECT_EQ(search.find((fs::path("..") / first_.path().filename() / "libother.so").string(), second_.path()).path,
            path);
  // For an absolute path, the base folder does not matter
  EXPECT_EQ(search.find(path.string(), second_.path()).path, path);
  fs::current_path(first_.path());
  EXPECT_EQ(search.find("./libother.so").path, path);
  EXPECT_STREQ(error_of([&] { search.find("./libother.so", second_.path()); }).what(),
               (second_.path().string() + "/libother.so: no such file").c_str());
}

TEST_F(PluginPathTest, UnknownNameSuggestsTheNearest) {
  first_.copy(kMinimal);
  first_.copy(kNull);
  const Error error = error_of([&] { PluginPath({first_.path()}).find("minmal_c"); });
  EXPECT_THAT(error.what(), StartsWith("no backend 'minmal_c' in " + first_.path().string()));
  EXPECT_THAT(error.cure(), StartsWith("did you mean 'minimal_c'? known backends: "));
  EXPECT_THAT(error.cure(), HasSubstr("minimal_c, null"));
  EXPECT_THAT(error.cure(), ::testing::EndsWith("; add a folder with --plugin-dir"));
}

TEST_F(PluginPathTest, FileNameWithoutFolder) {
  first_.copy(kMinimal);
  const Error error = error_of([&] { PluginPath({first_.path()}).find("libminimal_c.so"); });
  EXPECT_EQ(error.cure(), "to name a file, write a path: ./libminimal_c.so");
}

TEST_F(PluginPathTest, EmptyName) {
  EXPECT_THAT(error_of([this] { PluginPath({first_.path()}).find(""); }).what(),
              StartsWith("no backend '' in " + first_.path().string()));
}

TEST_F(PluginPathTest, MissingPluginDir) {
  const Error error = error_of([] { PluginPath({"/nowhere"}); });
  EXPECT_STREQ(error.what(), "--plugin-dir /nowhere: no such folder");
  EXPECT_EQ(error.cure(), "give the folder that holds the backends' lib*.so");
}

TEST_F(PluginPathTest, NameOfTheTableMustMatch) {
  const fs::path path = first_.copy(kMinimal, "libother.so");
  const Error error = error_of([&] { PluginPath({first_.path()}).find("other"); });
  EXPECT_EQ(std::string(error.what()),
            path.string() + ": its table has the name 'minimal_c', so it is not the backend 'other'");
  EXPECT_EQ(error.cure(), "rename the file to libminimal_c.so, or name it by its path");
}

TEST_F(PluginPathTest, AFileIsTriedOutAgainWhenItChanged) {
  const fs::path path = first_.copy(kMinimal, "libsame.so");
  const PluginPath search({first_.path()});
  EXPECT_EQ(search.find(path.string()).name, "minimal_c");
  EXPECT_EQ(search.find(path.string()).name, "minimal_c");
  fs::remove(path);
  first_.copy(kNull, "libsame.so");
  EXPECT_EQ(search.find(path.string()).name, "null");
}

TEST_F(PluginPathTest, ListingDoesNotWaitForOneThatHangs) {
  first_.copy(loading("hangs"), "libaaa.so");
  first_.copy(kMinimal);
  std::vector<std::string> order;
  std::string problem;
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::duration<double> first_s{};
  PluginPath({first_.path()})
      .list(
          [&](const FoundPlugin& found) {
            if (found.path.parent_path() != first_.path()) return;
            if (order.empty()) first_s = std::chrono::steady_clock::now() - begin;
            order.push_back(found.path.filename());
            problem += found.problem;
          },
          std::chrono::seconds(5));
  EXPECT_THAT(order, ::testing::ElementsAre("libminimal_c.so", "libaaa.so"));
  EXPECT_EQ(problem, (first_.path() / "libaaa.so").string() + ": loading it takes longer than 5 s");
  EXPECT_LT(first_s.count(), 5);
}

TEST_F(PluginPathTest, LibrariesLoadSideBySide) {
  constexpr int kCopies = 8;
  for (int i = 0; i < kCopies; ++i) first_.copy(loading("sleeps"), fmt::format("libcopy{}.so", i));
  const auto begin = std::chrono::steady_clock::now();
  int seen = 0;
  PluginPath({first_.path()}).list([&](const FoundPlugin& found) {
    seen += found.path.parent_path() == first_.path();
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(seen, kCopies);
  EXPECT_LT(seconds.count(), 0.5 * kCopies);  // loading them one after the other takes longer on any machine
}

TEST_F(PluginPathTest, ListingMarksWhatIsShadowed) {
  const fs::path good = first_.copy(kMinimal);
  const fs::path shadowed = second_.copy(kMinimal);
  const fs::path misnamed = second_.copy(kNull, "libzero.so");
  std::vector<FoundPlugin> all;
  PluginPath({first_.path(), second_.path()}).list([&](const FoundPlugin& found) { all.push_back(found); });
  ASSERT_GE(all.size(), 3U);
  EXPECT_EQ(all[0].path, good);
  EXPECT_TRUE(all[0].plugin);
  EXPECT_TRUE(all[0].shadowed_by.empty());
  EXPECT_EQ(all[1].path, shadowed);
  EXPECT_TRUE(all[1].plugin);
  EXPECT_EQ(all[1].shadowed_by, good);
  EXPECT_EQ(all[2].path, misnamed);
  EXPECT_FALSE(all[2].plugin);
  EXPECT_THAT(all[2].problem, HasSubstr("its table has the name 'null'"));
}

}  // namespace
}  // namespace inferbench
