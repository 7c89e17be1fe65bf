// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/csrc/api/include/torch/version.h>

namespace inferbench::torch_backend {

const char* const kKernels = "libtorch " TORCH_VERSION ", oneDNN";

Context::Context(const ib_init_params& params) : host(params.host), n_threads_(params.n_threads) {
  if (!at::Context::hasMKLDNN()) {
    throw Failure(IB_UNSUPPORTED, "this libtorch was built without oneDNN, which all products go to");
  }
  use_threads();
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
