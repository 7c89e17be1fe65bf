// SPDX-License-Identifier: Apache-2.0
// One fault per test: checks the complete message (path, fault, hint), and that the host continues.
#include <dlfcn.h>
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>

#include "abi/test_folder.hpp"
#include "plugin/plugin.hpp"
#include "plugin/plugin_path.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using test::TestFolder;
using ::testing::StartsWith;

const fs::path kGood = fs::path(INFERBENCH_TEST_PLUGINS) / "libminimal_c.so";

constexpr const char* kTableCure = "compare its table with the comments of inferbench/backend.h and build it again";
constexpr const char* kConstructor =
    "a backend must do its work in init(), not in static constructors; tell its author, or remove the file";

fs::path faulty(const std::string& name) {
  return fs::path(INFERBENCH_FAULTY_PLUGINS) / ("lib" + name + ".so");
}

struct Failure {
  std::string what;
  std::string cure;
};

// Returns the failure to load this file. A good library must still load afterwards.
Failure load_failure(const fs::path& path) {
  Failure failure;
  try {
    describe_plugin(path);
    ADD_FAILURE() << path << " loads";
  } catch (const Error& error) {
    failure = {error.what(), error.cure()};
  }
  EXPECT_EQ(failure.what.find('\n'), std::string::npos);
  EXPECT_EQ(failure.cure.find('\n'), std::string::npos);
  EXPECT_EQ(describe_plugin(kGood).name, "minimal_c");
  return failure;
}

void expect_failure(const fs::path& path, const std::string& fault, const std::string& cure) {
  const Failure failure = load_failure(path);
  EXPECT_EQ(failure.what, path.string() + ": " + fault);
  EXPECT_EQ(failure.cure, cure);
}

// ---- the file ----

TEST(PluginFaults, Missing) {
  expect_failure("/nowhere/libx.so", "no such file", "check the path; inferbench backends lists what is found");
}

TEST(PluginFaults, EmptyPath) {
  EXPECT_EQ(load_failure("").what, "the path of a backend is empty");
}

TEST(PluginFaults, Folder) {
  const TestFolder folder;
  fs::create_directory(folder.path() / "libx.so");
  expect_failure(folder.path() / "libx.so", "is a folder, not a shared library",
                 "name the library in it, or give the folder as --plugin-dir");
}

TEST(PluginFaults, NoReadPermission) {
  const TestFolder folder;
  const fs::path path = folder.copy(kGood);
  fs::permissions(path, fs::perms::none);
  // root can read every file, so this thread switches to another user for file access.
  const bool is_root = geteuid() == 0;
  if (is_root) {
    constexpr uid_t kNobody = 65534;
    setfsuid(kNobody);
    if (setfsuid(kNobody) != static_cast<int>(kNobody)) GTEST_SKIP() << "root that cannot give up root's file access";
  }
  std::string what;
  std::string cure;
  try {
    describe_plugin(path);
  } catch (const Error& error) {
    what = error.what();
    cure = error.cure();
  }
  if (is_root) setfsuid(0);
  EXPECT_EQ(what, path.string() + ": cannot be read: Permission denied");
  EXPECT_EQ(cure, "make it readable: chmod a+r '" + path.string() + "'");
  EXPECT_EQ(describe_plugin(kGood).name, "minimal_c");
}

TEST(PluginFaults, Empty) {
  const TestFolder folder;
  expect_failure(folder.write("libx.so", ""), "is empty", "build or copy it again; the file is incomplete");
}

TEST(PluginFaults, NotElf) {
  const TestFolder folder;
  expect_failure(folder.write("libx.so", "#!/bin/sh\necho no library\n"), "is not an ELF file",
                 "give the shared library that the build made (cc -shared -fPIC)");
  expect_failure(folder.write("liby.so", "\x7f"), "is not an ELF file",
                 "give the shared library that the build made (cc -shared -fPIC)");
}

TEST(PluginFaults, OtherMachine) {
  const TestFolder folder;
  const std::string bytes = test::read_bytes(kGood);
  Elf64_Ehdr own{};
  std::memcpy(&own, bytes.data(), sizeof(own));
  const auto expect_refused = [&](const std::string& name, unsigned char elf_class, Elf64_Half machine,
                                  const std::string& described) {
    Elf64_Ehdr header = own;
    header.e_ident[EI_CLASS] = elf_class;
    header.e_machine = machine;
    std::string other = bytes;
    std::memcpy(other.data(), &header, sizeof(header));
    expect_failure(folder.write(name, other),
                   "is built for another machine (" + described + "; this inferbench: 64-bit, ELF machine " +
                       std::to_string(own.e_machine) + ")",
                   "build it for this machine");
  };
  expect_refused("libarm.so", ELFCLASS32, EM_ARM, "32-bit, ELF machine 40");
  expect_refused("libriscv.so", ELFCLASS64, EM_RISCV, "64-bit, ELF machine 243");
  expect_refused("libx32.so", ELFCLASS32, own.e_machine, "32-bit, ELF machine " + std::to_string(own.e_machine));
}

