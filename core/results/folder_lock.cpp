// SPDX-License-Identifier: Apache-2.0
#include "results/folder_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace inferbench {

namespace {

namespace fs = std::filesystem;

struct Mount {
  std::string folder;
  std::string type;
  std::string options;  ///< of the file system, comma separated
};

// mountinfo writes blanks and backslashes of a path as \040 and the like.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "36 35 0:32 / /home rw,noatime shared:1 - nfs server:/home rw,vers=3,local_lock=all": see proc(5).
bool read_mount(const std::string& line, Mount& mount) {
  std::istringstream words(line);
  const std::vector<std::string> word{std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
  std::size_t dash = 6;
  while (dash < word.size() && word[dash] != "-") ++dash;
  if (dash + 3 >= word.size()) return false;
  mount = {unescaped(word[4]), word[dash + 1], "," + word[dash + 3] + ","};
  return true;
}

bool contains_folder(const std::string& mount, const std::string& folder) {
  return mount == "/" || folder == mount || folder.starts_with(mount + "/");
}

// The mount that holds `folder`: the deepest one, and of several on the same place the last, which covers the others.
Mount mount_of(const std::string& folder, std::string_view mountinfo) {
  Mount found;
  std::istringstream lines{std::string(mountinfo)};
  Mount mount;
  for (std::string line; std::getline(lines, line);) {
    if (!read_mount(line, mount) || !contains_folder(mount.folder, folder)) continue;
    if (mount.folder.size() >= found.folder.size()) found = mount;
  }
  return found;
}

// Errors of flock that mean "this file system has no locks", not "someone holds it".
bool means_no_locks(int error_number) {
  return error_number == ENOLCK || error_number == ENOSYS || error_number == EOPNOTSUPP || error_number == EINVAL;
}

std::string own_mountinfo() {
  std::ifstream file("/proc/self/mountinfo");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::string lock_weakness(const fs::path& folder, std::string_view mountinfo) {
  constexpr std::array<std::string_view, 4> kLocal{",nolock,", ",local_lock=all,", ",local_lock=flock,",
                                                   ",localflock,"};
  const Mount mount = mount_of(folder.lexically_normal().string(), mountinfo);
  if (!mount.type.starts_with("nfs") && mount.type != "lustre") return {};
  for (const std::string_view option : kLocal) {
    if (mount.options.find(option) == std::string::npos) continue;
    return fmt::format("locks on {} ({}, {}) bind only the processes of this machine", mount.folder, mount.type,
                       option.substr(1, option.size() - 2));
  }
  return {};
}

LockedFile open_locked(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    const int error_number = errno;
    throw Error(fmt::format("cannot write {}: {}", path.string(), std::strerror(error_number)),
                "check the folder's permissions, or choose another with --out DIR");
  }
  std::error_code ignored;
  const fs::path folder = fs::canonical(path.parent_path(), ignored);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return {fd, lock_weakness(folder, own_mountinfo())};
  const int error_number = errno;
  if (means_no_locks(error_number)) {
    return {fd, fmt::format("the file system of {} has no locks ({})", folder.string(), std::strerror(error_number))};
  }
  close(fd);
  if (error_number != EWOULDBLOCK) {
    throw Error(fmt::format("cannot lock {}: {}", path.string(), std::strerror(error_number)),
                "keep results on a file system that supports flock");
  }
  throw FolderBusy(fmt::format("another inferbench is writing to {}", path.parent_path().string()),
                   "wait until it ends, or start a separate run");
}

}  // namespace inferbench
