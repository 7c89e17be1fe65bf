// SPDX-License-Identifier: Apache-2.0
#include "model/unsupported_models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "model/families/families.hpp"
#include "model/in_quotes.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

// transformers' names for the number of experts: Mixtral and gpt-oss; Qwen and OLMoE; DeepSeek.
constexpr std::array<const char*, 3> kExpertCounts = {"num_local_experts", "num_experts", "n_routed_experts"};

void refuse_experts(const ConfigFields& fields) {
  for (const char* key : kExpertCounts) {
    const nlohmann::json* count = fields.find(key);
    if (count == nullptr || (count->is_number() && *count <= 1)) continue;
    fields.fail(key, fmt::format("{}: a mixture of experts, which is not supported", shown(*count)),
                fmt::format("give a dense model; the model types {} are supported", known_model_types()));
  }
}

// MLX's quantization: how each matrix is packed follows from the tensors' shapes, but not what the numbers mean.
void refuse_other_modes(const ConfigFields& quantization) {
  const auto check = [](const ConfigFields& settings) {
    const nlohmann::json* mode = settings.find("mode");
    if (mode == nullptr || *mode == "affine") return;
    settings.fail("mode", fmt::format("{} is not supported", shown(*mode)), "\"affine\" is supported");
  };
  check(quantization);
  for (const auto& [name, value] : quantization.json().items()) {
    if (value.is_object()) check(*quantization.object(name.c_str()));
  }
}

void refuse_quantized(const ConfigFields& fields) {
  const nlohmann::json* mlx = fields.find("quantization");
  if (mlx != nullptr) {
    refuse_other_modes(*fields.object("quantization"));
    const nlohmann::json* type = fields.find("model_type");
    if (type != nullptr && *type == "gpt2") {
      fields.fail("quantization", "a GPT-2 quantized by MLX is not supported", kGiveUnquantized);
    }
  }
  // MLX's converter repeats the object as quantization_config for the hub's sake.
  const nlohmann::json* other = fields.find("quantization_config");
  if (other == nullptr || (mlx != nullptr && *other == *mlx)) return;
  const std::optional<ConfigFields> settings = fields.object("quantization_config");
  const nlohmann::json* method = settings->find("quant_method");
  fields.fail("quantization_config",
              fmt::format("a checkpoint quantized {}, which is not supported",
                          method == nullptr ? "by an unnamed method" : fmt::format("with {}", shown(*method))),
              kGiveUnquantized);
}

std::vector<std::string> file_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Weights that are not read, and how to get readable ones.
struct OtherFormat {
  std::string_view ending;
  std::string_view what;
  const char* cure;
};

constexpr const char* kSaveAgain =
    "save the model as safetensors: model.save_pretrained(folder, safe_serialization=True)";
constexpr const char* kGiveFile = "give the path of the GGUF file itself as the model";
constexpr const char* kConvert = "convert it with transformers, and save it with model.save_pretrained(folder)";

constexpr std::array<OtherFormat, 8> kOtherFormats = {{
    {".gguf", "a GGUF file but no safetensors", kGiveFile},
    {".bin", "pickled weights of PyTorch", kSaveAgain},
    {".pt", "pickled weights of PyTorch", kSaveAgain},
    {".pth", "pickled weights of PyTorch", kSaveAgain},
    {".ckpt", "pickled weights", kSaveAgain},
    {".h5", "weights of TensorFlow", kConvert},
    {".msgpack", "weights of Flax", kConvert},
    {".npz", "weights of NumPy or MLX", kConvert},
}};

}  // namespace

void refuse_unsupported_config(const ConfigFields& fields) {
  for (const char* key : {"add_cross_attention", "is_encoder_decoder"}) {
    if (fields.boolean(key, false)) fields.fail(key, "true is not supported", "only decoder-only models are supported");
  }
  if (!fields.boolean("is_causal", true)) {
    fields.fail("is_causal", "false is not supported", "only causal attention is supported");
  }
  refuse_quantized(fields);
  refuse_experts(fields);
  if (const auto text = fields.object("text_config")) refuse_unsupported_config(*text);
}

void refuse_unsupported_folder(const fs::path& folder) {
  const std::vector<std::string> names = file_names(folder);
  if (std::binary_search(names.begin(), names.end(), "adapter_config.json")) {
    throw Error(fmt::format("{}: an adapter (PEFT, LoRA), not a model", folder.string()),
                "merge it into its base model with PEFT: model.merge_and_unload().save_pretrained(folder)");
  }
  if (std::binary_search(names.begin(), names.end(), "consolidated.safetensors")) {
    throw Error(fmt::format("{}: consolidated.safetensors has its maker's own tensor names", folder.string()),
                "give the model in the form of transformers: config.json and model*.safetensors");
  }
  for (const OtherFormat& format : kOtherFormats) {
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const std::string& name) { return name.ends_with(format.ending); });
    if (found == names.end()) continue;
    throw Error(fmt::format("{}: {} has {}, which is not supported", folder.string(), in_quotes(*found), format.what),
                format.cure);
  }
}

bool is_quantized_tensor(std::string_view name) {
  // GPTQ and AWQ; bitsandbytes in 8 and in 4 bits; compressed-tensors; FP8; MLX (a scale and a bias a group).
  static constexpr std::array<std::string_view, 9> kEndings = {".qweight",       ".qzeros",           ".SCB",
                                                               ".weight.absmax", ".weight.quant_map", ".weight_packed",
                                                               ".weight_scale",  ".weight_scale_inv", ".scales"};
  return std::any_of(kEndings.begin(), kEndings.end(), [name](auto ending) { return name.ends_with(ending); });
}

bool is_mlx_part(std::string_view name) {
  return name.ends_with(".scales");
}

}  // namespace inferbench
