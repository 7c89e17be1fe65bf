// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "predict/samples.hpp"
#include "predict/target_model.hpp"

namespace inferbench {

/// What a model that never saw a configuration said about it.
struct HeldOut {
  std::size_t sample = 0;  ///< index
  std::string scheme;      ///< of validation_schemes
  bool edge = false;       ///< the value left out was the least or the greatest: it had to extrapolate
  double predicted = 0;
  double measured = 0;
};

/// A way to leave configurations out: each set in turn is predicted by a model of all others.
struct Scheme {
  std::string name;  ///< model, prompt_tokens, generate_tokens, batch, threads, machine, or "third"
  struct Fold {
    std::vector<std::size_t> samples;  ///< left out
    bool edge = false;
  };
  std::vector<Fold> folds;
};

/// One scheme for each axis of which at least two values were measured: a whole value (a model size, a prompt length)
/// is left out at a time; likewise each machine, where their limits tell them apart. Then "third": the points in three
/// parts by a shuffle that depends on nothing but the points, all contenders of a point together. Never random trials.
std::vector<Scheme> validation_schemes(std::span<const Sample> samples);

/// Samples that no training set of their fold can speak of (a contender that is measured nowhere else) are missing.
std::vector<HeldOut> predict_held_out(const std::string& target, Method method, std::span<const Sample> samples,
                                      const std::vector<Scheme>& schemes);

}  // namespace inferbench
