// SPDX-License-Identifier: Apache-2.0
// Rotary tables of every rule against numbers that a separate program computed from the published formulas.
#include <nlohmann/json.hpp>

#include "model/config_json.hpp"
#include "model_test_support.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;
using model_test::error_of;
using testing::AllOf;
using testing::DoubleNear;
using testing::HasSubstr;

Json llama(std::int32_t head_dim) {
  return {{"model_type", "llama"},        {"num_hidden_layers", 1}, {"num_attention_heads", 2},
          {"hidden_size", 2 * head_dim},  {"intermediate_size", 8}, {"vocab_size", 16},
          {"max_position_embeddings", 64}};
}

ModelConfig with(const Json& more, std::int32_t head_dim = 16) {
  Json json = llama(head_dim);
  json.update(more);
  return parse_config(json.dump(), "c.json");
}

void expect_frequencies(const ModelConfig& config, const std::vector<std::size_t>& indices,
                        const std::vector<double>& expected) {
  ASSERT_EQ(config.rotary_scales.size(), 1U);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const double frequency = config.rotary_frequencies.at(indices[i]);
    EXPECT_THAT(frequency, DoubleNear(expected[i], 1e-14 * expected[i])) << "pair " << indices[i];
  }
}

const std::vector<std::size_t> kAll = {0, 1, 2, 3, 4, 5, 6, 7};

TEST(Rotary, DefaultAndLinear) {
  const std::vector<double> plain = {1.0,  0.31622776601683794,   0.1,   0.03162277660168379,
                                     0.01, 0.0031622776601683794, 0.001, 0.00031622776601683794};
  for (const Json& form : {Json::object(), Json{{"rope_theta", 10000}}, Json{{"rope_scaling", nullptr}},
                           Json{{"rope_parameters", {{"rope_theta", 1e4}, {"rope_type", "default"}}}}}) {
    const ModelConfig config = with(form);
    EXPECT_EQ(config.rotary_frequencies.size(), 8U);
    EXPECT_EQ(config.rotary_scales, std::vector<double>{1});
    expect_frequencies(config, kAll, plain);
  }
  const std::vector<double> linear = {0.25,   0.07905694150420949,   0.025,   0.007905694150420948,
                                      0.0025, 0.0007905694150420948, 0.00025, 7.905694150420948e-05};
  expect_frequencies(with({{"rope_scaling", {{"type", "linear"}, {"factor", 4}}}}), kAll, linear);
  expect_frequencies(with({{"rope_parameters", {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 1e4}}}}), kAll,
                     linear);
}

TEST(Rotary, Llama3) {
  Json rule = {{"rope_type", "llama3"},
               {"factor", 8.0},
               {"low_freq_factor", 1.0},
               {"high_freq_factor", 4.0},
               {"original_max_position_embeddings", 32}};
  expect_frequencies(with({{"rope_theta", 5e5}, {"rope_scaling", rule}}), kAll,
                     {1.0, 0.02424034309358572, 0.004700753866357992, 0.0009115830921521387, 0.00017677669529663688,
                      3.428102195952591e-05, 6.647869871181235e-06, 1.2891731721515574e-06});
  rule["factor"] = 32.0;
  rule["original_max_position_embeddings"] = 8192;
  rule["rope_theta"] = 5e5;
  const ModelConfig config = with({{"rope_parameters", rule}}, 64);
  EXPECT_EQ(config.rotary_scales[0], 1);
  expect_frequencies(config, {0, 10, 14, 15, 16, 17, 18, 31},
                     {1.0, 0.016560440080994446, 0.003211445994752591, 0.001290547928209264, 0.00042955679655936815,
                      9.70828780262767e-05, 1.9461638184831125e-05, 9.41830672543491e-08});
}

