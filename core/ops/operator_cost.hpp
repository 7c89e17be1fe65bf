// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "measure/machine_limits.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

/// Arithmetic operations of one run; a multiply-add is two.
struct OperatorFlops {
  double products = 0;  ///< with weights: done in the precision's own numbers
  double other = 0;     ///< attention, layer norm, softmax, activation: done in floating point

  double all() const { return products + other; }
};

/// Products: 2 rows inputs outputs each. Attention: 4 width for each pair of a query with a key that it sees. Layer
/// norm 8, softmax 5, GELU 9, ReLU 1 for each value; an exponential, a hyperbolic tangent or an error function counts
/// as one.
OperatorFlops operator_flops(const OperatorSpec& spec);

/// The least time that a run can take on this machine.
struct OperatorLimit {
  double seconds = 0;       ///< the larger of the next two; 0 where no limit is known
  double memory_s = 0;      ///< weights, keys and values over the read bandwidth of a buffer of all their copies
  double arithmetic_s = 0;  ///< products over the peak of the precision, all else over that of fp32
  bool by_memory() const { return memory_s > arithmetic_s; }
};

/// `integer_products`: those of integer weights, held against the 8-bit peak (see multiplies_integers). `bytes`: weights,
/// keys and values that one run reads; `all_bytes`: of all copies, which runs go through in turn.
OperatorLimit operator_limit(const OperatorSpec& spec, bool integer_products, std::uint64_t bytes,
                             std::uint64_t all_bytes, const ThreadLimits& limits);

}  // namespace inferbench
