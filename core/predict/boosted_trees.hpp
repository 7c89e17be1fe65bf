// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace inferbench {

/// Direction in which a prediction must change when a feature grows.
enum class Monotone { kFree = 0, kIncreasing = 1 };

struct TreeOptions {
  int rounds = 120;
  int depth = 4;
  double learning_rate = 0.1;
  int least_samples = 1;           ///< per leaf
  std::vector<Monotone> monotone;  ///< one per feature; empty: all free
};

/// Gradient-boosted regression trees (XGBoost). One thread and no sampling, so the same data give the same trees.
/// Copies share their booster, which is immutable after training.
class BoostedTrees {
 public:
  /// `rows`: the features, all of one length; one label per row. Throws Error if XGBoost fails, and
  /// std::invalid_argument for other shapes.
  static BoostedTrees train(const std::vector<std::vector<double>>& rows, const std::vector<double>& labels,
                            const TreeOptions& options = {});

  /// Reads the output of to_json. Throws Error.
  static BoostedTrees from_json(const std::string& text);

  double predict(const std::vector<double>& row) const;

  /// The model in XGBoost's JSON format.
  std::string to_json() const;

  /// Share of the reduction in squared error due to splits on each feature: (feature index, 0 to 1), only those above
  /// 0.
  std::vector<std::pair<std::size_t, double>> gains() const;

 private:
  explicit BoostedTrees(std::shared_ptr<void> booster);
  std::shared_ptr<void> booster_;
};

}  // namespace inferbench
