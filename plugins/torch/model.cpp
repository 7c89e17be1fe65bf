// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include "loader.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      desc(numbers_of(*params.desc)),
      precision(precision_named(params.precision, the_context.device)) {
  check_model_params(params, kFeatures);
  check_codes(*params.desc);
  context.use_threads();
  in_torch(context.device, [&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  rotary_tables = RotaryTables(*params.desc, context.device);
  info_.struct_size = sizeof info_;
  info_.decode_weights_bytes = Loader({context.device, precision}, context.host, *params.desc).read_model(*this);
  const bool is_shared = desc.tied_head != 0 && !precision.int8;
  info_.weights_bytes = info_.decode_weights_bytes + (position_embedding.defined() ? position_embedding.nbytes() : 0) +
                        (is_shared ? 0 : token_embedding.nbytes());
  info_.device = context.device_id.c_str();
  info_.kernels = context.kernels;
}

}  // namespace inferbench::torch_backend
