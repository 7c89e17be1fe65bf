// SPDX-License-Identifier: Apache-2.0
// Every key of config.json that changes the logits is either applied or refused.
#include <nlohmann/json.hpp>

#include "model/config_json.hpp"
#include "model_test_support.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;
using model_test::error_of;
using testing::AllOf;
using testing::HasSubstr;

Json gpt2() {
  return Json{{"model_type", "gpt2"}, {"n_layer", 2},       {"n_head", 4},
              {"n_embd", 64},         {"n_positions", 128}, {"vocab_size", 257}};
}

ModelConfig config_of(const Json& json) {
  return parse_config(json.dump(), "c.json");
}

ModelConfig parse_with(const char* key, Json value) {
  Json json = gpt2();
  json[key] = std::move(value);
  return config_of(json);
}

std::string error_with(const char* key, Json value) {
  return error_of([&] { parse_with(key, std::move(value)); });
}

TEST(ConfigJson, DefaultsAreHuggingFaces) {
  const ModelConfig config = config_of(gpt2());
  EXPECT_EQ(config.n_layers, 2);
  EXPECT_EQ(config.n_heads, 4);
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.intermediate_size, 256);
  EXPECT_EQ(config.max_positions, 128);
  EXPECT_EQ(config.vocab_size, 257);
  EXPECT_EQ(config.activation, IB_ACTIVATION_GELU_TANH);
  EXPECT_EQ(config.n_kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.model_type, "gpt2");
  EXPECT_EQ(config.norm, IB_NORM_LAYER);
  EXPECT_TRUE(config.learned_positions && config.qkv_bias && config.attn_out_bias && config.mlp_bias);
  EXPECT_FALSE(config.gated || config.qk_norm || config.post_norm);
  EXPECT_EQ(config.layers, (std::vector<ib_layer_desc>(2, {0, -1, 0.25})));
  EXPECT_TRUE(config.rotary_frequencies.empty() && config.rotary_scales.empty());
  EXPECT_TRUE(config.tied_head);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
  EXPECT_TRUE(config.end_tokens.empty());
}

TEST(ConfigJson, HonoursEachFlag) {
  EXPECT_EQ(parse_with("activation_function", "gelu_new").activation, IB_ACTIVATION_GELU_TANH);
  EXPECT_EQ(parse_with("activation_function", "gelu").activation, IB_ACTIVATION_GELU_ERF);
  EXPECT_EQ(parse_with("activation_function", "relu").activation, IB_ACTIVATION_RELU);
  EXPECT_EQ(parse_with("scale_attn_weights", false).layers, (std::vector<ib_layer_desc>(2, {0, -1, 1})));
  EXPECT_EQ(parse_with("scale_attn_by_inverse_layer_idx", true).layers,
            (std::vector<ib_layer_desc>{{0, -1, 0.25}, {0, -1, 0.125}}));
  EXPECT_FALSE(parse_with("tie_word_embeddings", false).tied_head);
  EXPECT_EQ(parse_with("n_inner", 160).intermediate_size, 160);
  EXPECT_EQ(parse_with("n_inner", nullptr).intermediate_size, 256);
  EXPECT_EQ(parse_with("layer_norm_epsilon", 1e-3).norm_epsilon, 1e-3);
  EXPECT_EQ(parse_with("layer_norm_epsilon", 1).norm_epsilon, 1.0);
}

TEST(ConfigJson, EndTokensAreOneOrSeveral) {
  using Tokens = std::vector<std::int32_t>;
  EXPECT_EQ(parse_with("eos_token_id", 256).end_tokens, Tokens{256});
  EXPECT_EQ(parse_with("eos_token_id", nullptr).end_tokens, Tokens{});
  EXPECT_EQ(parse_with("eos_token_id", 50256).end_tokens, Tokens{}) << "not in the vocabulary";
  EXPECT_EQ(parse_with("eos_token_id", Json::array({9, 257, 7, 9})).end_tokens, (Tokens{7, 9}));
  EXPECT_EQ(parse_with("eos_token_id", Json::array()).end_tokens, Tokens{});
  for (const Json& value :
       {Json(-2), Json("</s>"), Json(1.5), Json::array({1, "x"}), Json::array({Json::array({1})})}) {
    EXPECT_THAT(error_with("eos_token_id", value), HasSubstr("c.json: eos_token_id: ")) << value;
  }
}

