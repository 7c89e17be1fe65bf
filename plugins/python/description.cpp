// SPDX-License-Identifier: Apache-2.0
#include "description.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "host_module.hpp"

namespace inferbench::python {
namespace {

// "gelu_tanh", ...: the names of their features.
std::string_view activation_name(std::int32_t activation) {
  const std::uint64_t feature = decoder::activation_feature(activation);
  for (const decoder::FeatureName& known : decoder::kFeatureNames) {
    if (known.feature == feature) return known.name;
  }
  return "unknown";
}

Ref number_object(std::int64_t value) {
  return Ref::take(PyLong_FromLongLong(value));
}

Ref real_object(double value) {
  return Ref::take(PyFloat_FromDouble(value));
}

Ref bool_object(std::int32_t flag) {
  return Ref::take(PyBool_FromLong(flag));
}

void append(const Ref& list, const Ref& value) {
  check(PyList_Append(list.get(), value.get()));
}

Ref empty_list() {
  return Ref::take(PyList_New(0));
}

Ref layers_object(const ib_model_desc& desc) {
  Ref list = empty_list();
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    const ib_layer_desc& layer = desc.layers[i];
    const Ref fields = Ref::take(PyDict_New());
    set_item(fields, "window", number_object(layer.window));
    set_item(fields, "rotary_table", number_object(layer.rotary_table));
    set_item(fields, "attention_scale", real_object(layer.attention_scale));
    append(list, namespace_object(fields));
  }
  return list;
}

Ref reals_object(const double* values, std::int64_t n) {
  Ref list = empty_list();
  for (std::int64_t i = 0; i < n; ++i) append(list, real_object(values[i]));
  return list;
}

Ref frequencies_object(const ib_model_desc& desc) {
  Ref list = empty_list();
  const std::int64_t half = desc.head_dim / 2;
  for (std::int32_t table = 0; table < desc.n_rotary_tables; ++table) {
    append(list, reals_object(desc.rotary_frequencies + table * half, half));
  }
  return list;
}

Memory memory_of(const ib_tensor& tensor) {
  Memory memory{};
  memory.data = const_cast<void*>(tensor.data);  // buffers are not const, but may be read-only
  memory.item_bytes = static_cast<Py_ssize_t>(dtype_bytes(tensor.dtype));
  memory.dtype = tensor.dtype == IB_DTYPE_F32 ? "f32" : tensor.dtype == IB_DTYPE_F16 ? "f16" : "bf16";
  memory.format = tensor.dtype == IB_DTYPE_F32 ? "f" : tensor.dtype == IB_DTYPE_F16 ? "e" : "H";
  memory.rank = tensor.rank;
  for (int i = 0; i < tensor.rank; ++i) {
    memory.shape[i] = tensor.shape[i];
    memory.strides[i] = tensor.strides[i] * memory.item_bytes;
  }
  return memory;
}

}  // namespace

void set_item(const Ref& dictionary, const char* key, const Ref& value) {
  check(PyDict_SetItemString(dictionary.get(), key, value.get()));
}

Ref text_object(const char* text) {
  return Ref::take(PyUnicode_FromString(text));
}

Ref namespace_object(const Ref& attributes) {
  const Ref types = Ref::take(PyImport_ImportModule("types"));
  const Ref type = Ref::take(PyObject_GetAttrString(types.get(), "SimpleNamespace"));
  const Ref none = Ref::take(PyTuple_New(0));
  return Ref::take(PyObject_Call(type.get(), none.get(), attributes.get()));
}

Ref description_object(const ib_model_desc& desc) {
  struct Number {
    const char* name;
    std::int64_t value;
  };
  struct Real {
    const char* name;
    double value;
  };
  const Ref fields = Ref::take(PyDict_New());
  for (const Number& field :
       {Number{"n_layers", desc.n_layers}, Number{"n_heads", desc.n_heads}, Number{"n_kv_heads", desc.n_kv_heads},
        Number{"head_dim", desc.head_dim}, Number{"hidden_size", desc.hidden_size},
        Number{"intermediate_size", desc.intermediate_size}, Number{"max_positions", desc.max_positions},
        Number{"vocab_size", desc.vocab_size}}) {
    set_item(fields, field.name, number_object(field.value));
  }
  for (const Number& flag :
       {Number{"learned_positions", desc.learned_positions}, Number{"qkv_bias", desc.qkv_bias},
        Number{"attn_out_bias", desc.attn_out_bias}, Number{"mlp_bias", desc.mlp_bias}, Number{"qk_norm", desc.qk_norm},
        Number{"post_norm", desc.post_norm}, Number{"gated", desc.gated}, Number{"tied_head", desc.tied_head}}) {
    set_item(fields, flag.name, bool_object(static_cast<std::int32_t>(flag.value)));
  }
  for (const Real& field :
       {Real{"norm_epsilon", desc.norm_epsilon}, Real{"embedding_scale", desc.embedding_scale},
        Real{"attention_soft_cap", desc.attention_soft_cap}, Real{"logit_soft_cap", desc.logit_soft_cap}}) {
    set_item(fields, field.name, real_object(field.value));
  }
  set_item(fields, "norm", text_object(desc.norm == IB_NORM_LAYER ? "layer" : "rms"));
  set_item(fields, "activation", text_object(std::string(activation_name(desc.activation)).c_str()));
  set_item(fields, "layers", layers_object(desc));
  set_item(fields, "rotary_frequencies", frequencies_object(desc));
  set_item(fields, "rotary_scales", reals_object(desc.rotary_scales, desc.n_rotary_tables));
  return namespace_object(fields);
}

Ref tensors_object(const ib_model_desc& desc, const std::shared_ptr<Lease>& lease) {
  const TensorMap tensors(desc);
  const Ref views = Ref::take(PyDict_New());
  for (const decoder::TensorSpec& spec : decoder::tensors(desc)) {
    const ib_tensor& tensor = spec.rank == 1 ? tensors.get(spec.name, {spec.shape[0]})
                                             : tensors.get(spec.name, {spec.shape[0], spec.shape[1]});
    set_item(views, spec.name.c_str(), new_view(memory_of(tensor), lease));
  }
  return Ref::take(PyObject_CallOneArg(host_function("Tensors").get(), views.get()));
}

Ref needed_features(const ib_model_desc& desc) {
  const std::uint64_t needed = decoder::required_features(desc);
  Ref list = empty_list();
  for (const decoder::FeatureName& known : decoder::kFeatureNames) {
    if ((needed & known.feature) == 0) continue;
    append(list, Ref::take(Py_BuildValue("(ss)", known.name.data(), known.noun.data())));
  }
  return list;
}

}  // namespace inferbench::python
