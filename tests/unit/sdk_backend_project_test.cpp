// SPDX-License-Identifier: Apache-2.0
// The projects that new-backend writes: names, files, placeholders. tests/package checks that they build and compute
// the right results.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "sdk/backend_project.hpp"
#include "support/error.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr BackendLanguage kLanguages[] = {BackendLanguage::kC, BackendLanguage::kCpp, BackendLanguage::kRust,
                                          BackendLanguage::kPython};

std::string text_of(const std::vector<ProjectFile>& files, const fs::path& path) {
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const ProjectFile& file) { return file.path == path; });
  EXPECT_NE(found, files.end()) << path;
  return found == files.end() ? "" : found->text;
}

TEST(BackendProject, HasWhatAProjectNeeds) {
  for (const BackendLanguage language : kLanguages) {
    const auto files = backend_project("mine", language);
    EXPECT_THAT(text_of(files, "README.md"), HasSubstr("# mine\n"));
    const bool python = language == BackendLanguage::kPython;
    EXPECT_THAT(text_of(files, "compare.yaml"),
                testing::AllOf(HasSubstr(python ? "module: ./backend.py" : "libmine.so"), HasSubstr("blocks: 7")));
    EXPECT_THAT(text_of(files, ".gitignore"), HasSubstr("/results/"));
    const bool rust = language == BackendLanguage::kRust;
    const char* const test = rust ? "tests/conformance.rs" : python ? "test.sh" : "CMakeLists.txt";
    EXPECT_THAT(text_of(files, test), HasSubstr("conformance"));
    for (const ProjectFile& file : files) EXPECT_EQ(file.text.find("@NAME@"), std::string::npos) << file.path;
  }
}

TEST(BackendProject, RefusesNamesThatNoBackendCanHave) {
  for (const char* name : {"", "Mine", "my-backend", "1st", "_x", "a b", "a/b", "../x", "ü"}) {
    EXPECT_THROW(backend_project(name, BackendLanguage::kC), Error) << name;
  }
  EXPECT_THROW(backend_project(std::string(65, 'a'), BackendLanguage::kC), Error);
  EXPECT_THROW(backend_project("test", BackendLanguage::kCpp), Error);  // reserved by CMake as a target name
  EXPECT_THROW(backend_project("match", BackendLanguage::kRust), Error);
  for (const char* bundled : {"cpu_ref", "cpu_quant", "null", "onednn", "python", "torch"}) {
    EXPECT_THROW(backend_project(bundled, BackendLanguage::kC), Error) << bundled;
  }
  EXPECT_NO_THROW(backend_project("torch2", BackendLanguage::kC));
  EXPECT_NO_THROW(backend_project("my_backend2", BackendLanguage::kC));
}

TEST(BackendProject, LeavesAnExistingFolderAlone) {
  const fs::path folder = fs::path(test_paths::kBinaryDir) / "sdk_backend_project";
  fs::remove_all(folder);
  const auto files = backend_project("mine", BackendLanguage::kC);
  write_project(folder / "mine", files);
  std::ifstream stream(folder / "mine" / "compare.yaml");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), text_of(files, "compare.yaml"));
  EXPECT_THROW(write_project(folder / "mine", files), Error);
  fs::create_directories(folder / "empty");
  EXPECT_NO_THROW(write_project(folder / "empty", files));
  EXPECT_THROW(write_project("/proc/no_such_folder", files), Error);
}

}  // namespace
}  // namespace inferbench
