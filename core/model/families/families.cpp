// SPDX-License-Identifier: Apache-2.0
#include "model/families/families.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <stdexcept>

namespace inferbench {

std::int64_t StoredTensor::n_elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::span<const Family* const> families() {
  static constexpr std::array<const Family*, 7> kFamilies = {
      &kGpt2Family, &kLlamaFamily, &kMistralFamily, &kQwen2Family, &kQwen3Family, &kGemma2Family, &kGemma3Family};
  return kFamilies;
}

const Family* find_family(std::string_view model_type) {
  for (const Family* family : families()) {
    const auto& types = family->model_types;
    if (std::find(types.begin(), types.end(), model_type) != types.end()) return family;
  }
  return nullptr;
}

const Family& family_of(const ModelConfig& config) {
  const Family* family = find_family(config.model_type);
  if (family == nullptr) throw std::logic_error(fmt::format("no family has the model type {}", config.model_type));
  return *family;
}

std::string known_model_types() {
  std::string list;
  for (const Family* family : families()) {
    for (const std::string_view type : family->model_types) list += fmt::format("{}{}", list.empty() ? "" : ", ", type);
  }
  return list;
}

}  // namespace inferbench
