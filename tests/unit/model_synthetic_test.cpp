// SPDX-License-Identifier: Apache-2.0
// Synthetic weights and prompts match the published formula, bit for bit.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/config_json.hpp"
#include "model/families/families.hpp"
#include "model/model.hpp"
#include "model/safetensors_file.hpp"
#include "model/sha256.hpp"
#include "model/synthetic_formula.hpp"
#include "model/synthetic_model.hpp"
#include "model_test_support.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kTestData = test_paths::kData;

const StoredTensor& find_stored(const std::vector<StoredTensor>& list, std::string_view name) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const StoredTensor& s) { return s.name == name; });
  if (found == list.end()) throw std::runtime_error("no tensor " + std::string(name));
  return *found;
}

std::vector<StoredTensor> stored_tensors(const ModelConfig& config) {
  return family_of(config).stored_tensors(config);
}

// A checkpoint's tensor among generated weights. It is in one piece, and its first view begins at its first value.
std::span<const float> generated(const Weights& weights, std::string_view name) {
  const auto list = stored_tensors(weights.config());
  const StoredTensor& stored = find_stored(list, name);
  for (const ib_tensor& tensor : weights.tensors()) {
    if (tensor.name == stored.views.front().name) {
      return {static_cast<const float*>(tensor.data), static_cast<std::size_t>(stored.n_elements())};
    }
  }
  throw std::runtime_error("no view of " + std::string(name));
}

class SyntheticGolden : public testing::TestWithParam<const char*> {
 protected:
  static nlohmann::json about() {
    std::ifstream file(kTestData / GetParam() / "about.json");
    return nlohmann::json::parse(file);
  }
  static Model model() {
    const auto json = about();
    return Model::open("synthetic:" + json["shape"].get<std::string>() +
                       "?seed=" + std::to_string(json["seed"].get<int>()));
  }
};

// about.json has one digest of several tensors, one after the other, or one for each.
TEST_P(SyntheticGolden, WeightsHaveThePublishedSha256) {
  const auto json = about();
  const bool one_digest = json["sha256"].is_string();
  const auto list = stored_tensors(model().config());
  std::vector<std::string> names;
  if (one_digest) names = json["sha256_of"].get<std::vector<std::string>>();
  for (const auto& [name, digest] : json["sha256"].items()) {
    if (!one_digest) names.push_back(name);
  }
  ASSERT_EQ(names.size(), 3U);
  std::vector<float> part(1U << 20U);  // qwen2.5-0.5b's embedding alone takes half a gigabyte
  Sha256 all;
  for (const std::string& name : names) {
    Sha256 digest;
    const StoredTensor& stored = find_stored(list, name);
    const auto n = static_cast<std::size_t>(stored.n_elements());
    for (std::size_t first = 0; first < n; first += part.size()) {
      const auto values = std::span(part).first(std::min(part.size(), n - first));
      fill_stored(values, stored, family_of(model().config()), 0, first);
      (one_digest ? all : digest).update(std::as_bytes(values));
    }
    if (!one_digest) {
      EXPECT_EQ(digest.hex(), json["sha256"][name].get<std::string>()) << name;
    }
  }
  if (one_digest) {
    EXPECT_EQ(all.hex(), json["sha256"].get<std::string>());
  }
}

TEST(SyntheticModel, ViewsHaveTheValuesOfTheFormula) {
  for (const char* reference : {"synthetic:gpt2?seed=5", "synthetic:smollm2-135m?seed=5"}) {
    const Weights weights = Model::open(reference).weights();
    const Family& family = family_of(weights.config());
    for (const StoredTensor& stored : stored_tensors(weights.config())) {
      const auto values = generated(weights, stored.name);
      std::vector<float> expected(std::min<std::size_t>(values.size(), 37));
      fill_stored(expected, stored, family, 5, 0);
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), values.begin())) << stored.name;
      fill_stored(expected, stored, family, 5, values.size() - expected.size());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), values.last(expected.size()).begin())) << stored.name;
    }
  }
}

TEST_P(SyntheticGolden, PromptsAreThePublishedOnes) {
  const auto json = about();
  const auto expected = SafetensorsFile::open(kTestData / GetParam() / "expected.safetensors");
  for (std::size_t i = 0; i < json["prompt_seeds"].size(); ++i) {
    const auto prompt =
        synthetic_prompt(json["prompt_seeds"][i], json["prompt_lengths"][i], model().config().vocab_size);
    EXPECT_EQ(prompt, expected.read_i32("case" + std::to_string(i) + ".input_ids"));
  }
}

