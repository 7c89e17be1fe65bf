// SPDX-License-Identifier: Apache-2.0
#include "predict/boosted_trees.hpp"

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <limits>
#include <numeric>
#include <stdexcept>

#include "support/error.hpp"

namespace inferbench {
namespace {

void check(int code) {
  if (code != 0) throw Error(fmt::format("XGBoost: {}", XGBGetLastError()));
}

// Row-major [rows, columns]. XGBoost copies the data.
std::shared_ptr<void> matrix_of(const std::vector<std::vector<double>>& rows) {
  std::vector<float> values;
  for (const auto& row : rows) {
    if (row.size() != rows.front().size()) throw std::invalid_argument("BoostedTrees: rows of unequal length");
    for (const double value : row) values.push_back(static_cast<float>(value));
  }
  DMatrixHandle handle = nullptr;
  check(XGDMatrixCreateFromMat_omp(values.data(), rows.size(), rows.front().size(),
                                   std::numeric_limits<float>::quiet_NaN(), &handle, 1));
  return {handle, XGDMatrixFree};
}

std::shared_ptr<void> new_booster(const std::vector<DMatrixHandle>& matrices) {
  BoosterHandle handle = nullptr;
  check(XGBoosterCreate(matrices.data(), matrices.size(), &handle));
  std::shared_ptr<void> booster(handle, XGBoosterFree);
  for (const auto& [key, value] : {std::pair{"nthread", "1"}, std::pair{"verbosity", "0"}}) {
    check(XGBoosterSetParam(handle, key, value));
  }
  return booster;
}

void set_options(BoosterHandle booster, const TreeOptions& options, double mean) {
  const auto set = [&](const char* key, const std::string& value) {
    check(XGBoosterSetParam(booster, key, value.c_str()));
  };
  set("objective", "reg:squarederror");
  set("tree_method", "exact");
  set("max_depth", std::to_string(options.depth));
  set("eta", fmt::format("{}", options.learning_rate));
  set("min_child_weight", std::to_string(options.least_samples));  // with squared error, each sample has weight 1
  set("base_score", fmt::format("{}", mean));
  if (options.monotone.empty()) return;
  std::string constraints;
  for (const Monotone monotone : options.monotone) {
    constraints += fmt::format("{}{}", constraints.empty() ? "(" : ",", static_cast<int>(monotone));
  }
  set("monotone_constraints", constraints + ")");
}

}  // namespace

BoostedTrees::BoostedTrees(std::shared_ptr<void> booster) : booster_(std::move(booster)) {}

BoostedTrees BoostedTrees::train(const std::vector<std::vector<double>>& rows, const std::vector<double>& labels,
                                 const TreeOptions& options) {
  if (rows.empty() || rows.size() != labels.size()) throw std::invalid_argument("BoostedTrees: no rows, or no labels");
  const auto matrix = matrix_of(rows);
  const std::vector<float> targets(labels.begin(), labels.end());
  check(XGDMatrixSetFloatInfo(matrix.get(), "label", targets.data(), targets.size()));
  const double mean = std::accumulate(labels.begin(), labels.end(), 0.0) / static_cast<double>(labels.size());
  auto booster = new_booster({matrix.get()});
  set_options(booster.get(), options, mean);
  for (int round = 0; round < options.rounds; ++round) {
    check(XGBoosterUpdateOneIter(booster.get(), round, matrix.get()));
  }
  return BoostedTrees(std::move(booster));
}

BoostedTrees BoostedTrees::from_json(const std::string& text) {
  auto booster = new_booster({});
  check(XGBoosterLoadModelFromBuffer(booster.get(), text.data(), text.size()));
  return BoostedTrees(std::move(booster));
}

double BoostedTrees::predict(const std::vector<double>& row) const {
  const auto matrix = matrix_of({row});
  bst_ulong n = 0;
  const float* values = nullptr;
  check(XGBoosterPredict(booster_.get(), matrix.get(), 0, 0, 0, &n, &values));
  if (n != 1) throw Error("XGBoost: no prediction");
  return static_cast<double>(values[0]);
}

std::string BoostedTrees::to_json() const {
  bst_ulong length = 0;
  const char* text = nullptr;
  check(XGBoosterSaveModelToBuffer(booster_.get(), R"({"format": "json"})", &length, &text));
  return {text, length};
}

std::vector<std::pair<std::size_t, double>> BoostedTrees::gains() const {
  bst_ulong n = 0;
  bst_ulong dimensions = 0;
  const char** names = nullptr;
  const bst_ulong* shape = nullptr;
  const float* scores = nullptr;
  check(XGBoosterFeatureScore(booster_.get(), R"({"importance_type": "total_gain"})", &n, &names, &dimensions, &shape,
                              &scores));
  double total = 0;
  for (bst_ulong i = 0; i < n; ++i) total += static_cast<double>(scores[i]);
  std::vector<std::pair<std::size_t, double>> gains;
  for (bst_ulong i = 0; i < n && total > 0; ++i) {
    const std::size_t feature = std::stoul(std::string(names[i]).substr(1));  // "f3"
    gains.emplace_back(feature, static_cast<double>(scores[i]) / total);
  }
  return gains;
}

}  // namespace inferbench
