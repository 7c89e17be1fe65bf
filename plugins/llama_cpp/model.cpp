// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <array>
#include <string_view>
#include <vector>

#include "architecture.hpp"
#include "gguf_image.hpp"
#include "inferbench/decoder_loader.hpp"
#include "log.hpp"

namespace inferbench::llama_cpp {
namespace {

struct NamedType {
  std::string_view name;
  ggml_type type;
};

constexpr std::array<NamedType, 7> kTypes = {{{"f32", GGML_TYPE_F32},
                                              {"f16", GGML_TYPE_F16},
                                              {"bf16", GGML_TYPE_BF16},
                                              {"q8_0", GGML_TYPE_Q8_0},
                                              {"q6_k", GGML_TYPE_Q6_K},
                                              {"q4_k", GGML_TYPE_Q4_K},
                                              {"q4_0", GGML_TYPE_Q4_0}}};

ggml_type type_named(std::string_view name) {
  for (const NamedType& known : kTypes) {
    if (known.name == name) return known.type;
  }
  throw Failure(IB_UNSUPPORTED, "no precision '" + std::string(name) + "'");
}

SessionOptions read_options(const ib_model_params& params) {
  const OptionReader reader(params);
  SessionOptions options;
  const std::string_view flash = reader.text("flash_attention");
  if (flash == "on") options.flash_attention = LLAMA_FLASH_ATTN_TYPE_ENABLED;
  if (flash == "off") options.flash_attention = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  const std::string_view kv = reader.text("kv");
  const bool is_f32 = std::string_view(params.precision) == "f32";
  options.kv = kv == "auto" ? (is_f32 ? GGML_TYPE_F32 : GGML_TYPE_F16) : type_named(kv);
  // With flash attention its graphs round keys and values to 16 bits, whatever the cache holds.
  if (options.kv == GGML_TYPE_F32 && flash == "auto") options.flash_attention = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  if (ggml_is_quantized(options.kv) && flash == "off") {
    throw Failure(IB_UNSUPPORTED, "llama.cpp quantizes the values of its KV cache only with flash attention");
  }
  if (params.desc->head_dim % ggml_blck_size(options.kv) != 0) {
    throw Failure(IB_UNSUPPORTED, "heads of " + std::to_string(params.desc->head_dim) +
                                      " values are not made of blocks of " +
                                      std::to_string(ggml_blck_size(options.kv)) + ", as a KV cache in " +
                                      ggml_type_name(options.kv) + " has them");
  }
  options.batch = static_cast<std::uint32_t>(reader.integer("batch"));
  options.ubatch = static_cast<std::uint32_t>(reader.integer("ubatch"));
  return options;
}

struct Loading {
  const HostCalls& host;
  bool cancelled = false;
};

// llama.cpp calls it while it loads: the last tenth of the work.
bool report(float fraction, void* user) {
  auto& loading = *static_cast<Loading*>(user);
  loading.host.progress(0.9 + 0.1 * static_cast<double>(fraction));
  loading.cancelled = loading.cancelled || loading.host.is_cancelled();
  return !loading.cancelled;
}

// Weights are copied: those of a mapped file would not be the process's own memory. In older versions two flags said
// so.
template <typename Params>
void set_no_mapping(Params& settings) {
  if constexpr (requires { settings.load_mode; }) {
    settings.load_mode = LLAMA_LOAD_MODE_NONE;
  } else {
    settings.use_mmap = false;
  }
}

// "AVX512, AVX512_VNNI" of "CPU : SSE3 = 1 | ... | AVX512_VNNI = 1 | OPENMP = 1 |".
std::string kernels_of(std::string_view system_info) {
  std::string names;
  for (const std::string_view name :
       {"AMX_INT8", "AVX512_VNNI", "AVX512", "AVX_VNNI", "AVX2", "AVX", "SVE", "DOTPROD", "NEON"}) {
    const std::string enabled = std::string(name) + " = 1";
    if (system_info.find(" " + enabled) == std::string_view::npos) continue;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names.empty() ? "generic" : names;
}

}  // namespace

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context), desc(numbers_of(*params.desc)), options(read_options(params)) {
  check_model_params(params, kFeatures);
  check_codes(*params.desc);
  window_layers = count_window_layers(*params.desc);
  take_errors();
  if (std::string_view(params.precision) == kOfTheFile) {
    const std::string_view folder = params.folder == nullptr ? "" : params.folder;
    if (!folder.ends_with(".gguf")) throw Failure(IB_UNSUPPORTED, "this precision needs a model that is a .gguf file");
    load(std::string(folder), params);
    check_same_model();
  } else {
    const GgufImage image(*params.desc, type_named(params.precision), context.host);
    load(image.path(), params);
  }
}

void Model::load(const std::string& path, const ib_model_params& params) {
  const OptionReader reader(params);
  llama_model_params settings = llama_model_default_params();
  std::array<ggml_backend_dev_t, 2> devices = {context.device(), nullptr};
  settings.devices = devices.data();
  settings.n_gpu_layers = context.device() == nullptr ? 0 : static_cast<std::int32_t>(reader.integer("gpu_layers"));
  settings.use_extra_bufts = reader.boolean("repack");
  settings.progress_callback = report;
  Loading loading{context.host};
  settings.progress_callback_user_data = &loading;
  set_no_mapping(settings);
  const WeightBytes bytes = weight_bytes(path);
  model_.reset(llama_model_load_from_file(path.c_str(), settings));
  if (!model_) {
    if (loading.cancelled) throw Failure(IB_CANCELLED, "cancelled by the host");
    const std::string errors = take_errors();
    const bool no_memory = errors.find("alloc") != std::string::npos;
    throw Failure(no_memory ? IB_OUT_OF_MEMORY : IB_INTERNAL, "llama.cpp cannot load the model: " + errors);
  }
  kernels_ = kernels_of(llama_print_system_info());
  info_.struct_size = sizeof info_;
  info_.weights_bytes = bytes.all;
  info_.decode_weights_bytes = bytes.decode;
  info_.device = context.device_name().c_str();
  info_.kernels = kernels_.c_str();
}

void Model::check_same_model() const {
  const llama_model* model = model_.get();
  if (llama_model_n_layer(model) == desc.n_layers && llama_model_n_embd(model) == desc.hidden_size &&
      llama_vocab_n_tokens(llama_model_get_vocab(model)) == desc.vocab_size) {
    return;
  }
  throw Failure(IB_UNSUPPORTED, "llama.cpp reads another model from the file than the host");
}

}  // namespace inferbench::llama_cpp
