// SPDX-License-Identifier: Apache-2.0
#include "blas_lt.hpp"

#include <dlfcn.h>

#include <map>
#include <string>
#include <tuple>

#include "cuda_call.hpp"
#include "device_memory.hpp"

// Only the types of cuBLASLt's header are used: the library is not linked, so that this one loads without it.
#if __has_include(<cublasLt.h>)
#include <cublasLt.h>

namespace inferbench::cuda_backend {
namespace {

constexpr std::uint64_t kWorkspace = std::uint64_t{32} << 20U;

void* open_library() {
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) {
    if (std::string(name).ends_with("." + std::to_string(CUBLAS_VER_MAJOR))) {
      if (void* handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
    }
  }
  return nullptr;
}

cudaDataType_t type_of(Format format) {
  return format == Format::kF32 ? CUDA_R_32F : format == Format::kF16 ? CUDA_R_16F : CUDA_R_16BF;
}

}  // namespace

// clang-format off
#define IB_CUBLASLT_FUNCTIONS(X)        \
  X(cublasLtCreate)                     \
  X(cublasLtDestroy)                    \
  X(cublasLtMatmulDescCreate)           \
  X(cublasLtMatmulDescDestroy)          \
  X(cublasLtMatmulDescSetAttribute)     \
  X(cublasLtMatrixLayoutCreate)         \
  X(cublasLtMatrixLayoutDestroy)        \
  X(cublasLtMatmulPreferenceCreate)     \
  X(cublasLtMatmulPreferenceDestroy)    \
  X(cublasLtMatmulPreferenceSetAttribute) \
  X(cublasLtMatmulAlgoGetHeuristic)     \
  X(cublasLtMatmul)
// clang-format on

struct BlasLt::Library {
#define IB_DECLARE(name) decltype(&::name) name = nullptr;  // NOLINT(bugprone-macro-parentheses): a declared name
  IB_CUBLASLT_FUNCTIONS(IB_DECLARE)
#undef IB_DECLARE

  using Key = std::tuple<std::int32_t, std::int32_t, std::int32_t, std::int64_t, std::int64_t, std::int64_t, Format,
                         Format, bool, bool>;
  struct Plan {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t w = nullptr;
    cublasLtMatrixLayout_t x = nullptr;
    cublasLtMatrixLayout_t y = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
    bool is_usable = false;
  };

