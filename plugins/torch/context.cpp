// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <omp.h>

#include "torch_call.hpp"

namespace inferbench::torch_backend {

Context::Context(const ib_init_params& params) : host(params.host), n_threads_(params.n_threads) {
  if (!at::Context::hasMKLDNN()) {
    throw Failure(IB_UNSUPPORTED, "this libtorch was built without oneDNN, which all products go to");
  }
  // Even where OpenMP has this number already: QNNPACK's pool, not yet made, would else take all processors.
  in_torch([&] { at::set_num_threads(n_threads_); });
}

Context::~Context() {
  at::set_num_threads(1);  // QNNPACK's pool of one has no threads of its own
  omp_pause_resource_all(omp_pause_hard);
}

void Context::use_threads() const {
  omp_set_dynamic(0);
  // Only on a change: libtorch makes QNNPACK's pool anew each time. Its third pool, between operators, is never
  // started.
  if (at::get_num_threads() != n_threads_) at::set_num_threads(n_threads_);
}

}  // namespace inferbench::torch_backend
