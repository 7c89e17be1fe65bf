// SPDX-License-Identifier: Apache-2.0
// Each family's files become the description that they mean: config.json in both forms, tensors under canonical names.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"
#include "inferbench/safetensors_names.hpp"
#include "model/config_json.hpp"
#include "model/families/families.hpp"
#include "model/model.hpp"
#include "model/safetensors_file.hpp"
#include "model_test_support.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

const std::filesystem::path kDecoders = std::filesystem::path(test_paths::kData) / "decoder";

Json json_of(const char* folder) {
  std::ifstream file(kDecoders / folder / "config.json");
  return Json::parse(file);
}

ModelConfig read(const Json& json) {
  return parse_config(json.dump(), "c.json");
}

// The sizes that the small models have in common.
ModelConfig llama_shaped() {
  ModelConfig config;
  config.model_type = "llama";
  config.n_layers = 2;
  config.n_heads = 4;
  config.n_kv_heads = 2;
  config.head_dim = 16;
  config.hidden_size = 64;
  config.intermediate_size = 160;
  config.max_positions = 128;
  config.vocab_size = 257;
  config.norm = IB_NORM_RMS;
  config.norm_epsilon = 1e-6;
  config.activation = IB_ACTIVATION_SILU;
  config.learned_positions = config.qkv_bias = config.attn_out_bias = config.mlp_bias = false;
  config.gated = true;
  config.tied_head = false;
  config.end_tokens = {2};
  set_like_layers(config, 0, 0);
  return config;
}

void add_table(ModelConfig& config, double theta, double factor = 1) {
  for (std::int32_t i = 0; i < config.head_dim; i += 2) {
    config.rotary_frequencies.push_back(std::pow(theta, -static_cast<double>(i) / config.head_dim) / factor);
  }
  config.rotary_scales.push_back(1);
}

TEST(Families, Llama) {
  ModelConfig expected = llama_shaped();
  add_table(expected, 1e4);
  EXPECT_EQ(read(json_of("llama")), expected);
}

TEST(Families, LlamaOfTransformers4WithBiases) {
  ModelConfig expected = llama_shaped();
  expected.qkv_bias = expected.attn_out_bias = expected.mlp_bias = true;
  add_table(expected, 1e4, 4);
  EXPECT_EQ(read(json_of("llama-old-config")), expected);
}

TEST(Families, MistralSlidesInEveryLayer) {
  ModelConfig expected = llama_shaped();
  expected.model_type = "mistral";
  set_like_layers(expected, 24, 0);
  add_table(expected, 1e4);
  EXPECT_EQ(read(json_of("mistral-sliding")), expected);
  Json json = json_of("mistral-sliding");
  json["sliding_window"] = nullptr;
  EXPECT_EQ(read(json).layers[1].window, 0);
  json.erase("sliding_window");
  EXPECT_EQ(read(json).layers[1].window, 4096) << "the default of MistralConfig";
}

TEST(Families, Qwen2HasBiasesOfQueryKeyAndValue) {
  ModelConfig expected = llama_shaped();
  expected.model_type = "qwen2";
  expected.qkv_bias = true;
  expected.tied_head = true;
  add_table(expected, 1e6);
  EXPECT_EQ(read(json_of("qwen2")), expected);
  expected.n_layers = 4;
  expected.tied_head = false;
  set_like_layers(expected, 0, 0);
  EXPECT_EQ(read(json_of("qwen2-sharded-f16")), expected);
}

TEST(Families, QwenSlidesFromALayerOn) {
  Json json = json_of("qwen2-sharded-f16");
  json.update({{"use_sliding_window", true}, {"sliding_window", 20}, {"max_window_layers", 3}});
  const auto windows = [&json] {
    std::vector<std::int32_t> list;
    for (const ib_layer_desc& layer : read(json).layers) list.push_back(layer.window);
    return list;
  };
  using Windows = std::vector<std::int32_t>;
  EXPECT_EQ(windows(), (Windows{0, 0, 0, 20}));
  json["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention", "full_attention"};
  EXPECT_EQ(windows(), (Windows{20, 0, 20, 0}));
  json["use_sliding_window"] = false;
  EXPECT_EQ(windows(), (Windows{0, 0, 0, 0}));
  json["use_sliding_window"] = true;
  json["sliding_window"] = nullptr;
  EXPECT_EQ(windows(), (Windows{0, 0, 0, 0}));
  json["sliding_window"] = 20;
  json.erase("layer_types");
  json["max_window_layers"] = 0;
  EXPECT_EQ(windows(), (Windows{20, 20, 20, 20}));
  json.erase("max_window_layers");
  EXPECT_EQ(windows(), (Windows{0, 0, 0, 0})) << "28 by default";
}

