// SPDX-License-Identifier: Apache-2.0
#include "model/input_files.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "model/sha256.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

std::string digest_of_files(const std::vector<fs::path>& files) {
  Sha256 digest;
  for (const fs::path& file : files) digest.update_file(file);
  return digest.hex();
}

}  // namespace

InputFiles::Stamp InputFiles::stamp_of(const fs::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) {
    throw Error(fmt::format("{}: {}", file.string(), std::strerror(errno)), "check the path and its permissions");
  }
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

std::string InputFiles::add(std::string role, const std::vector<fs::path>& files) {
  Group group{std::move(role), {}, {}};
  for (const fs::path& file : files) group.files.push_back(fs::absolute(file));
  const auto known =
      std::find_if(groups_.begin(), groups_.end(), [&](const Group& other) { return other.files == group.files; });
  if (known != groups_.end()) return known->sha256;
  std::vector<Stamp> stamps;  // taken before hashing, so that a change during hashing is noticed later
  for (const fs::path& file : group.files) stamps.push_back(stamp_of(file));
  group.sha256 = digest_of_files(group.files);
  groups_.push_back(std::move(group));
  stamps_.push_back(std::move(stamps));
  return groups_.back().sha256;
}

std::string InputFiles::change_of(std::size_t index) {
  const Group& group = groups_[index];
  std::vector<Stamp> now;
  for (const fs::path& file : group.files) {
    try {
      now.push_back(stamp_of(file));
    } catch (const Error& error) {
      return fmt::format("{} disappeared: {}", group.role, error.what());
    }
  }
  const auto first = std::mismatch(now.begin(), now.end(), stamps_[index].begin()).first;
  if (first == now.end()) return {};
  const fs::path& changed = group.files[static_cast<std::size_t>(first - now.begin())];
  try {
    if (digest_of_files(group.files) != group.sha256) {
      return fmt::format("{} changed during the run: {}", group.role, changed.lexically_normal().string());
    }
  } catch (const Error& error) {
    return fmt::format("{} changed during the run: {}", group.role, error.what());
  }
  stamps_[index] = std::move(now);  // copied or touched, but with the same bytes
  return {};
}

std::string InputFiles::find_change() {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (std::string change = change_of(i); !change.empty()) return change;
  }
  return {};
}

}  // namespace inferbench