TEST(SyntheticModel, ShapesAreThoseOfTheConfigsOfTheirGoldenData) {
  for (const std::string shape : {"smollm2-135m", "qwen2.5-0.5b"}) {
    const ModelConfig config = Model::open("synthetic:" + shape).config();
    ModelConfig expected = read_config(kTestData / ("synthetic-" + shape + "-seed0") / "config.json");
    expected.end_tokens = config.end_tokens;  // the file has the defaults of the configuration class
    EXPECT_EQ(config, expected) << shape;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SyntheticGolden,
                         testing::Values("synthetic-gpt2-seed0", "synthetic-gpt2-medium-seed0",
                                         "synthetic-smollm2-135m-seed0", "synthetic-qwen2.5-0.5b-seed0"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
                           return name;
                         });

// Computed from the text of the formula by a separate program (Python integers, NumPy float32).
TEST(SyntheticFormula, KnownValues) {
  EXPECT_EQ(fnv1a64(""), 0xCBF29CE484222325U);
  EXPECT_EQ(fnv1a64("wte.weight"), 0x61D3A46D83BC4189U);
  EXPECT_EQ(synthetic_bits(synthetic_stream("wte.weight", 0), 0), 0x31C98B3A776F7B93U);
  EXPECT_EQ(synthetic_bits(synthetic_stream("h.0.ln_1.weight", 7), 12345), 0x2852422FDF74DFBBU);
  EXPECT_EQ(synthetic_bits(synthetic_stream("prompt", UINT64_MAX), UINT64_MAX - 5), 0xE62B2FA16309030DU);
  // 3 of these six values would differ if the multiply and the add were fused.
  std::vector<float> values(6);
  fill_synthetic(values, synthetic_stream("h.3.ln_2.weight", 9), 355, 0.1F, 1.0F);
  EXPECT_EQ(values, (std::vector<float>{0x1.05e7060000000p+0F, 0x1.f0f1c20000000p-1F, 0x1.0d2c840000000p+0F,
                                        0x1.064f4c0000000p+0F, 0x1.ce325c0000000p-1F, 0x1.172c3c0000000p+0F}));
  EXPECT_EQ(synthetic_prompt(3, 4, 1000), (std::vector<std::int32_t>{850, 377, 525, 260}));
}

TEST(SyntheticFormula, AnyPieceEqualsTheWhole) {
  std::vector<float> whole(1000);
  fill_synthetic(whole, 42, 0, 0.06F, 0.0F);
  std::vector<float> piece(37);
  fill_synthetic(piece, 42, 511, 0.06F, 0.0F);
  EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + 511));
}

TEST(SyntheticModel, ShapesAreGpt2s) {
  const struct {
    const char* reference;
    std::int32_t layers, heads, width;
    std::uint64_t parameters;
  } shapes[] = {{"synthetic:gpt2", 12, 12, 768, 124439808},
                {"synthetic:gpt2-medium", 24, 16, 1024, 354823168},
                {"synthetic:gpt2-large", 36, 20, 1280, 774030080},
                {"synthetic:gpt2-xl", 48, 25, 1600, 1557611200}};
  for (const auto& shape : shapes) {
    const Model model = Model::open(shape.reference);
    EXPECT_EQ(model.config().n_layers, shape.layers);
    EXPECT_EQ(model.config().n_heads, shape.heads);
    EXPECT_EQ(model.config().hidden_size, shape.width);
    EXPECT_EQ(model.config().intermediate_size, 4 * shape.width);
    EXPECT_EQ(model.config().max_positions, 1024);
    EXPECT_EQ(model.config().vocab_size, 50257);
    EXPECT_TRUE(model.config().tied_head);
    EXPECT_EQ(model.n_parameters(), shape.parameters) << shape.reference;
    EXPECT_EQ(model.place(), std::nullopt);
    EXPECT_TRUE(model.files().empty());
    EXPECT_EQ(model.name(), shape.reference);
  }
}

