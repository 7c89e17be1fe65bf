// SPDX-License-Identifier: Apache-2.0
#include "analyze/variance_shares.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>

#include "analyze/axes.hpp"

namespace inferbench {
namespace {

struct Cell {
  const MeasuredConfiguration* configuration;
  double n = 0;
  double mean = 0;  // of the logarithms
};

struct Cells {
  std::vector<Cell> list;
  double n = 0;
  double mean = 0;
  double within = 0;   // sum of squares around the cells' means
  double between = 0;  // of the cells' means around the grand mean
};

Cells cells_of(const MetricColumn& column) {
  Cells cells;
  for (std::size_t i = 0; i < column.configurations.size(); ++i) {
    std::vector<double> logs;
    for (const std::optional<double>& value : column.values[i]) {
      if (value && *value > 0) logs.push_back(std::log(*value));
    }
    if (logs.empty()) continue;
    Cell cell{&column.configurations[i], static_cast<double>(logs.size()), 0};
    for (const double value : logs) cell.mean += value / cell.n;
    for (const double value : logs) cells.within += (value - cell.mean) * (value - cell.mean);
    cells.n += cell.n;
    cells.mean += cell.mean * cell.n;
    cells.list.push_back(cell);
  }
  if (cells.n > 0) cells.mean /= cells.n;
  for (const Cell& cell : cells.list) cells.between += cell.n * (cell.mean - cells.mean) * (cell.mean - cells.mean);
  return cells;
}

struct Factor {
  std::string axis;
  std::vector<Eigen::Index> level;  // of each cell
  Eigen::Index levels = 0;
};

// A run is a factor only if runs repeat each other's configurations. Otherwise it is confounded with what they sweep.
bool runs_overlap(const Cells& cells) {
  std::map<std::string, std::size_t> seen;
  for (const Cell& cell : cells.list) {
    std::string key;
    for (const std::string& axis : analysis_axes()) {
      if (axis != "run") key += axis_value(*cell.configuration, axis) + '\n';
    }
    if (!seen.emplace(key, cell.configuration->run).second) return true;
  }
  return false;
}

std::vector<Factor> factors_of(const Cells& cells) {
  std::vector<Factor> factors;
  for (const std::string& axis : analysis_axes()) {
    if (axis == "run" && !runs_overlap(cells)) continue;
    std::map<std::string, Eigen::Index> levels;
    Factor factor{axis, {}, 0};
    for (const Cell& cell : cells.list) {
      const auto next = static_cast<Eigen::Index>(levels.size());
      factor.level.push_back(levels.emplace(axis_value(*cell.configuration, axis), next).first->second);
    }
    factor.levels = static_cast<Eigen::Index>(levels.size());
    if (factor.levels > 1) factors.push_back(std::move(factor));
  }
  return factors;
}

// Sum of squares explained by the main effects of the factors in `subset` (one bit each), cells weighted by their
// trials. Solved by the normal equations: a 0/1 design is well conditioned, and there are far fewer levels than cells.
double explained(const Cells& cells, const std::vector<Factor>& factors, std::uint32_t subset) {
  std::vector<const Factor*> chosen;
  Eigen::Index columns = 1;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if ((subset >> i & 1U) == 0) continue;
    chosen.push_back(&factors[i]);
    columns += factors[i].levels - 1;
  }
  Eigen::MatrixXd products = Eigen::MatrixXd::Zero(columns, columns);
  Eigen::VectorXd response = Eigen::VectorXd::Zero(columns);
  for (std::size_t row = 0; row < cells.list.size(); ++row) {
    std::vector<Eigen::Index> ones{0};
    Eigen::Index column = 1;
    for (const Factor* factor : chosen) {
      if (factor->level[row] > 0) ones.push_back(column + factor->level[row] - 1);
      column += factor->levels - 1;
    }
    const Cell& cell = cells.list[row];
    for (const Eigen::Index i : ones) {
      response(i) += cell.n * (cell.mean - cells.mean);
      for (const Eigen::Index j : ones) products(i, j) += cell.n;
    }
  }
  // Rank-revealing, because axes may be confounded in an incomplete sweep.
  return std::max(0.0, response.dot(products.colPivHouseholderQr().solve(response)));
}

double factorial(int n) {
  return std::tgamma(n + 1.0);
}

}  // namespace

std::optional<VarianceShares> variance_shares(const MetricColumn& column) {
  const Cells cells = cells_of(column);
  const double total = cells.within + cells.between;
  // Below this, differences are rounding errors, for example of a metric that is the same everywhere.
  if (cells.list.size() < 3 || total <= 1e-18 * cells.n) return std::nullopt;
  const std::vector<Factor> factors = factors_of(cells);
  const auto k = static_cast<int>(factors.size());
  std::vector<double> r2(std::size_t{1} << factors.size());
  for (std::uint32_t subset = 0; subset < r2.size(); ++subset) r2[subset] = explained(cells, factors, subset) / total;

  VarianceShares shares;
  shares.trials = static_cast<std::size_t>(cells.n);
  shares.configurations = cells.list.size();
  shares.log_sd = std::sqrt(total / std::max(1.0, cells.n - 1));
  for (std::size_t i = 0; i < factors.size(); ++i) {
    double share = 0;
    for (std::uint32_t subset = 0; subset < r2.size(); ++subset) {
      if ((subset >> i & 1U) != 0) continue;
      const int size = std::popcount(subset);
      const double weight = factorial(size) * factorial(k - size - 1) / factorial(k);
      share += weight * (r2[subset | 1U << i] - r2[subset]);
    }
    shares.axes.push_back({factors[i].axis, share, static_cast<std::size_t>(factors[i].levels)});
  }
  shares.repeats = cells.within / total;
  shares.interactions = std::max(0.0, cells.between / total - r2.back());
  return shares;
}

}  // namespace inferbench
