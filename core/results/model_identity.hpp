// SPDX-License-Identifier: Apache-2.0
// Which models of two runs are the same: by what they compute, not by what they are called.
#pragma once

#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// Same weights (SHA-256) and same configuration, wherever they are kept. What a folder of an earlier version does not
/// say of the configuration is not compared.
bool same_model(const ModelIdentity& a, const ModelIdentity& b);

/// What a run says of a model that its points refer to; null where it says nothing.
const ModelIdentity* find_model(const RunInfo& info, const std::string& reference);

/// A model's short name, distinct among the models of the run; its reference where the run does not know it.
std::string model_name(const RunInfo& info, const std::string& reference);

/// Whether a point of one run and a point of another have the same model. Where one of the runs does not know its
/// model, the references decide.
bool same_model_of(const RunInfo& a, const std::string& reference_a, const RunInfo& b, const std::string& reference_b);

/// A line for each model that both runs call by one name or reference but that is not the same: "model 'm': other
/// weights (SHA-256 0123456789ab and ba9876543210)".
std::vector<std::string> changed_models(const RunInfo& a, const RunInfo& b);

/// Where a model is now, for a reference that rows of the run may have; the reference itself where it never moved.
const std::string& current_reference(const RunInfo& info, const std::string& reference);

/// Gives models of one short name names that tell them apart, see distinct_names.
void make_names_distinct(std::vector<ModelIdentity>& models);

}  // namespace inferbench