TEST(PluginFaults, NotShared) {
  const TestFolder folder;
  std::string bytes = test::read_bytes(kGood);
  const Elf64_Half type = ET_REL;
  std::memcpy(bytes.data() + offsetof(Elf64_Ehdr, e_type), &type, sizeof(type));
  expect_failure(folder.write("libx.so", bytes), "is an ELF file, but not a shared library", "link it with cc -shared");
}

TEST(PluginFaults, CutOff) {
  const TestFolder folder;
  const std::string bytes = test::read_bytes(kGood);
  Elf64_Ehdr header{};
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::size_t loaded = 0;  // end of the bytes that the loader maps; symbols and debug information follow
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof(segment), sizeof(segment));
    if (segment.p_type == PT_LOAD) loaded = std::max<std::size_t>(loaded, segment.p_offset + segment.p_filesz);
  }
  ASSERT_GT(loaded, 1000U);
  ASSERT_LE(loaded, bytes.size());
  for (const std::size_t size : {std::size_t{200}, loaded / 2, loaded - 1}) {
    const fs::path path = folder.write("libcut" + std::to_string(size) + ".so", bytes.substr(0, size));
    const std::size_t headers = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
    expect_failure(path,
                   "is truncated: " + std::to_string(size) + " of at least " +
                       std::to_string(size < headers ? headers : loaded) + " bytes",
                   "build or copy it again; the file is incomplete");
  }
  const fs::path path = folder.write("libheader.so", bytes.substr(0, 20));
  expect_failure(path, "is not an ELF file", "give the shared library that the build made (cc -shared -fPIC)");
}

// ---- the loader ----

TEST(PluginFaults, UnresolvedSymbol) {
  expect_failure(faulty("unresolved_symbol"),
                 "needs the symbol 'a_function_of_nobody', which none of its libraries provides",
                 "link it with the library that defines 'a_function_of_nobody'");
}

TEST(PluginFaults, MissingLibrary) {
  expect_failure(faulty("missing_library"),
                 "needs the library 'libnowhere.so': cannot open shared object file: No such file or directory",
                 "install 'libnowhere.so', or link with -Wl,-rpath to its folder");
}

TEST(PluginFaults, NoSymbol) {
  expect_failure(faulty("no_symbol"), "does not export 'inferbench_backend_v1', so it is not an inferbench backend",
                 "define it as IB_EXPORT const ib_backend inferbench_backend_v1 (see inferbench/backend.h)");
}

TEST(PluginFaults, ConstructorThrows) {
  expect_failure(faulty("constructor_throws"), "a static constructor throws: no license found", kConstructor);
}

TEST(PluginFaults, ConstructorAborts) {
  expect_failure(faulty("constructor_abort"), "loading it ends the process with signal 6 (Aborted)", kConstructor);
}

TEST(PluginFaults, ConstructorCrashes) {
  expect_failure(faulty("constructor_segfault"), "loading it ends the process with signal 11 (Segmentation fault)",
                 kConstructor);
}

TEST(PluginFaults, ConstructorExits) {
  expect_failure(faulty("constructor_exit"), "loading it ends the process with exit code 0", kConstructor);
}

TEST(PluginFaults, ConstructorClosesDescriptors) {
  expect_failure(fs::path(INFERBENCH_LOADING_PLUGINS) / "libcloses_descriptors.so",
                 "loading it closes descriptors that are not its own", kConstructor);
}

// ---- the table ----

TEST(PluginFaults, WrongMagic) {
  expect_failure(faulty("wrong_magic"),
                 "its table starts with 0x1122334455667788, not with the magic number 0x31444e4b43424249",
                 "start the table with IB_BACKEND_HEADER of inferbench/backend.h");
}

TEST(PluginFaults, OtherMajor) {
  expect_failure(faulty("other_major"), "it was built for ABI 2.7, this inferbench has ABI 1.0",
                 "build it against the inferbench/backend.h of ABI 1, or use the inferbench that it was made for");
}

