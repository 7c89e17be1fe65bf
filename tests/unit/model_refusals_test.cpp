// SPDX-License-Identifier: Apache-2.0
// Models that are not supported are recognized: one line says what they are and what to do.
#include <nlohmann/json.hpp>
#include <set>

#include "model/config_json.hpp"
#include "model/model.hpp"
#include "model/safetensors_writer.hpp"
#include "model_test_support.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;
using model_test::error_of;
using testing::AllOf;
using testing::HasSubstr;

Json small_llama() {
  return {
      {"model_type", "llama"}, {"num_hidden_layers", 2}, {"num_attention_heads", 4}, {"num_key_value_heads", 2},
      {"hidden_size", 64},     {"intermediate_size", 8}, {"vocab_size", 16},         {"max_position_embeddings", 32}};
}

Json changed(const Json& more) {
  Json json = small_llama();
  json.update(more);
  return json;
}

std::string config_error(const Json& more) {
  return error_of([&] { parse_config(changed(more).dump(), "c.json"); });
}

TEST(Refusals, MixturesOfExperts) {
  for (const char* type : {"mixtral", "qwen3_moe", "llama"}) {
    EXPECT_THAT(config_error({{"model_type", type}, {"num_local_experts", 8}}),
                AllOf(HasSubstr("c.json: num_local_experts: 8: a mixture of experts"), HasSubstr("dense model")));
  }
  EXPECT_THAT(config_error({{"num_experts", 60}}), HasSubstr("num_experts: 60: a mixture of experts"));
  EXPECT_THAT(config_error({{"model_type", "deepseek_v3"}, {"n_routed_experts", 256}}),
              HasSubstr("mixture of experts"));
  EXPECT_NO_THROW(parse_config(changed({{"num_experts", nullptr}, {"num_local_experts", 1}}).dump()));
}

TEST(Refusals, QuantizedCheckpoints) {
  for (const char* method : {"gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"}) {
    EXPECT_THAT(config_error({{"quantization_config", {{"quant_method", method}, {"bits", 4}}}}),
                AllOf(HasSubstr("quantization_config: a checkpoint quantized with '" + std::string(method) + "'"),
                      HasSubstr("'precision'")));
  }
  const Json mlx = {{"group_size", 64}, {"bits", 4}};
  EXPECT_NO_THROW(parse_config(changed({{"quantization", mlx}, {"quantization_config", mlx}}).dump()));
  EXPECT_THAT(config_error({{"quantization", mlx}, {"quantization_config", {{"quant_method", "awq"}}}}),
              HasSubstr("quantization_config: a checkpoint quantized with 'awq'"));
  EXPECT_THAT(config_error({{"quantization", {{"mode", "mxfp4"}}}}), HasSubstr("quantization.mode: 'mxfp4'"));
  EXPECT_THAT(config_error({{"quantization", {{"bits", 4}, {"lm_head", {{"mode", "nvfp4"}}}}}}),
              HasSubstr("quantization.lm_head.mode: 'nvfp4' is not supported"));
  EXPECT_THAT(error_of([&] {
                const Json gpt2 = {{"model_type", "gpt2"}, {"quantization", mlx}};
                parse_config(gpt2.dump(), "c.json");
              }),
              HasSubstr("a GPT-2 quantized by MLX"));
  EXPECT_THAT(config_error({{"quantization_config", mlx}}), HasSubstr("quantized by an unnamed method"));
  EXPECT_THAT(config_error({{"text_config", {{"quantization_config", {{"quant_method", "gptq"}}}}}}),
              HasSubstr("text_config.quantization_config"));
}

TEST(Refusals, WhatIsNotACausalDecoder) {
  EXPECT_THAT(config_error({{"is_causal", false}}), HasSubstr("is_causal: false"));
  EXPECT_THAT(config_error({{"is_encoder_decoder", true}}), HasSubstr("is_encoder_decoder: true"));
  EXPECT_THAT(config_error({{"model_type", "gemma2"}, {"head_dim", 16}, {"use_bidirectional_attention", true}}),
              HasSubstr("use_bidirectional_attention: true"));
  EXPECT_THAT(config_error({{"model_type", "phi3"}}),
              AllOf(HasSubstr("model_type: 'phi3' is not supported"),
                    HasSubstr("gpt2, llama, mistral, qwen2, qwen3, gemma2, gemma3_text, gemma3")));
  EXPECT_THAT(config_error({{"architectures", {"LlamaForSequenceClassification"}}}),
              AllOf(HasSubstr("'LlamaForSequenceClassification'"), HasSubstr("\"LlamaForCausalLM\"")));
}

