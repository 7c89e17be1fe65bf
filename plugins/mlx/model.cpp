// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <memory>
#include <string>
#include <string_view>

#include "loader.hpp"

namespace inferbench::mlx_backend {
namespace {

// The folder whose matrices a precision takes as they are; null for the others.
std::unique_ptr<QuantizedFolder> open_folder(const ib_model_params& params) {
  if (std::string_view(params.precision) != kOfTheFolder) return nullptr;
  return std::make_unique<QuantizedFolder>(params.folder == nullptr ? "" : params.folder);
}

}  // namespace

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      desc(numbers_of(*params.desc)),
      format(read_format(params.precision, OptionReader(params), the_context.is_gpu())) {
  check_model_params(params, kFeatures);
  check_codes(*params.desc);
  in_mlx([&] {
    context.use_stream();
    load(params);
  });
}

void Model::load(const ib_model_params& params) {
  rotary_tables = RotaryTables(*params.desc);
  activation = make_activation(desc, read_compile(OptionReader(params), context.is_gpu()));
  const std::unique_ptr<QuantizedFolder> folder = open_folder(params);
  if (folder != nullptr && format.is_of_folder) format.dtype = folder->scales_type();
  Loader({format, folder.get(), desc.post_norm != 0}, context.host, *params.desc).read_model(*this);
  position_embedding = as_type(position_embedding, format.dtype);
  final_norm.weight = as_type(final_norm.weight, format.dtype);
  final_norm.bias = as_type(final_norm.bias, format.dtype);
  std::uint64_t step_bytes = final_norm.bytes() + head.bytes();
  for (Layer& layer : layers) {
    layer.set_norm_type(format.dtype);
    step_bytes += layer.bytes();
  }
  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + bytes_of(position_embedding) + (desc.tied_head != 0 ? 0 : embedding.bytes());
  const auto row = static_cast<std::uint64_t>(desc.hidden_size) * format.dtype.size();
  info_.decode_weights_bytes = step_bytes + (position_embedding ? row : 0) + (desc.tied_head != 0 ? 0 : row);
  info_.device = context.device_name().c_str();
  info_.kernels = context.kernels().c_str();
}

}  // namespace inferbench::mlx_backend
