// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <omp.h>

#include "device.hpp"
#include "torch_call.hpp"
#include "torch_version.hpp"

namespace inferbench::torch_backend {
namespace {

const char* kernels_of(c10::Device device) {
  if (device.is_cpu()) return "libtorch " TORCH_VERSION ", oneDNN";
  return kHasFusedAttention ? "libtorch " TORCH_VERSION ", cuBLAS, fused attention"
                            : "libtorch " TORCH_VERSION ", cuBLAS";
}

}  // namespace

Context::Context(const ib_init_params& params)
    : host(params.host),
      device_id(params.device),
      device(device_named(params.device)),
      kernels(kernels_of(device)),
      n_threads_(params.n_threads) {
  if (device.is_cpu() && !at::Context::hasMKLDNN()) {
    throw Failure(IB_UNSUPPORTED, "this libtorch was built without oneDNN, which all products go to");
  }
  use_threads();
  // The first operator finds out whether this libtorch has machine code for the device.
  if (!device.is_cpu()) in_torch(device, [&] { at::zeros({1}, at::TensorOptions(device)).add_(1); });
}

Context::~Context() {
  omp_pause_resource_all(omp_pause_hard);
}

void Context::use_threads() const {
  // The first operator that a thread runs would set OpenMP's number to libtorch's default; this brings that forward.
  at::get_num_threads();
  omp_set_dynamic(0);
  omp_set_num_threads(n_threads_);
}

}  // namespace inferbench::torch_backend