TEST(Families, Qwen3HasNormsOfQueriesAndKeys) {
  ModelConfig expected = llama_shaped();
  expected.model_type = "qwen3";
  expected.head_dim = 32;
  expected.qk_norm = true;
  expected.tied_head = true;
  set_like_layers(expected, 0, 0);
  add_table(expected, 1e6);
  EXPECT_EQ(read(json_of("qwen3")), expected);
  Json json = json_of("qwen3");
  json.erase("head_dim");
  EXPECT_EQ(read(json).head_dim, 128) << "the default of Qwen3Config";
}

ModelConfig gemma_shaped(std::int32_t n_layers, double query_scalar) {
  ModelConfig config = llama_shaped();
  config.n_layers = n_layers;
  config.head_dim = 32;
  config.activation = IB_ACTIVATION_GELU_TANH;
  config.post_norm = config.tied_head = true;
  config.embedding_scale = 8;
  config.layers.assign(static_cast<std::size_t>(n_layers), {16, 0, 1 / std::sqrt(query_scalar)});
  return config;
}

TEST(Families, Gemma2AlternatesAndCaps) {
  ModelConfig expected = gemma_shaped(3, 24);
  expected.model_type = "gemma2";
  expected.attention_soft_cap = 4;
  expected.logit_soft_cap = 2;
  expected.layers[1].window = 0;
  add_table(expected, 1e4);
  EXPECT_EQ(read(json_of("gemma2")), expected);
  Json json = json_of("gemma2");
  for (const char* key : {"layer_types", "attn_logit_softcapping", "tie_word_embeddings"}) json.erase(key);
  expected.attention_soft_cap = 50;  // the default of Gemma2Config
  EXPECT_EQ(read(json), expected) << "every other layer slides, too, if layer_types does not say so";
  json["final_logit_softcapping"] = nullptr;
  EXPECT_EQ(read(json).logit_soft_cap, 0);
}

ModelConfig expected_gemma3() {
  ModelConfig expected = gemma_shaped(7, 32);
  expected.model_type = "gemma3_text";
  expected.qk_norm = true;
  for (ib_layer_desc& layer : expected.layers) layer.rotary_table = 1;
  expected.layers[5].window = expected.layers[5].rotary_table = 0;
  add_table(expected, 1e6);
  add_table(expected, 1e4);
  return expected;
}

TEST(Families, Gemma3HasARotaryTableForEitherKindOfLayer) {
  EXPECT_EQ(read(json_of("gemma3")), expected_gemma3());
}

// As transformers 4 wrote it.
Json older_gemma3() {
  Json json = json_of("gemma3");
  for (const char* key : {"layer_types", "rope_parameters", "_sliding_window_pattern"}) json.erase(key);
  json["rope_theta"] = 1e6;
  json["rope_local_base_freq"] = 1e4;
  return json;
}