TEST(SyntheticModel, ShapesOfEveryFamilyHaveThePublishedParameters) {
  const struct {
    const char* reference;
    const char* model_type;
    std::uint64_t parameters;
  } shapes[] = {{"synthetic:smollm2-135m", "llama", 134515008},    {"synthetic:qwen2.5-0.5b", "qwen2", 494032768},
                {"synthetic:qwen2.5-1.5b", "qwen2", 1543714304},   {"synthetic:qwen3-0.6b", "qwen3", 596049920},
                {"synthetic:tinyllama-1.1b", "llama", 1100048384}, {"synthetic:llama-3.2-1b", "llama", 1235814400},
                {"synthetic:llama-3.2-3b", "llama", 3212749824},   {"synthetic:mistral-7b-v0.3", "mistral", 7248023552},
                {"synthetic:gemma-2-2b", "gemma2", 2614341888},    {"synthetic:gemma-3-1b", "gemma3_text", 999885952}};
  for (const auto& shape : shapes) {
    const Model model = Model::open(shape.reference);
    EXPECT_EQ(model.config().model_type, shape.model_type) << shape.reference;
    EXPECT_EQ(model.n_parameters(), shape.parameters) << shape.reference;
    EXPECT_EQ(model.config().end_tokens.size(), 1U) << shape.reference;
  }
  EXPECT_EQ(Model::open("synthetic:gemma-3-1b").config().layers[5].window, 0);
  EXPECT_EQ(Model::open("synthetic:gemma-3-1b").config().layers[6].window, 512);
}

// A checkpoint would store norms in 0 +- 0.1; the description gets 1 + w.
TEST(SyntheticModel, GemmasNormsAndEmbeddingsDiffer) {
  for (const char* reference : {"synthetic:gemma-3-1b", "synthetic:gemma-2-2b"}) {
    const ModelConfig config = Model::open(reference).config();
    const auto list = stored_tensors(config);
    const auto filled = [&](const char* name) {
      std::vector<float> values(50);
      fill_stored(values, find_stored(list, name), family_of(config), 3, 7);
      return values;
    };
    const auto plain = [](const char* name, float amplitude) {
      std::vector<float> values(50);
      fill_synthetic(values, synthetic_stream(name, 3), 7, amplitude, 0.0F);
      return values;
    };
    auto norm = plain("layers.2.pre_feedforward_layernorm.weight", 0.1F);
    for (float& value : norm) value += 1;
    EXPECT_EQ(filled("layers.2.pre_feedforward_layernorm.weight"), norm);
    EXPECT_EQ(filled("embed_tokens.weight"), plain("embed_tokens.weight", 0.012F));
    EXPECT_EQ(filled("layers.0.mlp.gate_proj.weight"), plain("layers.0.mlp.gate_proj.weight", 0.06F));
  }
}

TEST(SyntheticModel, SeedsAreDistinctModels) {
  const Model zero = Model::open("synthetic:gpt2");
  EXPECT_EQ(zero.sha256(), Model::open("synthetic:gpt2?seed=0").sha256());
  const Model other = Model::open("synthetic:gpt2?seed=18446744073709551615");
  EXPECT_EQ(other.name(), "synthetic:gpt2?seed=18446744073709551615");
  EXPECT_NE(other.sha256(), zero.sha256());
  EXPECT_NE(Model::open("synthetic:gpt2-medium").sha256(), zero.sha256());
}

TEST(SyntheticModel, MistakesSayWhatIsKnown) {
  EXPECT_THAT(error_of([] { Model::open("synthetic:gpt2-medum"); }),
              AllOf(HasSubstr("unknown shape"), HasSubstr("did you mean 'synthetic:gpt2-medium'?")));
  EXPECT_THAT(error_of([] { Model::open("synthetic:llama"); }), HasSubstr("synthetic:llama-3.2-1b"));
  EXPECT_THAT(error_of([] { Model::open("synthetic:"); }), HasSubstr("unknown shape"));
  for (const char* reference :
       {"synthetic:gpt2?", "synthetic:gpt2?seed=", "synthetic:gpt2?seed=-1", "synthetic:gpt2?seed=1.5",
        "synthetic:gpt2?seed=18446744073709551616", "synthetic:gpt2?seed=1&x=2", "synthetic:gpt2?sed=1"}) {
    EXPECT_THAT(error_of([&] { Model::open(reference); }), HasSubstr("?seed=N")) << reference;
  }
}

TEST(Sha256, KnownDigests) {
  EXPECT_EQ(Sha256().hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 digest;
  digest.update("a");
  digest.update("bc");
  EXPECT_EQ(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const model_test::TempFolder folder;
  model_test::write_file(folder.path() / "x", std::string(3'000'000, 'a'));  // more than one full read
  EXPECT_EQ(sha256_of_file(folder.path() / "x"), "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4");
  EXPECT_THAT(error_of([&] { sha256_of_file(folder.path() / "none"); }), HasSubstr("cannot open"));
}

}  // namespace
}  // namespace inferbench
