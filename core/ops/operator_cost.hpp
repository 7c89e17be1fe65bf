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

/// `integer_products`: products are compared with the 8-bit peak, not with the fp32 peak. `bytes`: weights, keys and
/// values that one run reads; `all_bytes`: of all copies, which runs use in turn.
OperatorLimit operator_limit(const OperatorSpec& spec, bool integer_products, std::uint64_t bytes,
                             std::uint64_t all_bytes, const ThreadLimits& limits);

}  // namespace inferbench