TEST(ConfigJson, OtherNamesOfTheSameActivationAreTheSame) {
  for (const char* name : {"gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_fast"}) {
    EXPECT_EQ(parse_with("activation_function", name).activation, IB_ACTIVATION_GELU_TANH) << name;
  }
  EXPECT_EQ(parse_with("activation_function", "gelu_python").activation, IB_ACTIVATION_GELU_ERF);
  for (const char* name : {"silu", "swish"}) {
    EXPECT_EQ(parse_with("activation_function", name).activation, IB_ACTIVATION_SILU) << name;
  }
  for (const char* name : {"quick_gelu", "gelu_10", "mish", "relu2", "GELU", ""}) {
    EXPECT_THAT(error_with("activation_function", name), HasSubstr("is not supported")) << name;
  }
}

TEST(ConfigJson, IgnoresWhatDoesNotChangeTheLogits) {
  Json json = gpt2();
  json.update({{"resid_pdrop", 0.1},
               {"architectures", {"GPT2LMHeadModel"}},
               {"reorder_and_upcast_attn", true},
               {"use_cache", true},
               {"n_ctx", 128},
               {"add_cross_attention", false},
               {"quantization_config", nullptr},
               {"pruned_heads", Json::object()},
               {"task_specific_params", {{"text-generation", {{"max_length", 50}}}}},
               {"id2label", {{"0", "LABEL_0"}}}});
  EXPECT_EQ(config_of(json), config_of(gpt2()));
}

TEST(ConfigJson, ReadsHuggingFacesCommonNames) {
  const Json json = {{"model_type", "gpt2"}, {"num_hidden_layers", 2},         {"num_attention_heads", 4},
                     {"hidden_size", 64},    {"max_position_embeddings", 128}, {"vocab_size", 257}};
  EXPECT_EQ(config_of(json), config_of(gpt2()));
  EXPECT_EQ(parse_with("hidden_size", 64).hidden_size, 64);
  EXPECT_THAT(error_with("hidden_size", 32), HasSubstr("c.json: n_embd: is 64, but hidden_size is 32"));
}

TEST(ConfigJson, RefusesWhatIsNotAPlainGpt2) {
  EXPECT_THAT(error_with("model_type", "t5"),
              AllOf(HasSubstr("c.json: model_type: 't5' is not supported"), HasSubstr("gpt2, llama")));
  EXPECT_THAT(error_with("model_type", nullptr), HasSubstr("model_type: is missing"));
  EXPECT_THAT(error_with("model_type", 3), HasSubstr("model_type: 3"));
  EXPECT_THAT(error_with("architectures", Json::array({"GPT2ForSequenceClassification"})), HasSubstr("architectures"));
  EXPECT_THAT(error_with("architectures", "GPT2LMHeadModel"), HasSubstr("not an array"));
  EXPECT_THAT(error_with("add_cross_attention", true), HasSubstr("add_cross_attention"));
  EXPECT_THAT(error_with("is_encoder_decoder", true), HasSubstr("is_encoder_decoder"));
  EXPECT_THAT(error_with("quantization_config", {{"bits", 4}}), HasSubstr("quantization_config"));
  EXPECT_THAT(error_with("pruned_heads", {{"0", {1}}}), HasSubstr("pruned_heads"));
  EXPECT_THAT(error_with("n_ctx", 64), HasSubstr("n_ctx: is 64, but n_positions is 128"));
}

TEST(ConfigJson, RefusesUnknownActivations) {
  EXPECT_THAT(
      error_with("activation_function", "mish"),
      AllOf(HasSubstr("activation_function: 'mish'"), HasSubstr("\"relu\", \"silu\", \"swish\" are supported")));
  EXPECT_THAT(error_with("activation_function", 1), HasSubstr("activation_function: 1"));
  EXPECT_THAT(error_with("activation_function", Json::array({"relu"})), HasSubstr("an array"));
}

class ConfigDimension : public testing::TestWithParam<const char*> {};