TEST(Families, Gemma3OfTransformers4) {
  Json json = older_gemma3();
  EXPECT_EQ(read(json), expected_gemma3());
  json.erase("rope_theta");
  json.erase("rope_local_base_freq");
  json.erase("sliding_window_pattern");
  EXPECT_EQ(read(json), expected_gemma3()) << "all of these are defaults";
  json["_sliding_window_pattern"] = 2;
  EXPECT_EQ(read(json).layers[1].window, 0);
  EXPECT_EQ(read(json).layers[5].window, 0);
  EXPECT_EQ(read(json).layers[4].window, 16);
  json["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  const ModelConfig scaled = read(json);
  EXPECT_EQ(scaled.rotary_frequencies[0], 0.125);
  EXPECT_EQ(scaled.rotary_frequencies[16], 1) << "sliding layers are not scaled";
}

TEST(Families, Gemma3ThatReadsImagesHasItsTextPartNested) {
  Json text = older_gemma3();
  text.erase("architectures");
  text.erase("eos_token_id");
  const Json json = {{"model_type", "gemma3"},
                     {"architectures", {"Gemma3ForConditionalGeneration"}},
                     {"eos_token_id", {1, 106}},
                     {"text_config", text},
                     {"vision_config", {{"hidden_size", 1152}, {"model_type", "siglip_vision_model"}}}};
  ModelConfig expected = expected_gemma3();
  expected.model_type = "gemma3";
  expected.end_tokens = {1, 106};
  EXPECT_EQ(read(json), expected);
}

// The text_config of gemma-3-4b-it, which leaves out what Gemma3TextConfig has by default.
TEST(Families, APublishedGemma3LeavesOutDefaults) {
  const ModelConfig config = parse_config(R"({"architectures": ["Gemma3ForConditionalGeneration"],
    "eos_token_id": [1, 106], "image_token_index": 262144, "model_type": "gemma3",
    "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
      "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024},
    "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0",
    "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"}})");
  EXPECT_EQ(config.vocab_size, 262208);
  EXPECT_EQ(config.n_heads, 8);
  EXPECT_EQ(config.n_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.max_positions, 131072);
  EXPECT_EQ(config.layers[0].window, 1024);
  EXPECT_EQ(config.layers[0].attention_scale, 1.0 / 16);
  EXPECT_EQ(config.rotary_frequencies.size(), 2U * 128);
  EXPECT_TRUE(config.tied_head);
}

// ---- tensors ----

class FamilyFixture : public testing::TestWithParam<const char*> {};

// A tensor of the files, found without the code under test.
struct Found {
  const SafetensorsFile* file;
  const SafetensorsTensor* tensor;
};

Found find_in_files(const std::vector<SafetensorsFile>& files, const std::string& name) {
  for (const SafetensorsFile& file : files) {
    if (const SafetensorsTensor* tensor = file.find(name)) return {&file, tensor};
  }
  throw std::runtime_error("no tensor " + name);
}

// "layer.1.attn_q.weight" in Llama's and, where `gemma`, Gemma's own terms.
std::string hugging_face_name(const decoder::TensorSpec& spec, bool gemma) {
  static const std::vector<std::pair<std::string, std::string>> kCommon = {
      {"attn_q_norm", "self_attn.q_norm"},
      {"attn_k_norm", "self_attn.k_norm"},
      {"attn_norm", "input_layernorm"},
      {"attn_post_norm", "post_attention_layernorm"},
      {"mlp_post_norm", "post_feedforward_layernorm"},
      {"attn_q", "self_attn.q_proj"},
      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},
      {"attn_out", "self_attn.o_proj"},
      {"mlp_gate", "mlp.gate_proj"},
      {"mlp_up", "mlp.up_proj"},
      {"mlp_down", "mlp.down_proj"},
      {"token_embedding", "embed_tokens"},
      {"final_norm", "norm"}};
  if (spec.name == "head.weight") return "lm_head.weight";
  std::string name = spec.name;
  if (const auto at = name.find("mlp_norm"); at != std::string::npos) {
    name.replace(at, 8, gemma ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  }
  for (const auto& [canonical, stored] : kCommon) {
    if (const auto at = name.find(canonical + "."); at != std::string::npos) {
      name.replace(at, canonical.size(), stored);
      break;
    }
  }
  if (name.starts_with("layer.")) name.replace(0, 6, "layers.");
  return "model." + name;
}