TEST(Refusals, ShapesThatDoNotFit) {
  EXPECT_THAT(config_error({{"num_key_value_heads", 3}}),
              HasSubstr("num_key_value_heads: 3 does not divide num_attention_heads 4"));
  EXPECT_THAT(config_error({{"num_attention_heads", 6}}),
              HasSubstr("num_attention_heads 6 does not divide hidden_size"));
  EXPECT_THAT(config_error({{"head_dim", 15}}), HasSubstr("head_dim: 15 is odd"));
  EXPECT_THAT(config_error({{"head_dim", 8192}}), HasSubstr("head_dim: 8192 is out of range"));
  EXPECT_THAT(config_error({{"num_attention_heads", 1}, {"num_key_value_heads", 1}, {"hidden_size", 1 << 20}}),
              HasSubstr("makes heads of size 1048576"));
  EXPECT_THAT(config_error({{"rms_norm_eps", 0}}), HasSubstr("rms_norm_eps: 0 is out of range"));
  EXPECT_THAT(config_error({{"hidden_act", "mish"}}), HasSubstr("hidden_act: 'mish' is not supported"));
  for (const char* key : {"num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size", "vocab_size",
                          "max_position_embeddings"}) {
    EXPECT_THAT(config_error({{key, nullptr}}), HasSubstr(std::string("c.json: ") + key + ": is missing"));
    EXPECT_THAT(config_error({{key, 0}}), HasSubstr(std::string("c.json: ") + key + ": 0 is out of range"));
  }
}

TEST(Refusals, LayerTypes) {
  EXPECT_THAT(config_error({{"layer_types", {"full_attention"}}}),
              HasSubstr("layer_types: is not a list of 2 entries"));
  EXPECT_THAT(config_error({{"layer_types", {"full_attention", "sliding_attention"}}}),
              HasSubstr("layer_types: sliding_attention is not supported here"));
  EXPECT_THAT(config_error({{"model_type", "qwen3"}, {"layer_types", {"full_attention", "linear_attention"}}}),
              HasSubstr("layer_types: 'linear_attention' is not supported"));
  EXPECT_THAT(config_error({{"model_type", "mistral"}, {"layer_types", {"full_attention", "full_attention"}}}),
              HasSubstr("layer_types: full_attention is not supported here"));
  EXPECT_THAT(config_error({{"model_type", "mistral"}, {"sliding_window", 0}}), HasSubstr("sliding_window: 0"));
}

TEST(Refusals, Gemma3) {
  EXPECT_THAT(config_error({{"model_type", "gemma3"}}), HasSubstr("c.json: text_config: is missing"));
  const auto nested_error = [](const Json& more) {
    return error_of([&] { parse_config(Json{{"model_type", "gemma3"}, {"text_config", more}}.dump(), "c.json"); });
  };
  EXPECT_THAT(nested_error({{"model_type", "gemma2"}}), HasSubstr("text_config.model_type: 'gemma2'"));
  EXPECT_THAT(nested_error({{"hidden_size", "x"}}), HasSubstr("text_config.hidden_size: 'x' is not an integer"));
  EXPECT_THAT(nested_error({{"rope_parameters", {{"full_attention", Json::object()}}}}),
              HasSubstr("text_config.rope_parameters.sliding_attention: is missing"));
  EXPECT_THAT(nested_error({{"rope_scaling", {{"rope_type", "dynamic"}}}}),
              HasSubstr("text_config.rope_scaling.rope_type: 'dynamic'"));
}

// ---- folders ----

class RefusedFolder : public testing::Test {
 protected:
  void write(const char* name, std::string_view text = "x") { model_test::write_file(folder_.path() / name, text); }
  std::string open_error() const {
    return error_of([&] { Model::open(folder_.path().string()); });
  }
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }

 private:
  model_test::TempFolder folder_;
};

