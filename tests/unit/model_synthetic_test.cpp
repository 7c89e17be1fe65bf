// SPDX-License-Identifier: Apache-2.0
// Synthetic weights and prompts match the published formula, bit for bit.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/model.hpp"
#include "model/safetensors_file.hpp"
#include "model/sha256.hpp"
#include "model/synthetic_formula.hpp"
#include "model_test_support.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using testing::AllOf;
using testing::HasSubstr;

const std::filesystem::path kTestData = test_paths::kData;

const ib_tensor& find_tensor(const Weights& weights, std::string_view name) {
  const auto tensors = weights.tensors();
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const ib_tensor& t) { return t.name == name; });
  if (found == tensors.end()) throw std::runtime_error("no tensor " + std::string(name));
  return *found;
}

class SyntheticShape : public testing::TestWithParam<const char*> {};

TEST_P(SyntheticShape, WeightsHaveThePublishedSha256) {
  std::ifstream file(kTestData / GetParam() / "about.json");
  const auto about = nlohmann::json::parse(file);
  const std::string reference =
      "synthetic:" + about["shape"].get<std::string>() + "?seed=" + std::to_string(about["seed"].get<int>());
  const Weights weights = Model::open(reference).weights();
  Sha256 digest;
  for (const std::string name : about["sha256_of"]) {
    const ib_tensor& tensor = find_tensor(weights, name);
    digest.update(std::span(static_cast<const std::byte*>(tensor.data), tensor.n_bytes));
  }
  EXPECT_EQ(digest.hex(), about["sha256"].get<std::string>());
}

TEST_P(SyntheticShape, PromptsAreThePublishedOnes) {
  std::ifstream file(kTestData / GetParam() / "about.json");
  const auto about = nlohmann::json::parse(file);
  const auto expected = SafetensorsFile::open(kTestData / GetParam() / "expected.safetensors");
  for (std::size_t i = 0; i < about["prompt_seeds"].size(); ++i) {
    const auto prompt = synthetic_prompt(about["prompt_seeds"][i], about["prompt_lengths"][i], 50257);
    EXPECT_EQ(prompt, expected.read_i32("case" + std::to_string(i) + ".input_ids"));
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, SyntheticShape, testing::Values("synthetic-gpt2-seed0", "synthetic-gpt2-medium-seed0"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::erase(name, '-');
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
    EXPECT_EQ(model.config().width, shape.width);
    EXPECT_EQ(model.config().inner, 4 * shape.width);
    EXPECT_EQ(model.config().context, 1024);
    EXPECT_EQ(model.config().vocab, 50257);
    EXPECT_TRUE(model.config().tied_head);
    EXPECT_EQ(model.n_parameters(), shape.parameters) << shape.reference;
    EXPECT_EQ(model.folder(), std::nullopt);
    EXPECT_TRUE(model.files().empty());
    EXPECT_EQ(model.name(), shape.reference);
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
  EXPECT_THAT(error_of([] { Model::open("synthetic:llama"); }), HasSubstr("synthetic:gpt2-xl"));
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
