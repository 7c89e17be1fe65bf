// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>

#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// x [..., columns] normed by its root mean square, times weight [columns].
mx::array rms_norm(const mx::array& x, const mx::array& weight, double epsilon);

/// A layer norm, or an RMS norm where there is no bias.
struct Norm {
  MaybeArray weight;  ///< [columns]; none: this norm is not there
  MaybeArray bias;    ///< [columns] or none

  std::uint64_t bytes() const;
  /// x [rows, columns] -> [rows, columns]
  mx::array run(const mx::array& x, double epsilon) const;
};

}  // namespace inferbench::mlx_backend