TEST_P(FamilyFixture, EveryTensorIsAViewOfItsFile) {
  const std::filesystem::path folder = kDecoders / GetParam();
  const Model model = Model::open(folder.string());
  const Weights weights = model.weights();
  const bool gemma = model.config().post_norm;
  std::vector<SafetensorsFile> files;
  for (const auto& path : model.files()) files.push_back(SafetensorsFile::open(path));
  const auto specs = decoder::tensors(model_desc(model.config()));
  ASSERT_EQ(weights.tensors().size(), specs.size());
  std::size_t n_stored = 0;
  for (const SafetensorsFile& file : files) n_stored += file.tensors().size();
  EXPECT_EQ(specs.size(), n_stored);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ib_tensor& tensor = weights.tensors()[i];
    ASSERT_EQ(tensor.name, specs[i].name);
    const auto found = find_in_files(files, hugging_face_name(specs[i], gemma));
    const std::vector<std::uint64_t> shape(tensor.shape, tensor.shape + tensor.rank);
    ASSERT_EQ(shape, found.tensor->shape) << tensor.name;
    EXPECT_EQ(tensor.strides[0], tensor.rank == 2 ? tensor.shape[1] : 1) << tensor.name;
    const auto bytes = found.file->bytes(*found.tensor);
    if (!gemma || specs[i].role != decoder::TensorRole::kNormWeight) {
      ASSERT_EQ(tensor.n_bytes, bytes.size()) << tensor.name;
      EXPECT_EQ(std::memcmp(tensor.data, bytes.data(), bytes.size()), 0) << tensor.name;
      continue;
    }
    // Gemma's norms: F32, and 1 more than stored.
    ASSERT_EQ(tensor.dtype, IB_DTYPE_F32);
    for (std::int64_t j = 0; j < tensor.shape[0]; ++j) {
      std::uint16_t stored = 0;
      std::memcpy(&stored, bytes.data() + 2 * j, 2);
      ASSERT_EQ(static_cast<const float*>(tensor.data)[j], 1 + float_of_bf16(stored)) << tensor.name << " " << j;
    }
  }
}

TEST_P(FamilyFixture, DescriptionOutlivesMoves) {
  Weights weights = Model::open((kDecoders / GetParam()).string()).weights();
  const ib_model_desc before = weights.desc();
  const Weights moved = std::move(weights);
  const ib_model_desc after = moved.desc();
  EXPECT_EQ(after.layers, before.layers);
  EXPECT_EQ(after.rotary_frequencies, before.rotary_frequencies);
  EXPECT_EQ(after.tensors, before.tensors);
  EXPECT_EQ(after.n_rotary_tables, static_cast<std::int32_t>(moved.config().rotary_scales.size()));
}

INSTANTIATE_TEST_SUITE_P(All, FamilyFixture,
                         testing::Values("gemma2", "gemma3", "llama", "llama-old-config", "llama3-rope",
                                         "mistral-sliding", "qwen2", "qwen2-sharded-f16", "qwen3"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Families, EveryFamilysViewsAreTheTensorsOfTheDescription) {
  for (const Family* family : families()) {
    for (const SyntheticShape& shape : family->shapes) {
      const ModelConfig config = parse_config(shape.config_json);
      std::vector<std::string> views;
      for (const StoredTensor& stored : family->stored_tensors(config)) {
        for (const TensorView& view : stored.views) views.push_back(view.name);
      }
      std::vector<std::string> specs;
      for (const decoder::TensorSpec& spec : decoder::tensors(model_desc(config))) specs.push_back(spec.name);
      std::sort(views.begin(), views.end());
      std::sort(specs.begin(), specs.end());
      EXPECT_EQ(views, specs) << shape.name;
      EXPECT_EQ(&family_of(config), family) << shape.name;
    }
  }
}

TEST(CheckpointNames, PrefixesComeInAnyOrder) {
  for (const char* name :
       {"layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight",
        "_orig_mod.model.layers.0.mlp.up_proj.weight", "module.model.layers.0.mlp.up_proj.weight",
        "model.language_model.layers.0.mlp.up_proj.weight", "language_model.model.layers.0.mlp.up_proj.weight",
        "module._orig_mod.model.language_model.layers.0.mlp.up_proj.weight"}) {
    EXPECT_EQ(checkpoint_name(name), "layers.0.mlp.up_proj.weight") << name;
  }
  EXPECT_EQ(checkpoint_name("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(checkpoint_name("model.vision_tower.a"), "vision_tower.a");
  EXPECT_EQ(checkpoint_name("models.a"), "models.a");
}

}  // namespace
}  // namespace inferbench
