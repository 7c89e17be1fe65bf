// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "inferbench/backend.hpp"
#include "model.hpp"

namespace inferbench::cpu_ref {

/// Moves tensors into place, in parallel, in stretches of some megabytes; between two stretches it
/// reports progress to the host and asks it whether to go on. Every function throws Failure, for what TensorMap finds
/// wrong and, with IB_CANCELLED, where the host says stop.
class Loader {
 public:
  Loader(const ib_tensor* tensors, std::uint64_t n_tensors, ThreadPool& pool, HostCalls host);

  /// As fp32, in the tensor's own order.
  void copy(const std::string& name, std::initializer_list<std::int64_t> shape, float* to);

  /// As panels; the tensor is [inputs, outputs], or [outputs, inputs] where `transposed`.
  void pack(const std::string& name, const PackedMatrix& to, bool transposed);

 private:
  void advance(std::int64_t n_elements);

  TensorMap tensors_;
  ThreadPool& pool_;
  HostCalls host_;
  std::int64_t total_ = 0;  ///< elements of all tensors
  std::int64_t done_ = 0;
};

}  // namespace inferbench::cpu_ref
