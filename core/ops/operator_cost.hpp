// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "measure/machine_limits.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

/// Arithmetic operations per run; a multiply-add counts as two.
struct OperatorFlops {
  double products = 0;  ///< products with weights: computed in the precision's own format
  double other = 0;     ///< attention, norms, softmax, activation, rotation: computed in floating point

  double all() const { return products + other; }
};

/// Products: 2 rows inputs outputs each. Attention: 4 n_heads head_dim for each pair of a query and a key that it sees.
/// Per value: layer norm 8, RMS norm 4, softmax 5, GELU 9, SiLU 4, ReLU 1, a gate 1, rotation 3, a soft cap 3. An
/// exponential, a hyperbolic tangent or an error function counts as one.
OperatorFlops operator_flops(const OperatorSpec& spec);

/// The least time that one run can take on this machine.
struct OperatorLimit {
  double seconds = 0;       ///< the larger of the next two; 0 if no limit is known
  double memory_s = 0;      ///< weights, keys and values, over the read bandwidth for a buffer with all copies
  double arithmetic_s = 0;  ///< products over the peak of the precision, everything else over the fp32 peak
  bool by_memory() const { return memory_s > arithmetic_s; }
};

/// `bytes`: weights, keys and values that one run reads. `limits`: of a buffer with all copies, which runs use in turn.
OperatorLimit operator_limit(const OperatorSpec& spec, std::uint64_t bytes, const WorkLimits& limits);

}  // namespace inferbench
