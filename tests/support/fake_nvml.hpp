// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "support/test_paths.hpp"

namespace inferbench::test {

/// A copy of the library of fake_nvml.cpp in `folder`, with its own state.
class FakeNvml {
 public:
  FakeNvml(std::filesystem::path folder, std::map<std::string, std::string> state)
      : folder_(std::move(folder)), state_(std::move(state)) {
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(test_paths::kFakeNvml, library());
    write();
  }

  std::string library() const { return (folder_ / "libnvidia-ml.so.1").string(); }

  void set(const std::string& key, const std::string& value) {
    state_[key] = value;
    write();
  }
  void unset(const std::string& key) {
    state_.erase(key);
    write();
  }

 private:
  // Replaces the file in one step, since another process may be reading it.
  void write() const {
    {
      std::ofstream file(folder_ / "state.new");
      for (const auto& [key, value] : state_) file << key << ' ' << value << '\n';
    }
    std::filesystem::rename(folder_ / "state.new", folder_ / "state.txt");
  }

  std::filesystem::path folder_;
  std::map<std::string, std::string> state_;
};

}  // namespace inferbench::test
