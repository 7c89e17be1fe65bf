// SPDX-License-Identifier: Apache-2.0
// Output files that a user asked for: replaced atomically if possible, and without harm to anything else.
#include "support/output_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "support/error.hpp"
#include "support/files.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() {
    std::string pattern = (fs::temp_directory_path() / "inferbench-output-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~OutputFileTest() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  fs::path path(const std::string& name) const { return folder_ / name; }

  std::size_t n_files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  static void put(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }

  // The error and its hint; "" if there was none.
  static std::string error_of(const fs::path& file, const std::string& text = "new") {
    try {
      write_file(file, text);
      return "";
    } catch (const Error& error) {
      return std::string(error.what()) + " / " + error.cure();
    }
  }

 private:
  fs::path folder_;
};

TEST_F(OutputFileTest, AFileIsThereOnlyWhenItIsWhole) {
  put(path("a"), "old");
  {
    OutputFile file(path("a"));
    file.write("half");
    EXPECT_EQ(read_file(path("a")), "old");
  }
  EXPECT_EQ(read_file(path("a")), "old") << "never finished";
  OutputFile file(path("a"));
  file.write("one ");
  file.write("two");
  file.finish();
  EXPECT_EQ(read_file(path("a")), "one two");
  EXPECT_EQ(n_files(), 1U);
}

TEST_F(OutputFileTest, NeighboursWithLikelyNamesAreLeftAlone) {
  for (const char* name : {"a.new", "a.part", "a.tmp", "a~"}) put(path(name), "mine");
  write_file(path("a"), "new");
  for (const char* name : {"a.new", "a.part", "a.tmp", "a~"}) EXPECT_EQ(read_file(path(name)), "mine");
  EXPECT_EQ(n_files(), 5U);
}

TEST_F(OutputFileTest, PermissionsStay) {
  put(path("a"), "old");
  ASSERT_EQ(chmod(path("a").c_str(), 0640), 0);
  write_file(path("a"), "new");
  struct stat found {};
  ASSERT_EQ(::stat(path("a").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0640U);
  EXPECT_EQ(read_file(path("a")), "new");
}

TEST_F(OutputFileTest, ANewFileHasThePermissionsOfTheUmask) {
  const mode_t before = umask(027);
  write_file(path("a"), "new");
  umask(before);
  struct stat found {};
  ASSERT_EQ(::stat(path("a").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0640U);
}

TEST_F(OutputFileTest, TheOwnerStays) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  put(path("a"), "old");
  ASSERT_EQ(chown(path("a").c_str(), 12345, 54321), 0);
  write_file(path("a"), "new");
  struct stat found {};
  ASSERT_EQ(::stat(path("a").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 12345U);
  EXPECT_EQ(found.st_gid, 54321U);
  EXPECT_EQ(read_file(path("a")), "new");
}

TEST_F(OutputFileTest, LinksStayAndWhatTheyPointToIsReplaced) {
  fs::create_directory(path("folder"));
  put(path("folder/target"), "old");
  fs::create_symlink("folder/target", path("link"));
  fs::create_symlink("link", path("link_to_link"));
  write_file(path("link_to_link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(fs::is_symlink(path("link_to_link")));
  EXPECT_FALSE(fs::is_symlink(path("folder/target")));
  EXPECT_EQ(read_file(path("folder/target")), "new");
  fs::remove(path("folder/target"));
  write_file(path("link"), "made");
  EXPECT_EQ(read_file(path("folder/target")), "made") << "a link to what does not exist yet";
  fs::create_symlink("circle", path("circle"));
  EXPECT_THAT(error_of(path("circle")), HasSubstr("circle: Too many levels of symbolic links"));
}

TEST_F(OutputFileTest, DevicesAndFifosAreWrittenInPlace) {
  write_file("/dev/null", "new");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(error_of("/dev/full"), HasSubstr("cannot write /dev/full: No space left on device / free space"));
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  fs::create_symlink("/dev/null", path("null"));
  write_file(path("null"), "new");
  EXPECT_TRUE(fs::is_symlink(path("null")));

  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  std::string received;
  std::thread reader([&] { received = read_file(path("fifo")); });
  write_file(path("fifo"), "through the pipe");
  reader.join();
  EXPECT_EQ(received, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(path("fifo")));
}

TEST_F(OutputFileTest, DescriptorsAreWrittenWhereTheyStand) {
  const int fd = ::open(path("a").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, "before ", 7), 7);
  write_file("/dev/fd/" + std::to_string(fd), "after");
  EXPECT_EQ(read_file(path("a")), "before after") << "not from the file's beginning, and no other file";
  ASSERT_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);  // close-on-exec, like the files that this program opens itself
  EXPECT_THAT(error_of("/dev/fd/" + std::to_string(fd)), HasSubstr("it is not open"));
  close(fd);
  EXPECT_THAT(error_of("/proc/self/fd/" + std::to_string(fd)), HasSubstr("it is not open"));
  EXPECT_TRUE(names_standard_output("/dev/stdout"));
  EXPECT_TRUE(names_standard_output("/dev/fd/1"));
  EXPECT_FALSE(names_standard_output("/dev/fd/2"));
  EXPECT_FALSE(names_standard_output(path("a")));
}

TEST_F(OutputFileTest, SaysWhyItCannot) {
  EXPECT_THAT(error_of(path("no/a")), HasSubstr("no/a: there is no folder "));
  EXPECT_THAT(error_of(path("")), HasSubstr("it is a folder / name a file in it"));
  EXPECT_THAT(error_of(fs::temp_directory_path()), HasSubstr("it is a folder"));
  EXPECT_THAT(error_of(""), HasSubstr("the name is empty"));
}

TEST_F(OutputFileTest, WhatIsTooLargeIsAnErrorAndTheOldFileStays) {
  put(path("a"), "old");
  const auto before = std::signal(SIGXFSZ, SIG_IGN);  // as the program does
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{4096, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = error_of(path("a"), std::string(10000, 'x'));
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, before);
  EXPECT_THAT(error, HasSubstr("File too large / raise the file-size limit (ulimit -f)"));
  EXPECT_EQ(read_file(path("a")), "old");
  EXPECT_EQ(n_files(), 1U);
}

// Runs as another user, because root may do all of this.
TEST_F(OutputFileTest, ProtectedFilesAreNotReplacedAndProtectedFoldersAreNoHindrance) {
  put(path("readonly"), "old");
  put(path("writable"), "old, and longer than the new text");
  ASSERT_EQ(chmod(path("readonly").c_str(), 0444), 0);
  ASSERT_EQ(chmod(path("writable").c_str(), 0666), 0);
  const fs::path folder = path("writable").parent_path();
  std::string refused;
  std::string written;
  const bool root = geteuid() == 0;
  const auto become = [root](uid_t user) { EXPECT_TRUE(!root || seteuid(user) == 0); };
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  become(65534);
  refused = error_of(path("readonly"));
  become(0);
  ASSERT_EQ(chmod(folder.c_str(), 0555), 0);
  become(65534);
  written = error_of(path("writable"), "new");
  become(0);
  EXPECT_THAT(refused, HasSubstr("readonly: Permission denied / check the permissions"));
  EXPECT_EQ(read_file(path("readonly")), "old");
  EXPECT_EQ(written, "");
  EXPECT_EQ(read_file(path("writable")), "new");
}

}  // namespace
}  // namespace inferbench
