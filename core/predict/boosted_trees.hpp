// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace inferbench {

/// Which way a prediction must go when a feature grows.
enum class Monotone { kFree = 0, kIncreasing = 1 };

struct TreeOptions {
  int rounds = 120;
  int depth = 4;
  double learning_rate = 0.1;
  int least_samples = 1;           ///< in a leaf
  std::vector<Monotone> monotone;  ///< a feature each; empty: all free
};

/// Gradient-boosted regression trees: XGBoost, one thread, no sampling, so that the same data give the same trees.
/// Copies share their booster, which nobody changes after training.
class BoostedTrees {
 public:
  /// `rows`: the features, all of one length; a label each. Throws Error where XGBoost fails, std::invalid_argument for
  /// other shapes.
  static BoostedTrees train(const std::vector<std::vector<double>>& rows, const std::vector<double>& labels,
                            const TreeOptions& options = {});

  /// What to_json gave. Throws Error.
  static BoostedTrees from_json(const std::string& text);

  double predict(const std::vector<double>& row) const;

  /// XGBoost's own JSON of a model.
  std::string to_json() const;

  /// Share of the squared error that splits on each feature took away: (feature index, 0 to 1), those above 0.
  std::vector<std::pair<std::size_t, double>> gains() const;

 private:
  explicit BoostedTrees(std::shared_ptr<void> booster);
  std::shared_ptr<void> booster_;
};

}  // namespace inferbench
