// SPDX-License-Identifier: Apache-2.0
#include "predict/nonnegative_least_squares.hpp"

#include <Eigen/Dense>
#include <stdexcept>

namespace inferbench {
namespace {

using Index = Eigen::Index;

/// The unconstrained solution over the columns that `passive` allows; zero elsewhere.
Eigen::VectorXd solve_passive(const Eigen::MatrixXd& a, const Eigen::VectorXd& b, const std::vector<bool>& passive) {
  std::vector<Index> columns;
  for (Index j = 0; j < a.cols(); ++j) {
    if (passive[static_cast<std::size_t>(j)]) columns.push_back(j);
  }
  Eigen::MatrixXd part(a.rows(), static_cast<Index>(columns.size()));
  for (std::size_t j = 0; j < columns.size(); ++j) part.col(static_cast<Index>(j)) = a.col(columns[j]);
  const Eigen::VectorXd solved = part.colPivHouseholderQr().solve(b);
  Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
  for (std::size_t j = 0; j < columns.size(); ++j) x(columns[j]) = solved(static_cast<Index>(j));
  return x;
}

// Moves from x towards z as far as all values stay positive, and removes those that reach zero from the passive set.
// True if z was reached.
bool step_towards(const Eigen::VectorXd& z, Eigen::VectorXd& x, std::vector<bool>& passive) {
  double share = 1;
  for (Index j = 0; j < x.size(); ++j) {
    if (passive[static_cast<std::size_t>(j)] && z(j) <= 0) share = std::min(share, x(j) / (x(j) - z(j)));
  }
  x += share * (z - x);
  if (share >= 1) return true;
  for (Index j = 0; j < x.size(); ++j) {
    if (passive[static_cast<std::size_t>(j)] && (x(j) <= 1e-15 || (z(j) <= 0 && x(j) <= 1e-12))) {
      passive[static_cast<std::size_t>(j)] = false;
      x(j) = 0;
    }
  }
  return false;
}

Eigen::VectorXd lawson_hanson(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  Eigen::VectorXd x = Eigen::VectorXd::Zero(a.cols());
  std::vector<bool> passive(static_cast<std::size_t>(a.cols()), false);
  const double tolerance = 1e-10 * (1 + (a.transpose() * b).cwiseAbs().maxCoeff());
  // Each round reduces the error; the limit only guards against rounding.
  for (Index round = 0; round < 10 * a.cols(); ++round) {
    const Eigen::VectorXd gradient = a.transpose() * (b - a * x);
    Index best = -1;
    for (Index j = 0; j < a.cols(); ++j) {
      if (passive[static_cast<std::size_t>(j)] || gradient(j) <= tolerance) continue;
      if (best < 0 || gradient(j) > gradient(best)) best = j;
    }
    if (best < 0) break;
    passive[static_cast<std::size_t>(best)] = true;
    for (Index inner = 0; inner <= a.cols(); ++inner) {
      const Eigen::VectorXd z = solve_passive(a, b, passive);
      if (inner == 0 && z(best) <= 0) {  // rounding: this column does not help
        passive[static_cast<std::size_t>(best)] = false;
        return x;
      }
      if (step_towards(z, x, passive)) break;
    }
  }
  return x;
}

}  // namespace

std::vector<double> nonnegative_least_squares(const std::vector<std::vector<double>>& rows,
                                              const std::vector<double>& b) {
  if (rows.empty() || rows.size() != b.size()) throw std::invalid_argument("nonnegative_least_squares: shapes");
  const auto columns = static_cast<Index>(rows.front().size());
  Eigen::MatrixXd a(static_cast<Index>(rows.size()), columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != rows.front().size()) throw std::invalid_argument("nonnegative_least_squares: shapes");
    a.row(static_cast<Index>(i)) = Eigen::Map<const Eigen::RowVectorXd>(rows[i].data(), columns);
  }
  // Scale the columns to length 1, so that one tolerance works for milliseconds and for bytes.
  Eigen::VectorXd scale = a.colwise().norm();
  for (Index j = 0; j < columns; ++j) {
    if (scale(j) > 0) a.col(j) /= scale(j);
  }
  const Eigen::VectorXd x = lawson_hanson(a, Eigen::Map<const Eigen::VectorXd>(b.data(), a.rows()));
  std::vector<double> result(rows.front().size(), 0.0);
  for (Index j = 0; j < columns; ++j) {
    if (scale(j) > 0) result[static_cast<std::size_t>(j)] = std::max(0.0, x(j) / scale(j));
  }
  return result;
}

}  // namespace inferbench
