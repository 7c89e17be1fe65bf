// SPDX-License-Identifier: Apache-2.0
// A replaced file is noticed; a file that was only touched or copied is not.
#include <gmock/gmock.h>

#include <fstream>

#include "model/input_files.hpp"
#include "model/sha256.hpp"
#include "model_test_support.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class InputFilesTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_.path() / name;
    std::ofstream(path) << text;
    return path;
  }
  const fs::path& folder() const { return folder_.path(); }

 private:
  model_test::TempFolder folder_;
};

TEST_F(InputFilesTest, TheDigestIsThatOfAllBytes) {
  InputFiles files;
  EXPECT_EQ(files.add("the model m", {write("a", "one"), write("b", "two")}), sha256_of_file(write("c", "onetwo")));
  EXPECT_EQ(files.find_change(), "");
}

TEST_F(InputFilesTest, ARenamedOverFileIsNamed) {
  InputFiles files;
  const fs::path kept = write("kept", "1");
  const fs::path path = write("lib.so", "old");
  files.add("the model m", {kept});
  files.add("the backend of quant", {path});
  const auto time = fs::last_write_time(path);
  fs::rename(write("new.so", "new"), path);
  fs::last_write_time(path, time);  // same length and time
  EXPECT_THAT(files.find_change(), AllOf(HasSubstr("the backend of quant changed"), HasSubstr(path.string())));
  fs::rename(write("back", "old"), path);
  EXPECT_EQ(files.find_change(), "");
}

TEST_F(InputFilesTest, AFileWrittenInPlaceIsNamed) {
  InputFiles files;
  const fs::path path = write("second.safetensors", "weights");
  files.add("the model m", {write("first.safetensors", "weights"), path});
  write("second.safetensors", "other weights");
  EXPECT_THAT(files.find_change(), HasSubstr(path.string()));
}

TEST_F(InputFilesTest, ARetargetedLinkIsNoticed) {
  InputFiles files;
  fs::create_symlink(write("v1", "1"), folder() / "current");
  files.add("quality.text", {folder() / "current"});
  fs::remove(folder() / "current");
  fs::create_symlink(write("v2", "2"), folder() / "current");
  EXPECT_THAT(files.find_change(), HasSubstr("quality.text changed"));
}

TEST_F(InputFilesTest, OnlyTheContentDecides) {
  InputFiles files;
  const fs::path path = write("text", "the same");
  files.add("prompts.file", {path});
  fs::last_write_time(path, fs::file_time_type::clock::now() + std::chrono::hours(1));
  EXPECT_EQ(files.find_change(), "");
  fs::rename(write("copy", "the same"), path);
  EXPECT_EQ(files.find_change(), "");
}

TEST_F(InputFilesTest, AMissingFileIsNamed) {
  InputFiles files;
  const fs::path path = write("text", "x");
  files.add("prompts.file", {path});
  fs::remove(path);
  EXPECT_THAT(files.find_change(), AllOf(HasSubstr("prompts.file disappeared"), HasSubstr(path.string())));
  EXPECT_THROW(files.add("another", {path.parent_path() / "nowhere"}), Error);
}

}  // namespace
}  // namespace inferbench
