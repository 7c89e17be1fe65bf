// SPDX-License-Identifier: Apache-2.0
// The loss from cpu_quant's narrow weights and activations on real text: KL divergence from fp32, and perplexity, on
// every full window of the Shakespeare validation text, compared with cpu_ref in the same run, of a trained GPT-2 and a
// trained Llama.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "quality/agreement.hpp"
#include "quality/window_runner.hpp"
#include "support/test_paths.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

// A trained model. perplexity: validation.perplexity of its expected.json, over all windows. The last, shorter one is
// included; it moves the mean by less than the tolerance below.
struct Trained {
  const char* folder;
  double perplexity;
};
constexpr Trained kGpt2{"shakespeare", 32.061};
constexpr Trained kLlama{"shakespeare-llama", 28.134};

std::filesystem::path path_of(const std::string& folder) {
  return std::filesystem::path(test_paths::kData) / folder;
}

// Of both models: they have the same tokenizer.
std::vector<std::int32_t> validation_tokens() {
  std::ifstream file(path_of("shakespeare") / "validation.txt", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return Tokenizer::load(path_of("shakespeare")).encode(text);
}

BackendModel load(const Trained& trained, const std::string& library, const std::string& precision,
                  const std::map<std::string, std::string>& options) {
  const Plugin plugin = Plugin::load(std::filesystem::path(test_paths::kPlugins) / library);
  return BackendModel(BackendContext(plugin, 2), Model::open(path_of(trained.folder).string()).weights(), precision,
                      OptionValues(plugin.options(), options));
}

// Compares every `every`-th full window: the window at a predicts tokens a + 1 ... a + context with an empty cache.
Agreement compare(const BackendModel& reference, const BackendModel& tested, std::size_t every) {
  const std::vector<std::int32_t> tokens = validation_tokens();
  const auto context = static_cast<std::size_t>(tested.config().max_positions);
  WindowRunner runner(tested, reference, tested.config().max_positions, 1, 2);
  std::vector<WindowAgreement> windows;
  for (std::size_t a = 0; a + context < tokens.size(); a += every * context) {
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(a);
    const std::vector<Window> window{{{first, first + static_cast<std::ptrdiff_t>(context) + 1}}};
    windows.push_back(runner.run(window).front());
  }
  return summarize_agreement(windows, true);
}

struct Bound {
  Trained model;
  const char* precision;
  const char* head;
  double kl;
  double perplexity;  // relative increase
};

class QuantQuality : public testing::TestWithParam<Bound> {};

TEST_P(QuantQuality, StaysWithinTheBoundsOnAllValidationText) {
  const Bound bound = GetParam();
  const Agreement found = compare(load(bound.model, "libcpu_ref.so", "", {}),
                                  load(bound.model, "libcpu_quant.so", bound.precision, {{"head", bound.head}}), 1);
  ASSERT_TRUE(found.reference);
  const double kl = found.reference->kl.value;
  const double ratio = found.perplexity.value / found.reference->perplexity;
  std::printf("%s, %s, head %s: KL %.4g, perplexity %+.4f%%\n", bound.model.folder, bound.precision, bound.head, kl,
              100 * (ratio - 1));
  EXPECT_NEAR(found.reference->perplexity, bound.model.perplexity, 0.02);
  EXPECT_GT(kl, 1e-6) << "that is no 8-bit model";
  EXPECT_LE(kl, bound.kl);
  EXPECT_NEAR(ratio, 1.0, bound.perplexity);
}

// If windows go through AMX in bf16, also tests the 8-bit activations with which such a machine decodes.
TEST_P(QuantQuality, StaysWithinTheBoundsWithQuantizedActivations) {
  const Bound bound = GetParam();
  if (std::string(load(bound.model, "libcpu_quant.so", bound.precision, {{"head", bound.head}}).info().kernels) !=
      "amx") {
    GTEST_SKIP() << "here all activations are quantized: the test above";
  }
  const BackendModel tested =
      load(bound.model, "libcpu_quant.so", bound.precision, {{"isa", "avx512vnni"}, {"head", bound.head}});
  const Agreement found = compare(load(bound.model, "libcpu_ref.so", "", {}), tested, 1);
  const double kl = found.reference.value().kl.value;
  const double ratio = found.perplexity.value / found.reference->perplexity;
  std::printf("%s, %s, quantized activations: KL %.4g, perplexity %+.4f%%\n", bound.model.folder, bound.precision, kl,
              100 * (ratio - 1));
  EXPECT_LE(kl, bound.kl);
  EXPECT_NEAR(ratio, 1.0, bound.perplexity);
}

// A head in 5 bits is what large vocabularies get beside int4 weights.
INSTANTIATE_TEST_SUITE_P(
    Precisions, QuantQuality,
    testing::Values(Bound{kGpt2, "int8", "int8", 1.5e-4, 0.001}, Bound{kGpt2, "int4", "int8", 9e-3, 0.005},
                    Bound{kLlama, "int8", "int8", 1.5e-4, 0.001}, Bound{kLlama, "int4", "int8", 7e-3, 0.005},
                    Bound{kLlama, "int4", "int5", 7e-3, 0.005}),
    [](const auto& one) {
      return std::string(one.param.precision) + (one.index < 2 ? "Gpt2" : "Llama") + "Head" + one.param.head;
    });

// The loss from the cache format alone, relative to the loss from the weights: int8 keys and values may add at most as
// much as int8 weights do; compared with int4 weights they must be negligible.
TEST(QuantQuality, CacheFormatsCostLittle) {
  const BackendModel reference = load(kLlama, "libcpu_ref.so", "", {});
  for (const auto& [precision, most] : {std::pair{"int8", 2.0}, std::pair{"int4", 1.02}}) {
    const auto kl_of = [&, weights = precision](const char* kv) {
      return compare(reference, load(kLlama, "libcpu_quant.so", weights, {{"kv", kv}}), 8).reference.value().kl.value;
    };
    const double wide = kl_of("f32");
    for (const char* kv : {"f16", "int8"}) {
      const double narrow = kl_of(kv);
      std::printf("%s, kv %s: KL %.4g, with f32 %.4g\n", precision, kv, narrow, wide);
      EXPECT_LE(narrow, most * wide) << precision << " " << kv;
    }
  }
}

}  // namespace
}  // namespace inferbench
