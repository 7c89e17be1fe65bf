// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <vector>

#include "linear.hpp"

namespace inferbench::onednn {

/// What happens to a product before it is stored.
enum class Then { kStore, kAddTo, kGeluTanh, kGeluErf, kRelu };

/// y = x * weight + bias, then `Then`, for any number of rows. oneDNN's primitives are made for a shape: they are kept,
/// by layer shape and number of rows.
class Products {
 public:
  /// `max_rows`: of any product; `max_inputs`, `max_outputs`: of any layer (work space for int8).
  Products(const dnnl::engine& engine, Precision precision, std::int64_t max_rows, std::int64_t max_inputs,
           std::int64_t max_outputs);

  /// x [rows, inputs], y [rows, outputs], both dense.
  void run(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then);

  /// y [rows, columns] = the activation that `then` is, of x; y may be x.
  void activate(dnnl::stream& stream, std::int64_t rows, std::int64_t columns, const float* x, float* y, Then then);

  std::uint64_t scratch_bytes() const;

 private:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, Then, bool>;

  const dnnl::matmul& matmul(const Linear& linear, std::int64_t rows, Then then);
  void run_int8(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then);
  void quantize_rows(const float* x, std::int64_t rows, std::int64_t inputs);

  dnnl::engine engine_;
  Precision precision_;
  std::map<Key, dnnl::matmul> matmuls_;
  std::map<Key, dnnl::eltwise_forward> activations_;
  std::int32_t zero_point_;          // of codes_
  std::vector<std::uint8_t> codes_;  // [rows, inputs]: x in steps of its row's scale, plus the zero point
  std::vector<float> row_scales_;    // [rows]
  std::vector<std::int32_t> sums_;   // [rows, outputs]
};

}  // namespace inferbench::onednn
