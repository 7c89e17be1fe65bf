// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>

#include "formats.hpp"

namespace inferbench::cuda_backend {

/// y [rows][outputs] = x [rows][inputs] * transpose(w [outputs][inputs]) + bias [outputs], all row by row.
struct Product {
  const void* x;
  const void* w;
  void* y;
  const float* bias;  ///< may be null
  std::int64_t x_stride;
  std::int64_t w_stride;
  std::int64_t y_stride;
  std::int32_t rows;
  std::int32_t outputs;
  std::int32_t inputs;
  Format values;    ///< of x and w
  Format y_format;  ///< kF32, or as `values`
  bool accumulate;  ///< adds to y, which is kF32
};

/// cuBLASLt, looked for at run time.
class BlasLt {
 public:
  BlasLt();
  ~BlasLt();
  BlasLt(const BlasLt&) = delete;
  BlasLt& operator=(const BlasLt&) = delete;

  /// Whether the library is there and ready. Looks for it once.
  bool open();
  bool is_open() const { return library_ != nullptr; }
  /// False: it cannot take this product, and nothing was done. Throws Failure.
  bool run(const Product& product, cudaStream_t stream);
  void close();

 private:
  struct Library;
  std::unique_ptr<Library> library_;
  bool tried_ = false;
};

}  // namespace inferbench::cuda_backend
