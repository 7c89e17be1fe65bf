// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>
#include <initializer_list>

#include "cuda_call.hpp"
#include "weight_upload.hpp"

namespace inferbench::cuda_backend {
namespace {

/// Reads tensor after tensor; after each it reports progress and asks the host whether to go on.
class Loader {
 public:
  Loader(Context& context, const ib_model_desc& desc, const ModelData& data)
      : context_(context), desc_(desc), data_(data), tensors_(desc), upload_(context.stream) {}

  void embedding(const char* name, std::int64_t rows, void* to) {
    upload_.rows(tensors_.get(name, {rows, desc_.hidden_size}), data_.values, to, data_.embedding_stride);
    report();
  }

  void norm(const std::string& name, const NormWeights& to) {
    if (to.weight == nullptr) return;
    vector(name + ".weight", desc_.hidden_size, to.weight);
    if (to.bias != nullptr) vector(name + ".bias", desc_.hidden_size, to.bias);
  }

  void vector(const std::string& name, std::int64_t n, float* to, RowPlace place = {}) {
    upload_.vector(tensors_.get(name, {n}), to, place);
    report();
  }

  /// A tensor that becomes rows of a matrix.
  struct Part {
    std::string name;
    std::int64_t outputs;
    RowPlace place;
  };
  void matrix(std::initializer_list<Part> parts, const MatrixShape& shape, const Matrix& to) {
    const bool quantized = is_quantized(shape.format);
    void* rows = quantized ? upload_.begin_quantized(shape) : to.data;
    for (const Part& part : parts) {
      upload_.rows(tensors_.get(part.name + ".weight", {part.outputs, shape.inputs}),
                   quantized ? Format::kF32 : shape.format, rows, shape.padded_inputs, part.place);
      report();
      if (to.bias != nullptr) vector(part.name + ".bias", part.outputs, to.bias, part.place);
    }
    if (quantized) upload_.end_quantized(shape, to.data);
  }
  void fold(const Matrix& matrix, const MatrixShape& shape, const NormWeights& norm) {
    upload_.fold(matrix, shape, norm);
  }

  void layer(std::int32_t index, const LayerWeights& to) {
    const auto name = [index](const char* of) { return decoder::layer_tensor_name(index, of); };
    const Products& products = data_.products;
    const std::int32_t query = data_.shape.query_size();
    const std::int32_t kv = data_.shape.kv_size();
    const std::int64_t mlp = desc_.intermediate_size;
    norm(name("attn_norm"), to.attn_norm);
    matrix({{name("attn_q"), query, {0}}, {name("attn_k"), kv, {query}}, {name("attn_v"), kv, {query + kv}}},
           products.qkv, to.qkv);
    if (to.q_norm != nullptr) {
      vector(name("attn_q_norm.weight"), desc_.head_dim, to.q_norm);
      vector(name("attn_k_norm.weight"), desc_.head_dim, to.k_norm);
    }
    matrix({{name("attn_out"), desc_.hidden_size, {}}}, products.out, to.out);
    norm(name("attn_post_norm"), to.attn_post_norm);
    norm(name("mlp_norm"), to.mlp_norm);
    if (desc_.gated != 0) {
      matrix({{name("mlp_gate"), mlp, {0, 0}}, {name("mlp_up"), mlp, {0, 1}}}, products.up, to.up);
    } else {
      matrix({{name("mlp_up"), mlp, {}}}, products.up, to.up);
    }
    matrix({{name("mlp_down"), desc_.hidden_size, {}}}, products.down, to.down);
    norm(name("mlp_post_norm"), to.mlp_post_norm);
    fold(to.qkv, products.qkv, to.attn_norm);
    fold(to.up, products.up, to.mlp_norm);
  }

 private:
  void report() {
    // A tied head that is quantized is read a second time.
    const double fraction = static_cast<double>(++n_taken_) / static_cast<double>(desc_.n_tensors);
    context_.host.progress(std::min(fraction, 1.0));
    context_.host.throw_if_cancelled();
  }

  Context& context_;
  const ib_model_desc& desc_;
  const ModelData& data_;
  TensorMap tensors_;
  WeightUpload upload_;
  std::uint64_t n_taken_ = 0;
};

}  // namespace

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context), options(read_options(params)), max_positions(params.desc->max_positions) {
  check_model_params(params, kFeatures);
  context.use();
  const ib_model_desc& desc = *params.desc;
  const Format format = format_of(params.precision);
  Arena counting;
  lay_out(desc, format, counting);
  memory_ = DeviceBuffer(counting.used(), "the weights");
  Arena arena(memory_.data());
  layout = lay_out(desc, format, arena);
  load(desc);
  const std::int32_t pairs = desc.head_dim / 2 * desc.n_rotary_tables;
  rotary_frequencies.assign(desc.rotary_frequencies, desc.rotary_frequencies + pairs);
  rotary_scales.assign(desc.rotary_scales, desc.rotary_scales + desc.n_rotary_tables);

  kernels_ = context.has_bulk_copies ? "sm_90" : "sm_80";
  if (format != Format::kF32 && options.blas && context.blas.open()) kernels_ += ", cuBLASLt";
  info_.struct_size = sizeof info_;
  info_.weights_bytes = memory_.bytes();
  info_.decode_weights_bytes = step_bytes(desc, data());
  info_.device = context.device.c_str();
  info_.kernels = kernels_.c_str();
}

void Model::load(const ib_model_desc& desc) {
  const ModelData& model = data();
  Loader loader(context, desc, model);
  loader.embedding("token_embedding.weight", desc.vocab_size, model.token_embedding);
  if (desc.learned_positions != 0) {
    loader.embedding("position_embedding.weight", desc.max_positions, model.position_embedding);
  }
  for (std::int32_t i = 0; i < desc.n_layers; ++i) loader.layer(i, layout.layers[static_cast<std::size_t>(i)]);
  loader.norm("final_norm", model.final_norm);
  if (model.head.data != model.token_embedding) {
    const char* name = desc.tied_head != 0 ? "token_embedding" : "head";
    loader.matrix({{name, desc.vocab_size, {}}}, model.products.head, model.head);
  }
  loader.fold(model.head, model.products.head, model.final_norm);
  const std::uint64_t bytes = layout.layers.size() * sizeof(LayerWeights);
  check(cudaMemcpyAsync(model.layers, layout.layers.data(), bytes, cudaMemcpyHostToDevice, context.stream),
        "copying the layers' table");
  check(cudaStreamSynchronize(context.stream), "loading the model");
}

}  // namespace inferbench::cuda_backend
