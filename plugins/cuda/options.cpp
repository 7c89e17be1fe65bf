// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "inferbench/backend.hpp"
#include "option_schema.hpp"

namespace inferbench::cuda_backend {

Options read_options(const ib_model_params& params) {
  const OptionReader reader(params);
  return {reader.boolean("step_kernel"), reader.boolean("fused_pass"), reader.boolean("cublaslt")};
}

}  // namespace inferbench::cuda_backend
