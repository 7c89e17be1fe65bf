// SPDX-License-Identifier: Apache-2.0
#include "engine/model.hpp"

#include <string>
#include <string_view>

#include "engine/model_builder.hpp"

namespace inferbench::cpu_quant {
namespace {

WeightFormat format_of(std::string_view name) {
  if (name == "int8") return WeightFormat::Int8;
  if (name == "int4") return WeightFormat::Int4;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is neither int8 nor int4");
}

const KernelTable& kernels_for(Isa isa) {
  const KernelTable* table = select_kernels(isa);
  if (table == nullptr) {
    throw Failure(IB_UNSUPPORTED,
                  "this processor or operating system lacks what option isa asks for; isa: auto takes what it has");
  }
  return *table;
}

ib_model_params model_params_of(const ib_op_desc& op) {
  ib_model_params params{};
  params.struct_size = sizeof params;
  params.precision = op.precision;
  params.options = op.options;
  params.n_options = op.n_options;
  return params;
}

}  // namespace

Model::Model(Context& owner, const ib_model_params& params)
    : context(owner),
      shape_(*params.desc),
      shape(shape_.desc()),
      options(read_options(params)),
      kernels(kernels_for(options.isa)) {
  ModelBuilder(*this, TensorMap(*params.desc), format_of(params.precision)).build();
  // A step reads all but the rows of the position table, and of an embedding that is not the head, of other positions
  // and tokens.
  std::uint64_t decode_bytes = buffer_.size();
  if (positions != nullptr) {
    decode_bytes -= static_cast<std::uint64_t>(shape.max_positions - 1) *
                    static_cast<std::uint64_t>(shape.hidden_size) * sizeof(float);
  }
  if (shape.tied_head == 0) decode_bytes -= static_cast<std::uint64_t>(embedding.bytes());
  describe(buffer_.size(), decode_bytes);
}

Model::Model(Context& owner, const ib_op_desc& op)
    : context(owner),
      shape_(op),
      shape(shape_.desc()),
      options(read_options(model_params_of(op))),
      kernels(kernels_for(options.isa)) {
  const std::uint64_t bytes = ModelBuilder(*this, TensorMap(*op.desc), format_of(op.precision)).build_operator(op);
  describe(bytes, bytes);
}

void Model::describe(std::uint64_t weights_bytes, std::uint64_t decode_weights_bytes) {
  info_.struct_size = sizeof info_;
  info_.weights_bytes = weights_bytes;
  info_.decode_weights_bytes = decode_weights_bytes;
  info_.device = "cpu";
  info_.kernels = kernels.name;
}

}  // namespace inferbench::cpu_quant
