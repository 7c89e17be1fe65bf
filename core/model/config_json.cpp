// SPDX-License-Identifier: Apache-2.0
#include "model/config_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "model/guarded_json.hpp"
#include "model/in_quotes.hpp"
#include "model/mapped_file.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;

// Far larger than any GPT-2, and small enough that the product of a tensor's dimensions fits in 64 bits.
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxHeads = 1 << 16;
constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxInner = 1 << 22;
constexpr std::int64_t kMaxContext = 1 << 24;
constexpr std::int64_t kMaxVocab = 1 << 24;

// A value for a message: short, and never an entire subtree.
std::string shown(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  return value.dump();
}

class ConfigReader {
 public:
  ConfigReader(const Json& json, const std::string& file) : json_(json), file_(file) {}

  ModelConfig read() const {
    require_gpt2();
    refuse_what_changes_logits();
    ModelConfig config;
    config.n_layers = dimension("n_layer", "num_hidden_layers", kMaxLayers);
    config.n_heads = dimension("n_head", "num_attention_heads", kMaxHeads);
    config.width = dimension("n_embd", "hidden_size", kMaxWidth);
    config.context = dimension("n_positions", "max_position_embeddings", kMaxContext);
    config.vocab = dimension("vocab_size", nullptr, kMaxVocab);
    const Json* inner = find("n_inner");
    config.inner = inner == nullptr ? 4 * config.width : integer("n_inner", *inner, 1, kMaxInner);
    if (config.width % config.n_heads != 0) {
      fail("n_head", fmt::format("n_head {} does not divide n_embd {}", config.n_heads, config.width),
           "n_embd must be a multiple of n_head");
    }
    if (const Json* n_ctx = find("n_ctx"); n_ctx != nullptr && *n_ctx != config.context) {
      fail("n_ctx", fmt::format("is {}, but n_positions is {}", shown(*n_ctx), config.context), "make them equal");
    }
    config.activation = activation();
    config.scale_attn_weights = boolean("scale_attn_weights", true);
    config.scale_attn_by_inverse_layer = boolean("scale_attn_by_inverse_layer_idx", false);
    config.tied_head = boolean("tie_word_embeddings", true);
    config.layer_norm_epsilon = layer_norm_epsilon();
    config.eos_token = eos_token(config.vocab);
    return config;
  }

 private:
  // Null if the key is absent or null; Hugging Face treats both alike.
  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  [[noreturn]] void fail(std::string_view key, std::string_view what, std::string cure) const {
    throw Error(fmt::format("{}: {}: {}", file_, key, what), std::move(cure));
  }

  std::int32_t integer(const char* key, const Json& value, std::int64_t min, std::int64_t max) const {
    const std::string cure = fmt::format("an integer from {} to {} is accepted", min, max);
    if (!value.is_number_integer()) fail(key, fmt::format("{} is not an integer", shown(value)), cure);
    // Unsigned values of 2^63 or more would turn negative in an int64.
    const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(max);
    if (huge || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
      fail(key, fmt::format("{} is out of range", shown(value)), cure);
    }
    return static_cast<std::int32_t>(value.get<std::int64_t>());
  }

  // A required size, under GPT-2's name or the name that Hugging Face maps to it.
  std::int32_t dimension(const char* key, const char* alias, std::int64_t max) const {
    const Json* value = find(key);
    const Json* other = alias == nullptr ? nullptr : find(alias);
    if (value != nullptr && other != nullptr && *value != *other) {
      fail(key, fmt::format("is {}, but {} is {}", shown(*value), alias, shown(*other)), "keep one of the two");
    }
    if (value != nullptr) return integer(key, *value, 1, max);
    if (other != nullptr) return integer(alias, *other, 1, max);
    fail(key, "is missing", fmt::format("add \"{}\", as transformers' save_pretrained writes it", key));
  }

