// SPDX-License-Identifier: Apache-2.0
#include "cuda_call.hpp"

#include <string>

namespace inferbench::cuda_backend {
namespace {

ib_status status_of(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return IB_OUT_OF_MEMORY;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorDevicesUnavailable:
      return IB_UNSUPPORTED;
    // After one of these, every later call of the process fails as well.
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorECCUncorrectable:
    case cudaErrorAssert:
    case cudaErrorNvlinkUncorrectable:
      return IB_DEVICE_LOST;
    default:
      return IB_INTERNAL;
  }
}

}  // namespace

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that the next check does not report this error again
  throw Failure(status_of(status), std::string("CUDA, ") + what + ": " + cudaGetErrorString(status));
}

}  // namespace inferbench::cuda_backend
