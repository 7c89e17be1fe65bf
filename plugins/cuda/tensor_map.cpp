// SPDX-License-Identifier: Apache-2.0
#include "tensor_map.hpp"

#include <cuda_runtime_api.h>

#include "inferbench/backend.hpp"

namespace inferbench::cuda_backend {

TensorMaps::TensorMaps() {
  constexpr const char* kName = "cuTensorMapEncodeTiled";
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
  constexpr unsigned kVersion = 12000;
  const cudaError_t status = cudaGetDriverEntryPointByVersion(kName, &function, kVersion, cudaEnableDefault, &found);
#else
  const cudaError_t status = cudaGetDriverEntryPoint(kName, &function, cudaEnableDefault, &found);
#endif
  if (status != cudaSuccess || found != cudaDriverEntryPointSuccess) {
    cudaGetLastError();
    return;
  }
  encode_ = reinterpret_cast<decltype(encode_)>(function);
}

CUtensorMap TensorMaps::make(Format format, const void* data, std::int64_t rows, std::int64_t inputs,
                             std::int64_t stride, std::int32_t box_rows) const {
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(inputs), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(stride * value_bytes(format))};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(kBoxInputs), static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[] = {1, 1};
  CUtensorMap map{};
  const CUresult status =
      encode_(&map, format == Format::kF16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2,
              const_cast<void*>(data), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
              CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) {
    throw Failure(IB_INTERNAL, "CUDA, describing a matrix: error " + std::to_string(static_cast<int>(status)));
  }
  return map;
}

}  // namespace inferbench::cuda_backend
