// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "inferbench/backend.hpp"
#include "layer.hpp"
#include "thread_pool.hpp"

namespace inferbench::cpu_ref {

/// Moves tensors into place as fp32, in parallel, in stretches of some megabytes; between two stretches it reports
/// progress to the host and asks it whether to go on. Every function throws Failure, for what TensorMap finds wrong
/// and, with IB_CANCELLED, where the host says stop. The memory that is filled is zero before.
class Loader {
 public:
  Loader(const ib_tensor* tensors, std::uint64_t n_tensors, ThreadPool& pool, HostCalls host);

  /// A vector of n values.
  void vector(const std::string& name, std::int64_t n, float* to);

  /// A matrix, row-major and dense.
  void table(const std::string& name, std::int64_t rows, std::int64_t columns, float* to);

  /// A matrix [n_outputs, inputs], as outputs `first` to first + n_outputs - 1 of the panels.
  void pack(const std::string& name, const PackedMatrix& to, std::int64_t first, std::int64_t n_outputs);

  /// `name`.weight and, where there is room for one, `name`.bias.
  void norm(const std::string& name, std::int64_t size, const Norm& to);
  void linear(const std::string& name, const Linear& to, std::int64_t first, std::int64_t n_outputs);

 private:
  void advance(std::int64_t n_elements);

  TensorMap tensors_;
  ThreadPool& pool_;
  HostCalls host_;
  std::int64_t total_ = 0;  ///< elements of all tensors
  std::int64_t done_ = 0;
};

}  // namespace inferbench::cpu_ref