TEST_P(ConfigDimension, RefusesHostileNumbers) {
  const char* key = GetParam();
  for (const Json& value :
       {Json(0), Json(-1), Json(INT64_MIN), Json(INT64_MAX), Json(UINT64_MAX), Json(2147483648), Json(4294967297)}) {
    EXPECT_THAT(error_with(key, value), AllOf(HasSubstr(key), HasSubstr("out of range"))) << value;
  }
  for (const Json& value : {Json(64.0), Json(1e300), Json("64"), Json(true), Json::array({64}), Json::object()}) {
    EXPECT_THAT(error_with(key, value), AllOf(HasSubstr(key), HasSubstr("not an integer"))) << value;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ConfigDimension,
                         testing::Values("n_layer", "n_head", "n_embd", "n_positions", "vocab_size", "n_inner"));

TEST(ConfigJson, RefusesAMissingShape) {
  for (const char* key : {"n_layer", "n_head", "n_embd", "n_positions", "vocab_size"}) {
    Json json = gpt2();
    json.erase(key);
    EXPECT_THAT(error_of([&] { config_of(json); }), AllOf(HasSubstr(key), HasSubstr("is missing")));
    json[key] = nullptr;
    EXPECT_THAT(error_of([&] { config_of(json); }), HasSubstr("is missing"));
  }
}

TEST(ConfigJson, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_THAT(error_with("n_head", 3), HasSubstr("n_head 3 does not divide n_embd 64"));
  EXPECT_THAT(error_with("n_head", 128), HasSubstr("does not divide"));
}

TEST(ConfigJson, RefusesWrongFlagsAndEpsilons) {
  for (const char* key : {"scale_attn_weights", "scale_attn_by_inverse_layer_idx", "tie_word_embeddings"}) {
    for (const Json& value : {Json(0), Json(1), Json("true"), Json::array()}) {
      EXPECT_THAT(error_with(key, value), AllOf(HasSubstr(key), HasSubstr("not true or false")));
    }
  }
  for (const Json& value : {Json(0), Json(-1e-5), Json(1.5), Json(1e300), Json("1e-5"), Json(true)}) {
    EXPECT_THAT(error_with("layer_norm_epsilon", value), HasSubstr("layer_norm_epsilon")) << value;
  }
}

std::string text_error(std::string_view text) {
  return error_of([&] { parse_config(text, "c.json"); });
}

TEST(ConfigJson, RefusesBrokenJson) {
  EXPECT_THAT(text_error(""), HasSubstr("c.json: not valid JSON"));
  EXPECT_THAT(text_error("{\"n_layer\": 2"), HasSubstr("not valid JSON"));
  EXPECT_THAT(text_error("[1]"), HasSubstr("an array where an object was expected"));
  EXPECT_THAT(text_error("7"), HasSubstr("7 where an object was expected"));
  EXPECT_THAT(text_error("{\"layer_norm_epsilon\": 1e999}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(text_error("{\"a\": NaN}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(text_error(std::string("{}\0{}", 5)), HasSubstr("NUL at byte 2"));
  EXPECT_THAT(text_error("\xff\xfe{}"), HasSubstr("not valid JSON"));
}

TEST(ConfigJson, RefusesAKeyThatStandsTwice) {
  EXPECT_THAT(text_error(R"({"n_layer": 2, "n_layer": 3})"), HasSubstr("key 'n_layer' occurs twice"));
  EXPECT_THAT(text_error(R"({"a": [{"b": 1, "b": 1}]})"), HasSubstr("key 'b' occurs twice"));
  EXPECT_THAT(text_error(R"({"a": {"b": 1}, "b": {"a": 1}})"), HasSubstr("model_type")) << "not the same object";
}

TEST(ConfigJson, RefusesBombs) {
  EXPECT_THAT(text_error(std::string(1'000'000, '[')), HasSubstr("nested deeper than 64"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  EXPECT_THAT(text_error(objects), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(text_error(std::string(5'000'000, ' ')), HasSubstr("at most 4194304 are accepted"));
}

TEST(ConfigJson, FilesAreNamedAndBounded) {
  const model_test::TempFolder folder;
  EXPECT_THAT(error_of([&] { read_config(folder.path() / "config.json"); }), HasSubstr("config.json: cannot open"));
  model_test::write_file(folder.path() / "config.json", std::string(5'000'000, ' '));
  EXPECT_THAT(error_of([&] { read_config(folder.path() / "config.json"); }), HasSubstr("5000000 bytes"));
}

}  // namespace
}  // namespace inferbench
