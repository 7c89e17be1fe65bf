// SPDX-License-Identifier: Apache-2.0
// Compares the models of two runs by what they compute, not by their names.
#pragma once

#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// Same weights (SHA-256) and same configuration, wherever they are kept. Configuration values that a folder of an
/// earlier version lacks are not compared.
bool same_model(const ModelIdentity& a, const ModelIdentity& b);

/// The run's description of a model that its points refer to; null if there is none.
const ModelIdentity* find_model(const RunInfo& info, const std::string& reference);

/// A model's short name, unique within the run; its reference if the run does not know it.
std::string model_name(const RunInfo& info, const std::string& reference);

/// True if a point of one run and a point of another have the same model. If one of the runs does not know its model,
/// the references are compared.
bool same_model_of(const RunInfo& a, const std::string& reference_a, const RunInfo& b, const std::string& reference_b);

/// One line for each model that has the same name or reference in both runs but differs: "model 'm': other weights
/// (SHA-256 0123456789ab and ba9876543210)".
std::vector<std::string> changed_models(const RunInfo& a, const RunInfo& b);

/// The current reference of a model, given a reference that may occur in the run's rows; the reference itself if the
/// model never moved.
const std::string& current_reference(const RunInfo& info, const std::string& reference);

/// Makes the short names distinct, see distinct_names.
void make_names_distinct(std::vector<ModelIdentity>& models);

}  // namespace inferbench
