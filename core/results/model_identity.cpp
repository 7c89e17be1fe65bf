// SPDX-License-Identifier: Apache-2.0
#include "results/model_identity.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "model/distinct_names.hpp"

namespace inferbench {

namespace {

bool same_config(const ModelIdentity& a, const ModelIdentity& b) {
  if (!a.shape || !b.shape) return true;
  ModelConfig ours = *a.shape;
  ModelConfig theirs = *b.shape;
  ours.end_tokens = theirs.end_tokens;  // no measured generation ends at one, so they have no effect
  if (!a.whole_config || !b.whole_config) {
    ours.activation = theirs.activation;
    ours.norm_epsilon = theirs.norm_epsilon;
    ours.layers = theirs.layers;
  }
  return ours == theirs;
}

}  // namespace

bool same_model(const ModelIdentity& a, const ModelIdentity& b) {
  return a.sha256 == b.sha256 && same_config(a, b);
}

const ModelIdentity* find_model(const RunInfo& info, const std::string& reference) {
  const auto found = std::find_if(info.models.begin(), info.models.end(),
                                  [&](const ModelIdentity& model) { return model.reference == reference; });
  return found == info.models.end() ? nullptr : &*found;
}

std::string model_name(const RunInfo& info, const std::string& reference) {
  const ModelIdentity* model = find_model(info, reference);
  return model == nullptr ? reference : model->name;
}

bool same_model_of(const RunInfo& a, const std::string& reference_a, const RunInfo& b, const std::string& reference_b) {
  const ModelIdentity* ours = find_model(a, reference_a);
  const ModelIdentity* theirs = find_model(b, reference_b);
  if (ours == nullptr || theirs == nullptr) return reference_a == reference_b;
  return same_model(*ours, *theirs);
}

std::vector<std::string> changed_models(const RunInfo& a, const RunInfo& b) {
  std::vector<std::string> lines;
  for (const ModelIdentity& ours : a.models) {
    const auto is_same = [&](const ModelIdentity& theirs) { return same_model(ours, theirs); };
    if (std::any_of(b.models.begin(), b.models.end(), is_same)) continue;
    for (const ModelIdentity& theirs : b.models) {
      if (ours.name != theirs.name && ours.reference != theirs.reference) continue;
      lines.push_back(
          ours.sha256 == theirs.sha256
              ? fmt::format("model '{}': different configuration (config.json) for the same weights", theirs.name)
              : fmt::format("model '{}': different weights (SHA-256 {} and {})", theirs.name, ours.sha256.substr(0, 12),
                            theirs.sha256.substr(0, 12)));
    }
  }
  return lines;
}

const std::string& current_reference(const RunInfo& info, const std::string& reference) {
  for (const ModelIdentity& model : info.models) {
    const auto& earlier = model.earlier_references;
    if (std::find(earlier.begin(), earlier.end(), reference) != earlier.end()) return model.reference;
  }
  return reference;
}

void make_names_distinct(std::vector<ModelIdentity>& models) {
  std::vector<NamedModel> named;
  for (const ModelIdentity& model : models) named.push_back({model.reference, model.name});
  const std::vector<std::string> names = distinct_names(named);
  for (std::size_t i = 0; i < models.size(); ++i) models[i].name = names[i];
}

}  // namespace inferbench