TEST(PluginFaults, ShortTable) {
  expect_failure(faulty("short_table"), "its table says that it has 192 bytes, too few to hold the required 'forward'",
                 "start the table with IB_BACKEND_HEADER, which sets struct_size to sizeof(ib_backend)");
}

TEST(PluginFaults, NullFunction) {
  expect_failure(faulty("null_function"), "its required function 'init' is null", kTableCure);
}

TEST(PluginFaults, NullString) {
  expect_failure(faulty("null_string"), "its required string 'build' is null", kTableCure);
}

TEST(PluginFaults, WildPointer) {
  expect_failure(faulty("wild_pointer"), "loading it ends the process with signal 11 (Segmentation fault)",
                 kConstructor);
}

TEST(PluginFaults, BadName) {
  expect_failure(faulty("bad_name"), "its name 'Bad Name' is not [a-z0-9_]+ of at most 64 characters", kTableCure);
}

TEST(PluginFaults, NoPrecision) {
  expect_failure(faulty("no_precision"), "it offers no precision", kTableCure);
}

TEST(PluginFaults, DuplicatePrecision) {
  expect_failure(faulty("duplicate_precision"), "it offers precision 'int8' twice", kTableCure);
}

TEST(PluginFaults, DuplicateOption) {
  expect_failure(faulty("duplicate_option"), "it has option 'tile' twice", kTableCure);
}

TEST(PluginFaults, OptionDefault) {
  expect_failure(faulty("option_default"),
                 "it refuses its own default: option 'tile': '65' is not a whole number from 1 to 64", kTableCure);
}

TEST(PluginFaults, OptionType) {
  expect_failure(faulty("option_type"), "option 'tile' has the unknown type 17", kTableCure);
}

TEST(PluginFaults, OptionChoices) {
  expect_failure(faulty("option_choices"), "option 'isa' has no choices", kTableCure);
}

// ---- valid plugins ----

TEST(PluginFaults, NewerMinorLoads) {
  const Plugin plugin = Plugin::load(faulty("newer_minor"));
  EXPECT_EQ(plugin.name(), "newer_minor");
  EXPECT_EQ(plugin.table().abi_minor, 9U);
  EXPECT_GT(plugin.table().struct_size, sizeof(ib_backend));
}

TEST(PluginFaults, TableWithoutOptionalEndLoads) {
  const Plugin plugin = Plugin::load(faulty("no_extension"));
  EXPECT_EQ(plugin.table().extension, nullptr);
  EXPECT_EQ(plugin.extension(IB_EXT_PROFILE_V1), nullptr);
}

TEST(PluginFaults, DestructorsAndExitHandlersDoNotRun) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(describe_plugin(fs::path(INFERBENCH_LOADING_PLUGINS) / "libends_badly.so").name, "ends_badly");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kLoadLimit);
}

TEST(PluginFaults, DescribingLoadsNothingHere) {
  const std::string path = fs::path(INFERBENCH_LOADING_PLUGINS) / "libsleeps.so";
  EXPECT_EQ(describe_plugin(path).name, "sleeps");
  EXPECT_EQ(dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
}

// ---- all faults together ----

TEST(PluginFaults, ListingGoesOn) {
  const TestFolder folder;
  std::size_t n_faulty = 0;
  for (const auto& entry : fs::directory_iterator(INFERBENCH_FAULTY_PLUGINS)) {
    folder.copy(entry.path());
    ++n_faulty;
  }
  ASSERT_GE(n_faulty, 23U);
  folder.copy(kGood);
  folder.write("libtext.so", "text");
  folder.write("readme.txt", "not looked at");
  fs::create_directory(folder.path() / "libfolder.so");
  fs::create_symlink("nowhere", folder.path() / "libdangling.so");

  std::vector<std::string> good;
  std::size_t n_broken = 0;
  PluginPath({folder.path()}).list([&](const FoundPlugin& found) {
    if (found.path.parent_path() != folder.path()) return;
    if (found.plugin) {
      good.push_back(found.plugin->name);
      return;
    }
    ++n_broken;
    EXPECT_THAT(found.problem, StartsWith(found.path.string() + ": "));
    EXPECT_FALSE(found.cure.empty()) << found.problem;
  });
  EXPECT_THAT(good, ::testing::UnorderedElementsAre("minimal_c", "newer_minor", "no_extension"));
  EXPECT_EQ(n_broken, n_faulty - 2 + 3);
}

}  // namespace
}  // namespace inferbench
