// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace inferbench::onednn {

/// Weights of a norm; those of an RMS norm have no bias.
struct Norm {
  std::vector<float> weight;  ///< [columns]
  std::vector<float> bias;    ///< [columns]; empty: none

  std::uint64_t bytes() const { return (weight.size() + bias.size()) * sizeof(float); }
};

/// Throws Failure(IB_UNSUPPORTED) unless it is one of IB_NORM_*.
void check_norm(std::int32_t kind);

/// A model's norms of rows: oneDNN's primitives for layer norm, kept by number of rows. oneDNN 2.6 has no RMS norm, so
/// that one is a plain loop on the same threads.
class Norms {
 public:
  /// `kind`: see check_norm.
  Norms(const dnnl::engine& engine, std::int32_t kind, std::int64_t columns, float epsilon);

  /// to [rows, columns] = norm(from), both dense.
  void run(dnnl::stream& stream, const Norm& norm, const float* from, std::int64_t rows, float* to);

  /// RMS norm of each row's first `n_heads` heads, all with the same `weight` [head_dim]. Rows are `stride` floats
  /// apart; `from` and `to` may be the same.
  void run_heads(const std::vector<float>& weight, const float* from, std::int64_t rows, std::int64_t n_heads,
                 std::int64_t stride, float* to) const;

 private:
  void run_layer_norm(dnnl::stream& stream, const Norm& norm, const float* from, std::int64_t rows, float* to);

  dnnl::engine engine_;
  std::int32_t kind_;
  std::int64_t columns_;
  float epsilon_;
  std::map<std::int64_t, dnnl::layer_normalization_forward> layer_norms_;
};

}  // namespace inferbench::onednn
