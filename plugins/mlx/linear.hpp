// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "mlx_call.hpp"
#include "options.hpp"

namespace inferbench::mlx_backend {

/// A matrix [outputs, inputs], dense or quantized. Evaluated.
struct Matrix {
  MaybeArray weight;  ///< [outputs, inputs], or [outputs, inputs * bits / 32] packed into uint32
  MaybeArray scales;  ///< [outputs, inputs / group_size]; none: dense
  MaybeArray biases;  ///< as scales: what is added to the scaled numbers of a group
  int bits = 0;
  int group_size = 0;

  std::uint64_t bytes() const;
  /// x [rows, inputs] -> [rows, outputs]
  mx::array product(const mx::array& x) const;
};

/// `weight` [outputs, inputs] of any type in a format. A matrix whose rows are not made of groups stays dense, as MLX's
/// own converter leaves it.
Matrix pack_matrix(const mx::array& weight, const Format& format);

/// A linear layer, or an embedding table: matrices with the same inputs, whose outputs follow each other, and a bias.
struct Linear {
  std::vector<Matrix> matrices;  ///< several only where they are quantized differently
  MaybeArray bias;               ///< [outputs] or none

  std::uint64_t bytes() const;
  /// x [rows, inputs] -> [rows, outputs]
  mx::array run(const mx::array& x) const;
  /// The rows `ids` [n] of an embedding table in `dtype`: [n, inputs].
  mx::array rows(const mx::array& ids, mx::Dtype dtype) const;
};

/// The matrices as a linear layer, those of one format joined into one. `bias` [outputs] becomes `dtype`.
Linear join_linear(std::vector<Matrix> matrices, const MaybeArray& bias, mx::Dtype dtype);

}  // namespace inferbench::mlx_backend