  bool load(void* from) {
    bool whole = true;
#define IB_LOAD(name)                                               \
  (name) = reinterpret_cast<decltype(&::name)>(dlsym(from, #name)); \
  whole = whole && (name) != nullptr;
    IB_CUBLASLT_FUNCTIONS(IB_LOAD)
#undef IB_LOAD
    return whole && cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS;
  }
  ~Library() {
    for (auto& [key, plan] : plans) free_plan(plan);
    if (handle != nullptr) cublasLtDestroy(handle);
  }

  void free_plan(Plan& plan) const {
    if (plan.y != nullptr) cublasLtMatrixLayoutDestroy(plan.y);
    if (plan.x != nullptr) cublasLtMatrixLayoutDestroy(plan.x);
    if (plan.w != nullptr) cublasLtMatrixLayoutDestroy(plan.w);
    if (plan.operation != nullptr) cublasLtMatmulDescDestroy(plan.operation);
  }

  /// The library's matrices are column by column: y's transpose = w * x's transpose, w transposed as it lies in memory.
  bool fill(const Product& p, Plan& plan) const {
    const auto ok = [](cublasStatus_t status) { return status == CUBLAS_STATUS_SUCCESS; };
    const cublasOperation_t transposed = CUBLAS_OP_T;
    const cudaDataType_t type = type_of(p.values);
    const auto outputs = static_cast<std::uint64_t>(p.outputs);
    const auto inputs = static_cast<std::uint64_t>(p.inputs);
    if (!ok(cublasLtMatmulDescCreate(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F)) ||
        !ok(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                           sizeof transposed)) ||
        !ok(cublasLtMatrixLayoutCreate(&plan.w, type, inputs, outputs, p.w_stride)) ||
        !ok(cublasLtMatrixLayoutCreate(&plan.x, type, inputs, static_cast<std::uint64_t>(p.rows), p.x_stride)) ||
        !ok(cublasLtMatrixLayoutCreate(&plan.y, type_of(p.y_format), outputs, static_cast<std::uint64_t>(p.rows),
                                       p.y_stride))) {
      return false;
    }
    if (p.bias != nullptr) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
      const cudaDataType_t bias_type = CUDA_R_32F;
      if (!ok(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                             sizeof epilogue)) ||
          !ok(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &bias_type,
                                             sizeof bias_type)) ||
          !ok(cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias,
                                             sizeof p.bias))) {
        return false;
      }
    }
    cublasLtMatmulPreference_t preference = nullptr;
    if (!ok(cublasLtMatmulPreferenceCreate(&preference))) return false;
    cublasLtMatmulHeuristicResult_t found{};
    int n = 0;
    const bool has_one = ok(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                                 &kWorkspace, sizeof kWorkspace)) &&
                         ok(cublasLtMatmulAlgoGetHeuristic(handle, plan.operation, plan.w, plan.x, plan.y, plan.y,
                                                           preference, 1, &found, &n)) &&
                         n == 1 && found.state == CUBLAS_STATUS_SUCCESS;
    cublasLtMatmulPreferenceDestroy(preference);
    plan.algorithm = found.algo;
    return has_one;
  }

  cublasLtHandle_t handle = nullptr;
  DeviceBuffer workspace;
  std::map<Key, Plan> plans;
};

BlasLt::BlasLt() = default;
BlasLt::~BlasLt() = default;

bool BlasLt::open() {
  if (tried_) return is_open();
  tried_ = true;
  void* opened = open_library();  // never closed: libraries of CUDA do not bear it
  if (opened == nullptr) return false;
  library_ = std::make_unique<Library>();
  if (!library_->load(opened)) library_.reset();
  if (library_ != nullptr) library_->workspace = DeviceBuffer(kWorkspace, "cuBLASLt's workspace");
  return is_open();
}

void BlasLt::close() {
  library_.reset();
}

bool BlasLt::run(const Product& p, cudaStream_t stream) {
  if (!is_open()) return false;
  const Library::Key key{p.rows,     p.outputs,  p.inputs, p.x_stride,   p.w_stride,
                         p.y_stride, p.y_format, p.values, p.accumulate, p.bias != nullptr};
  const auto [entry, is_new] = library_->plans.try_emplace(key);
  Library::Plan& plan = entry->second;
  if (is_new) plan.is_usable = library_->fill(p, plan);
  if (!plan.is_usable) return false;
  if (p.bias != nullptr) {
    library_->cublasLtMatmulDescSetAttribute(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias);
  }
  const float alpha = 1;
  const float beta = p.accumulate ? 1 : 0;
  const cublasStatus_t status =
      library_->cublasLtMatmul(library_->handle, plan.operation, &alpha, p.w, plan.w, p.x, plan.x, &beta, p.y, plan.y,
                               p.y, plan.y, &plan.algorithm, library_->workspace.data(), kWorkspace, stream);
  if (status == CUBLAS_STATUS_SUCCESS) return true;
  throw Failure(IB_INTERNAL, "cuBLASLt: status " + std::to_string(static_cast<int>(status)));
}

}  // namespace inferbench::cuda_backend

#else

namespace inferbench::cuda_backend {

struct BlasLt::Library {};
BlasLt::BlasLt() = default;
BlasLt::~BlasLt() = default;
bool BlasLt::open() {
  return false;
}
void BlasLt::close() {}
bool BlasLt::run(const Product&, cudaStream_t) {
  return false;
}

}  // namespace inferbench::cuda_backend

#endif
