// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include "loader.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context), desc(numbers_of(*params.desc)) {
  check_model_params(params, kFeatures);
  check_codes(*params.desc);
  context.use_threads();
  in_torch([&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  const bool int8 = is_int8(params.precision);
  rotary_tables = RotaryTables(*params.desc);
  info_.struct_size = sizeof info_;
  info_.decode_weights_bytes = Loader({int8}, context.host, *params.desc).read_model(*this);
  const bool is_shared = desc.tied_head != 0 && !int8;
  info_.weights_bytes = info_.decode_weights_bytes + (position_embedding.defined() ? position_embedding.nbytes() : 0) +
                        (is_shared ? 0 : token_embedding.nbytes());
  info_.device = "cpu";
  info_.kernels = kKernels;
}

}  // namespace inferbench::torch_backend
