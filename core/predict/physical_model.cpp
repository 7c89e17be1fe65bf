// SPDX-License-Identifier: Apache-2.0
#include "predict/physical_model.hpp"

#include <cmath>
#include <numeric>

#include "predict/nonnegative_least_squares.hpp"
#include "predict/physical_terms.hpp"

namespace inferbench {

double PhysicalModel::predict(const Setting& setting, const Workload& workload) const {
  const auto found = coefficients.find(setting.contender);
  if (found == coefficients.end()) return 0;
  const std::vector<double> terms = physical_terms(target, setting, workload);
  return std::inner_product(terms.begin(), terms.end(), found->second.begin(), 0.0);
}

namespace {

// Weight of the priors, in relative squared error. They have little effect if the data can separate two terms, and
// decide if the data cannot, such as "layers" and "weights" when only one model size was measured.
constexpr double kPriorWeight = 1e-3;

// Relative errors up to this are squared; larger ones count linearly (Huber 1964). A disturbed configuration then has
// limited influence on the fit.
constexpr double kHuber = 0.1;
constexpr int kReweightings = 10;

struct System {
  std::vector<std::vector<double>> rows;
  std::vector<double> right;
  const Sample* any = nullptr;
};

// Adds one row per coefficient that pulls it to its prior, with kPriorWeight as the share of the data's weight.
void add_priors(const std::string& target, System& system) {
  const std::vector<double> priors = physical_priors(target, system.any->setting);
  const std::size_t samples = system.rows.size();
  for (std::size_t j = 0; j < priors.size(); ++j) {
    double square = 0;
    for (std::size_t i = 0; i < samples; ++i) square += system.rows[i][j] * system.rows[i][j];
    const double weight = std::sqrt(kPriorWeight * square);
    std::vector<double> row(priors.size(), 0.0);
    row[j] = weight;
    system.rows.push_back(std::move(row));
    system.right.push_back(weight * priors[j]);
  }
}

// Huber's estimate by iteratively reweighted least squares. The last rows are the priors', which keep their weight.
std::vector<double> solve(const System& system, std::size_t samples) {
  std::vector<double> coefficients = nonnegative_least_squares(system.rows, system.right);
  for (int round = 0; round < kReweightings; ++round) {
    System weighted = system;
    for (std::size_t i = 0; i < samples; ++i) {
      const std::vector<double>& row = system.rows[i];
      const double sum = std::inner_product(row.begin(), row.end(), coefficients.begin(), 0.0);
      const double error = std::abs(system.right[i] - sum);
      const double weight = std::sqrt(error > kHuber ? kHuber / error : 1.0);
      for (double& term : weighted.rows[i]) term *= weight;
      weighted.right[i] *= weight;
    }
    coefficients = nonnegative_least_squares(weighted.rows, weighted.right);
  }
  return coefficients;
}

}  // namespace

PhysicalModel fit_physical_model(const std::string& target, std::span<const Sample* const> samples) {
  std::map<std::string, System> systems;
  for (const Sample* sample : samples) {
    const auto measured = sample->measured.find(target);
    if (measured == sample->measured.end()) continue;
    std::vector<double> row = physical_terms(target, sample->setting, sample->workload);
    for (double& term : row) term /= measured->second;
    System& system = systems[sample->setting.contender];
    system.rows.push_back(std::move(row));
    system.right.push_back(1);
    system.any = sample;
  }
  PhysicalModel model{target, {}};
  for (auto& [contender, system] : systems) {
    const std::size_t n = system.rows.size();
    add_priors(target, system);
    model.coefficients[contender] = solve(system, n);
  }
  return model;
}

}  // namespace inferbench