TEST(Rotary, YarnOfQwen) {
  const Json rule = {{"type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  const ModelConfig config = with({{"rope_theta", 1e6}, {"rope_scaling", rule}}, 128);
  EXPECT_THAT(config.rotary_scales[0], DoubleNear(1.138629436111989, 1e-15));
  expect_frequencies(config, {0, 20, 24, 30, 38, 41, 63},
                     {1.0, 0.01333521432163324, 0.005375321490790102, 0.0010643609812470017, 9.262301704129459e-05,
                      3.582531425592407e-05, 3.102344401879299e-07});
}

TEST(Rotary, YarnWithAllItsOptions) {
  Json rule = {{"rope_type", "yarn"}, {"factor", 8.0}, {"beta_fast", 4},
               {"beta_slow", 0.5},    {"mscale", 2.0}, {"mscale_all_dim", 0.5}};
  const ModelConfig config = with({{"rope_scaling", rule}});  // its original context is max_position_embeddings
  EXPECT_THAT(config.rotary_scales[0], DoubleNear(1.2825399643040467, 1e-15));
  expect_frequencies(config, kAll,
                     {1.0, 0.2239946675952602, 0.04166666666666667, 0.003952847075210474, 0.00125,
                      0.00039528470752104737, 0.000125, 3.952847075210474e-05});
  rule["truncate"] = false;
  rule["attention_factor"] = 0.75;
  const ModelConfig other = with({{"rope_scaling", rule}});
  EXPECT_EQ(other.rotary_scales[0], 0.75);
  expect_frequencies(other, kAll,
                     {1.0, 0.28740859576652095, 0.042441793456175964, 0.003952847075210474, 0.00125,
                      0.00039528470752104737, 0.000125, 3.952847075210474e-05});
  rule["factor"] = nullptr;
  rule["original_max_position_embeddings"] = 8;
  expect_frequencies(with({{"rope_scaling", rule}}), {7}, {3.952847075210474e-05});  // 64 / 8 is the factor
}

std::string rule_error(const Json& rule) {
  return error_of([&] { with({{"rope_scaling", rule}}); });
}

TEST(Rotary, RefusesRulesThatDependOnTheText) {
  for (const char* type : {"dynamic", "longrope", "su"}) {
    EXPECT_THAT(rule_error({{"type", type}, {"factor", 2.0}}),
                AllOf(HasSubstr(std::string("c.json: rope_scaling.rope_type: '") + type + "' depends on the length"),
                      HasSubstr("default, linear, llama3 and yarn")));
  }
}

TEST(Rotary, RefusesUnknownRulesAndWrongNumbers) {
  EXPECT_THAT(rule_error({{"rope_type", "mrope"}}), HasSubstr("rope_scaling.rope_type: 'mrope' is not supported"));
  EXPECT_THAT(rule_error({{"rope_type", 3}}), HasSubstr("rope_type: 3 is not a name"));
  EXPECT_THAT(rule_error({{"type", "linear"}}), HasSubstr("rope_scaling.factor: is missing"));
  for (const Json& factor : {Json(0), Json(-2), Json("4"), Json(1e300)}) {
    EXPECT_THAT(rule_error({{"type", "linear"}, {"factor", factor}}), HasSubstr("factor")) << factor;
  }
  EXPECT_THAT(rule_error({{"type", "llama3"},
                          {"factor", 8},
                          {"low_freq_factor", 4},
                          {"high_freq_factor", 4},
                          {"original_max_position_embeddings", 32}}),
              HasSubstr("high_freq_factor: 4 is not above low_freq_factor, 4"));
  EXPECT_THAT(rule_error({{"type", "llama3"}, {"factor", 8}, {"low_freq_factor", 1}, {"high_freq_factor", 4}}),
              HasSubstr("original_max_position_embeddings: is missing"));
  EXPECT_THAT(rule_error({{"type", "yarn"}, {"factor", 4}, {"beta_fast", "x"}}), HasSubstr("beta_fast: 'x'"));
  EXPECT_THAT(rule_error("linear"), HasSubstr("rope_scaling: 'linear' is not an object"));
  EXPECT_THAT(error_of([] { with({{"rope_theta", 0.5}}); }), HasSubstr("rope_theta: 0.5 is out of range"));
}

TEST(Rotary, RefusesWhatContradictsItself) {
  const Json parameters = {{"rope_theta", 1e4}, {"rope_type", "default"}};
  EXPECT_THAT(error_of([&] {
                with({{"rope_theta", 5e5}, {"rope_parameters", parameters}});
              }),
              HasSubstr("rope_parameters.rope_theta: is 10000.0, but rope_theta is 500000.0"));
  EXPECT_THAT(error_of([&] {
                with({{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}, {"rope_parameters", parameters}});
              }),
              HasSubstr("rope_scaling: differs from rope_parameters"));
  EXPECT_THAT(error_of([&] {
                with({{"rope_parameters", {{"full_attention", parameters}}}});
              }),
              HasSubstr("rope_parameters.full_attention: rotary positions by layer type"));
  EXPECT_THAT(error_of([] { with({{"partial_rotary_factor", 0.5}}); }), HasSubstr("partial_rotary_factor: 0.5"));
  EXPECT_THAT(rule_error({{"type", "default"}, {"partial_rotary_factor", 0.25}}), HasSubstr("partial_rotary_factor"));
  EXPECT_EQ(with({{"partial_rotary_factor", 1.0}}).rotary_frequencies.size(), 8U);
}

}  // namespace
}  // namespace inferbench
