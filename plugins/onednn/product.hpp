// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <tuple>
#include <vector>

#include "linear.hpp"

namespace inferbench::onednn {

/// What happens to a product before it is stored; kTimes multiplies it by another matrix, element by element.
enum class Then { kStore, kAddTo, kTimes, kGeluTanh, kGeluErf, kRelu, kSilu };

/// The activation of IB_ACTIVATION_*. Throws Failure(IB_UNSUPPORTED) for an unknown one.
Then activation_step(std::int32_t activation);

/// y = x * weight + bias, then `Then`, for any number of rows. oneDNN's primitives are made for a shape: they are kept,
/// by layer shape and number of rows.
class Products {
 public:
  /// Sizes the int8 work space: most rows, input values and output values of any product.
  Products(const dnnl::engine& engine, Precision precision, std::int64_t max_rows, std::int64_t max_input,
           std::int64_t max_output);

  /// x [rows, inputs], y [rows, outputs], both dense; `factor` [rows, outputs], not y, for kTimes.
  void run(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then,
           const float* factor = nullptr);

  /// y [rows, columns] = `then`, an activation, of x; y may be x.
  void activate(dnnl::stream& stream, std::int64_t rows, std::int64_t columns, const float* x, float* y, Then then);

  std::uint64_t scratch_bytes() const;

 private:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, Then, bool>;

  const dnnl::matmul& matmul(const Linear& linear, std::int64_t rows, Then then);
  void run_int8(dnnl::stream& stream, const Linear& linear, const float* x, std::int64_t rows, float* y, Then then,
                const float* factor);
  void quantize_rows(const float* x, std::int64_t rows, std::int64_t inputs);
  void scale_sums(const Linear& linear, std::int64_t rows, float* y, Then then, const float* factor) const;

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