TEST_F(RefusedFolder, Adapters) {
  write("adapter_config.json", "{}");
  write("adapter_model.safetensors");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("an adapter (PEFT, LoRA), not a model"), HasSubstr("merge_and_unload")));
  write("config.json", small_llama().dump());
  EXPECT_THAT(open_error(), HasSubstr("an adapter (PEFT, LoRA), not a model"));
}

TEST_F(RefusedFolder, WeightsInOtherFormats) {
  const struct {
    const char* file;
    const char* what;
    const char* cure;
  } formats[] = {{"pytorch_model.bin", "pickled weights of PyTorch", "save_pretrained"},
                 {"pytorch_model-00001-of-00002.bin", "pickled weights of PyTorch", "save_pretrained"},
                 {"model.pt", "pickled weights of PyTorch", "safe_serialization"},
                 {"consolidated.00.pth", "pickled weights of PyTorch", "safe_serialization"},
                 {"tf_model.h5", "weights of TensorFlow", "convert it"},
                 {"flax_model.msgpack", "weights of Flax", "convert it"},
                 {"llama-q4_0.gguf", "a GGUF file", "give the path of the GGUF file itself"},
                 {"consolidated.safetensors", "its maker's own tensor names", "in the form of transformers"}};
  for (const auto& format : formats) {
    for (const bool has_config : {false, true}) {
      if (has_config) write("config.json", small_llama().dump());
      write(format.file);
      EXPECT_THAT(open_error(), AllOf(HasSubstr(format.file), HasSubstr(format.what), HasSubstr(format.cure)));
      std::filesystem::remove(path(format.file));
      std::filesystem::remove(path("config.json"));
    }
  }
}

TEST_F(RefusedFolder, FilesThatAreNotGguf) {
  write("model.gguf", "text");
  write("blob", std::string_view("GGUF\3\0\0\0", 8));
  write("other", "GG");
  EXPECT_THAT(error_of([&] { Model::open(path("model.gguf").string()); }), HasSubstr("not a GGUF file"));
  EXPECT_THAT(error_of([&] { Model::open(path("blob").string()); }), HasSubstr("blob: ends at byte 8"));
  EXPECT_THAT(error_of([&] { Model::open(path("other").string()); }), HasSubstr("is a file"));
}

TEST_F(RefusedFolder, QuantizedTensorsWithoutANoteInConfigJson) {
  write("config.json", small_llama().dump());
  for (const char* name : {"model.layers.0.self_attn.q_proj.qweight", "model.layers.0.self_attn.q_proj.SCB",
                           "model.layers.0.mlp.up_proj.weight_scale_inv", "model.layers.0.mlp.up_proj.scales"}) {
    const std::vector<SafetensorsWriter::Tensor> tensors = {{name, "I32", {1}}};
    SafetensorsWriter writer(path("model.safetensors"), tensors);
    writer.write(std::vector<std::int32_t>{1});
    writer.finish();
    EXPECT_THAT(open_error(),
                AllOf(HasSubstr(std::string("'") + name + "': a quantized checkpoint"), HasSubstr("'precision'")));
  }
}

TEST_F(RefusedFolder, EndTokensOfGenerationConfigReplaceThoseOfTheConfig) {
  write("config.json", changed({{"eos_token_id", 3}}).dump());
  EXPECT_EQ(read_config(path("config.json")).end_tokens, std::vector<std::int32_t>{3});
  write("generation_config.json", R"({"eos_token_id": [9, 5, 100], "temperature": 0.6})");
  EXPECT_EQ(read_config(path("config.json")).end_tokens, (std::vector<std::int32_t>{5, 9}));
  write("generation_config.json", R"({"temperature": 0.6})");
  EXPECT_EQ(read_config(path("config.json")).end_tokens, std::vector<std::int32_t>{3});
  for (const char* broken : {"[]", "{", R"({"eos_token_id": "x"})"}) {
    write("generation_config.json", broken);
    EXPECT_THAT(error_of([&] { read_config(path("config.json")); }), HasSubstr("generation_config.json: ")) << broken;
  }
}

}  // namespace
}  // namespace inferbench