  bool boolean(const char* key, bool fallback) const {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean())
      fail(key, fmt::format("{} is not true or false", shown(*value)), "true or false is accepted");
    return value->get<bool>();
  }

  void require_gpt2() const {
    if (!json_.is_object()) {
      throw Error(fmt::format("{}: {} where an object was expected", file_, shown(json_)),
                  "give the config.json of a GPT-2 model");
    }
    const Json* type = find("model_type");
    if (type == nullptr) fail("model_type", "is missing", "only \"gpt2\" is supported");
    if (*type != "gpt2")
      fail("model_type", fmt::format("{} is not supported", shown(*type)), "only \"gpt2\" is supported");
    const Json* architectures = find("architectures");
    if (architectures == nullptr) return;
    if (!architectures->is_array()) fail("architectures", "is not an array", "give [\"GPT2LMHeadModel\"]");
    for (const Json& name : *architectures) {
      if (name != "GPT2LMHeadModel" && name != "GPT2Model") {
        fail("architectures", fmt::format("{} is not supported", shown(name)),
             "\"GPT2LMHeadModel\" and \"GPT2Model\" are supported");
      }
    }
  }

  void refuse_what_changes_logits() const {
    for (const char* key : {"add_cross_attention", "is_encoder_decoder"}) {
      if (boolean(key, false)) fail(key, "true is not supported", "only decoder-only models are supported");
    }
    if (find("quantization_config") != nullptr) {
      fail("quantization_config", "quantized checkpoints are not supported", "give the F32, F16 or BF16 checkpoint");
    }
    if (const Json* pruned = find("pruned_heads"); pruned != nullptr && !pruned->empty()) {
      fail("pruned_heads", "pruned heads are not supported", "give the checkpoint with all heads");
    }
  }

  std::int32_t activation() const {
    struct Activation {
      const char* name;
      std::int32_t code;
    };
    // The names of transformers' ACT2FN. All names with the same code are the same function over the reals:
    // gelu_accurate and PyTorch's tanh forms are gelu_new, written differently; gelu_fast rounds sqrt(2/pi) to ten
    // digits, which is more than fp32 has. quick_gelu and gelu_10 are different functions.
    static constexpr std::array<Activation, 8> kActivations = {{{"gelu_new", IB_ACTIVATION_GELU_TANH},
                                                                {"gelu_pytorch_tanh", IB_ACTIVATION_GELU_TANH},
                                                                {"gelu_python_tanh", IB_ACTIVATION_GELU_TANH},
                                                                {"gelu_accurate", IB_ACTIVATION_GELU_TANH},
                                                                {"gelu_fast", IB_ACTIVATION_GELU_TANH},
                                                                {"gelu", IB_ACTIVATION_GELU_ERF},
                                                                {"gelu_python", IB_ACTIVATION_GELU_ERF},
                                                                {"relu", IB_ACTIVATION_RELU}}};
    const Json* value = find("activation_function");
    if (value == nullptr) return IB_ACTIVATION_GELU_TANH;
    for (const Activation& known : kActivations) {
      if (*value == known.name) return known.code;
    }
    std::string names;
    for (const Activation& known : kActivations)
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", known.name);
    fail("activation_function", fmt::format("{} is not supported", shown(*value)), names + " are supported");
  }

  double layer_norm_epsilon() const {
    const Json* value = find("layer_norm_epsilon");
    if (value == nullptr) return 1e-5;
    const double epsilon = value->is_number() ? value->get<double>() : 0.0;
    if (!(epsilon > 0.0 && epsilon <= 1.0)) {
      fail("layer_norm_epsilon", fmt::format("{} is out of range", shown(*value)),
           "a number above 0, at most 1, is accepted");
    }
    return epsilon;
  }

  // A token outside the vocabulary can never end a text, so it counts as none.
  std::int32_t eos_token(std::int32_t vocab) const {
    const Json* value = find("eos_token_id");
    if (value == nullptr) return -1;
    if (value->is_array() && value->size() == 1) value = &value->front();
    const std::int32_t token = integer("eos_token_id", *value, 0, INT32_MAX);
    return token < vocab ? token : -1;
  }

  const Json& json_;
  const std::string& file_;
};

}  // namespace

ModelConfig parse_config(std::string_view json, const std::string& file) {
  const Json parsed = parse_guarded_json(json, file, kMaxConfigBytes);
  return ConfigReader(parsed, file).read();
}

ModelConfig read_config(const std::filesystem::path& path) {
  return parse_config(read_small_file(path, kMaxConfigBytes), path.string());
}

}  // namespace inferbench
