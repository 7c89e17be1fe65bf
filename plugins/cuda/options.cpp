// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <string_view>

#include "inferbench/backend.hpp"
#include "option_schema.hpp"

namespace inferbench::cuda_backend {

Options read_options(const ib_model_params& params) {
  const OptionReader reader(params);
  const std::string_view kv = reader.text("kv");
  require(kv == "auto" || kv == "int8", "option 'kv' must be auto or int8");
  return {reader.boolean("step_kernel"), reader.boolean("fused_pass"), reader.boolean("cublaslt"), kv == "int8"};
}

}  // namespace inferbench::cuda_backend
