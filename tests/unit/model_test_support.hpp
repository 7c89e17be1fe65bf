// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.hpp"

namespace inferbench::model_test {

/// A folder for one test, removed by the destructor.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "inferbench-model-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!out) throw std::runtime_error("cannot write " + path.string());
}

/// 8 bytes with the length, the JSON, and n_data bytes of data.
inline std::string safetensors_text(std::string_view json, std::size_t n_data, std::uint64_t declared_length) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(declared_length >> (8 * i) & 0xFFU);
  text += json;
  text.append(n_data, '\0');
  return text;
}
inline std::string safetensors_text(std::string_view json, std::size_t n_data) {
  return safetensors_text(json, n_data, json.size());
}

/// The message of the Error that `call` throws. Fails the test if it throws none, or if the message is not a single
/// line.
template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_LT(what.size() + error.cure().size(), 1500U) << what;
    for (const char c : what + error.cure()) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << what;
    EXPECT_FALSE(error.cure().empty()) << what;
    EXPECT_EQ(error.exit_code(), ExitCode::kBadInput) << what;
    return what + " | " + error.cure();
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace inferbench::model_test
