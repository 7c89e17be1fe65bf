// SPDX-License-Identifier: Apache-2.0
#include "context.hpp"

#include <omp.h>

namespace inferbench::onednn {

Context::Context(const ib_init_params& params)
    : host(params.host), engine(dnnl::engine::kind::cpu, 0), stream(engine), n_threads_(params.n_threads) {
  use_threads();
}

Context::~Context() {
  omp_pause_resource_all(omp_pause_hard);
}

void Context::use_threads() const {
  omp_set_dynamic(0);
  omp_set_num_threads(n_threads_);
}

}  // namespace inferbench::onednn
