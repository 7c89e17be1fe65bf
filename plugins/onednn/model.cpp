// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <string>
#include <string_view>

#include "loader.hpp"

namespace inferbench::onednn {

Precision precision_of(std::string_view name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "int8") return Precision::kInt8;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown; there are 'fp32' and 'int8'");
}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      precision(precision_of(params.precision)),
      desc(numbers_of(*params.desc)),
      rotary_tables(*params.desc) {
  check_model_params(params, kFeatures);
  check_codes(*params.desc);
  context.use_threads();
  load(*params.desc);
}

void Model::load(const ib_model_desc& from) {
  info_.struct_size = sizeof info_;
  info_.decode_weights_bytes = Loader({context, precision}, context.host, from).read_model(*this);
  info_.weights_bytes =
      info_.decode_weights_bytes + (token_embedding.size() + position_embedding.size()) * sizeof(float);
  info_.device = "cpu";
  info_.kernels = "oneDNN";
}

std::uint64_t Layer::bytes() const {
  return attn_norm.bytes() + attn_qkv.bytes() + (q_norm.size() + k_norm.size()) * sizeof(float) + attn_out.bytes() +
         mlp_norm.bytes() + mlp_gate.bytes() + mlp_up.bytes() + mlp_down.bytes();
}

}  // namespace inferbench::onednn
