// SPDX-License-Identifier: Apache-2.0
#include "model/distinct_names.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>

namespace inferbench {

namespace {

// "/a/v1/model/" -> {"a", "v1", "model"}.
std::vector<std::string> parts_of(const std::string& reference) {
  std::vector<std::string> parts;
  for (const auto& part : std::filesystem::path(reference).relative_path()) {
    if (!part.empty() && part != ".") parts.push_back(part.string());
  }
  return parts;
}

std::string end_of(const std::vector<std::string>& parts, std::size_t count) {
  std::string text;
  for (std::size_t i = parts.size() - std::min(count, parts.size()); i < parts.size(); ++i) {
    text += (text.empty() ? "" : "/") + parts[i];
  }
  return text;
}

// The shortest suffix of `parts` that none of the others ends with; all of `parts` if there is none.
std::string distinguishing_end(const std::vector<std::string>& parts,
                               const std::vector<std::vector<std::string>>& others) {
  for (std::size_t count = 1; count < parts.size(); ++count) {
    const std::string end = end_of(parts, count);
    const auto has_it = [&](const std::vector<std::string>& other) { return end_of(other, count) == end; };
    if (std::none_of(others.begin(), others.end(), has_it)) return end;
  }
  return end_of(parts, parts.size());
}

}  // namespace

std::vector<std::string> distinct_names(const std::vector<NamedModel>& models) {
  std::vector<std::string> names;
  for (const NamedModel& model : models) {
    std::vector<std::vector<std::string>> others;
    for (const NamedModel& other : models) {
      if (other.name == model.name && other.reference != model.reference) others.push_back(parts_of(other.reference));
    }
    names.push_back(others.empty() ? model.name : distinguishing_end(parts_of(model.reference), others));
  }
  return names;
}

}  // namespace inferbench
