// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "predict/samples.hpp"
#include "predict/target_model.hpp"

namespace inferbench {

/// The prediction for a configuration by a model that was not trained on it.
struct HeldOut {
  std::size_t sample = 0;  ///< index
  std::string scheme;      ///< name of one of validation_schemes
  bool edge = false;  ///< the value left out was the smallest or largest, or a machine: the model had to extrapolate
  double predicted = 0;
  double measured = 0;
};

/// A way to leave configurations out: each set in turn is predicted by a model trained on all others.
struct Scheme {
  std::string name;  ///< model, prompt_tokens, generate_tokens, batch, threads, machine, or "third"
  struct Fold {
    std::vector<std::size_t> samples;  ///< left out
    bool edge = false;
  };
  std::vector<Fold> folds;
};

/// One scheme for each axis with at least two measured values: it leaves out all configurations of one value (a model
/// size, a prompt length) at a time. Likewise for machines, if their limits distinguish them. Then "third": the points,
/// shuffled and split into three parts. The shuffle depends only on the points, and all contenders of a point stay
/// together. Trials are never split at random.
std::vector<Scheme> validation_schemes(std::span<const Sample> samples);

/// Leaves out samples that the training set of their fold cannot predict (a contender measured nowhere else).
std::vector<HeldOut> predict_held_out(const std::string& target, Method method, std::span<const Sample> samples,
                                      const std::vector<Scheme>& schemes);

}  // namespace inferbench
