// SPDX-License-Identifier: Apache-2.0
#include "golden/fixture.hpp"

#include "model/safetensors_file.hpp"
#include "support/error.hpp"
#include "support/test_paths.hpp"

namespace inferbench::golden {
namespace {

constexpr const char* kSynthetic = "synthetic:";

bool is_synthetic(const std::string& fixture) {
  return fixture.starts_with(kSynthetic);
}

std::filesystem::path folder_of(const std::string& fixture) {
  const std::filesystem::path data = test_paths::kData;
  if (!is_synthetic(fixture)) return data / fixture;
  return data / ("synthetic-" + fixture.substr(std::string(kSynthetic).size()) + "-seed0");
}

Case read_case(const SafetensorsFile& file, const std::string& prefix) {
  Case one;
  one.name = prefix.empty() ? "case" : prefix.substr(0, prefix.size() - 1);
  one.input_ids = file.read_i32(prefix + "input_ids");
  const bool every_position = file.find(prefix + "logits") != nullptr;
  one.logits = file.read_f32(prefix + (every_position ? "logits" : "last_logits"));
  one.greedy = file.read_i32(prefix + "greedy");
  one.greedy_margin = file.read_f32(prefix + "greedy_margin");
  return one;
}

}  // namespace

std::string model_reference(const std::string& fixture) {
  return is_synthetic(fixture) ? fixture : folder_of(fixture).string();
}

std::vector<Case> read_cases(const std::string& fixture) {
  const SafetensorsFile file = SafetensorsFile::open(folder_of(fixture) / "expected.safetensors");
  std::vector<Case> cases;
  if (file.find("input_ids") != nullptr) cases.push_back(read_case(file, ""));
  for (int j = 0; file.find("case" + std::to_string(j) + ".input_ids") != nullptr; ++j) {
    cases.push_back(read_case(file, "case" + std::to_string(j) + "."));
  }
  if (cases.empty()) throw Error(file.path().string() + " has no cases");
  return cases;
}

}  // namespace inferbench::golden
