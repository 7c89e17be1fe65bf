// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>

#include "mlx_call.hpp"
#include "options.hpp"

namespace inferbench::mlx_backend {

/// A matrix [outputs, inputs], dense or quantized, and a bias: a linear layer, or an embedding table.
struct Linear {
  MaybeArray weight;  ///< [outputs, inputs], or [outputs, inputs * bits / 32] packed into uint32
  MaybeArray scales;  ///< [outputs, inputs / group_size]; none: dense
  MaybeArray biases;  ///< as scales: what is added to the scaled numbers of a group
  MaybeArray bias;    ///< [outputs] or none
  int bits = 0;
  int group_size = 0;

  std::uint64_t bytes() const;
  /// x [rows, inputs] -> [rows, outputs]
  mx::array run(const mx::array& x) const;
  /// The rows `ids` [n] of the matrix in `dtype`: [n, inputs].
  mx::array rows(const mx::array& ids, mx::Dtype dtype) const;
};

/// Packs a matrix `weight` [outputs, inputs] in fp32. A matrix whose rows are not made of groups stays dense, as MLX's
/// own converter leaves it. Evaluated.
Linear pack_linear(const mx::array& weight, const MaybeArray& bias, const Format& format);

}  // namespace inferbench::mlx_backend
