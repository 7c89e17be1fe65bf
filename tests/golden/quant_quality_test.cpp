// SPDX-License-Identifier: Apache-2.0
// What the narrow weights and activations of cpu_quant cost on real text: KL divergence to fp32 and perplexity on every
// whole window of the Shakespeare validation text, against cpu_ref in the same run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "support/test_paths.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(test_paths::kData) / "shakespeare";

// expected.json: validation.perplexity of all windows, the last and shorter one included; it moves the mean by less.
constexpr double kPublishedPerplexity = 32.061;

std::vector<std::int32_t> validation_tokens() {
  std::ifstream file(kFolder / "validation.txt", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return Tokenizer::load(kFolder).encode(text);
}

BackendSession open_session(const std::string& library, const std::string& precision,
                            const std::map<std::string, std::string>& options) {
  const Model model = Model::open(kFolder.string());
  const Plugin plugin = Plugin::load(std::filesystem::path(test_paths::kPlugins) / library);
  const BackendModel packed(BackendContext(plugin, 2), model.weights(), precision,
                            OptionValues(plugin.options(), options));
  return BackendSession(packed, 1, model.config().context);
}

// Log-softmax of logits [vocab], in place, in float64.
void log_softmax(std::span<const float> logits, std::vector<double>& out) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  const double shift = most + std::log(sum);
  out.resize(logits.size());
  std::transform(logits.begin(), logits.end(), out.begin(), [shift](float logit) { return logit - shift; });
}

struct Quality {
  double kl = 0;             // nats a token, KL(reference || tested)
  double reference_nll = 0;  // nats a token
  double nll = 0;
  double perplexity_ratio() const { return std::exp(nll - reference_nll); }
};

// The window at a predicts tokens a + 1 ... a + context from tokens a ... a + context - 1 with an empty cache.
Quality compare(const BackendSession& reference, const BackendSession& tested, std::size_t every) {
  const std::vector<std::int32_t> tokens = validation_tokens();
  const Model model = Model::open(kFolder.string());
  const auto context = static_cast<std::size_t>(model.config().context);
  const auto vocab = static_cast<std::size_t>(model.config().vocab);
  Quality quality;
  std::size_t n = 0;
  std::vector<double> p;
  std::vector<double> q;
  for (std::size_t a = 0; a + context < tokens.size(); a += every * context) {
    const std::span window = std::span(tokens).subspan(a, context);
    reference.truncate(0, 0);
    tested.truncate(0, 0);
    const std::vector<float> expected = reference.all_logits(0, window);
    const std::vector<float> found = tested.all_logits(0, window);
    for (std::size_t row = 0; row < context; ++row, ++n) {
      log_softmax(std::span(expected).subspan(row * vocab, vocab), p);
      log_softmax(std::span(found).subspan(row * vocab, vocab), q);
      for (std::size_t i = 0; i < vocab; ++i) quality.kl += std::exp(p[i]) * (p[i] - q[i]);
      const auto next = static_cast<std::size_t>(tokens[a + row + 1]);
      quality.reference_nll -= p[next];
      quality.nll -= q[next];
    }
  }
  const auto count = static_cast<double>(n);
  quality.kl /= count;
  quality.reference_nll /= count;
  quality.nll /= count;
  return quality;
}

struct Bound {
  const char* precision;
  double kl;
  double perplexity;  // relative
};

class QuantQuality : public testing::TestWithParam<Bound> {};

TEST_P(QuantQuality, StaysWithinTheBoundsOnAllValidationText) {
  const Bound bound = GetParam();
  const Quality quality =
      compare(open_session("libcpu_ref.so", "", {}), open_session("libcpu_quant.so", bound.precision, {}), 1);
  std::printf("%s: KL %.4g, perplexity %+.4f%%\n", bound.precision, quality.kl, 100 * (quality.perplexity_ratio() - 1));
  EXPECT_NEAR(std::exp(quality.reference_nll), kPublishedPerplexity, 0.02);
  EXPECT_GT(quality.kl, 1e-6) << "that is no 8-bit model";
  EXPECT_LE(quality.kl, bound.kl);
  EXPECT_NEAR(quality.perplexity_ratio(), 1.0, bound.perplexity);
}

INSTANTIATE_TEST_SUITE_P(Precisions, QuantQuality,
                         testing::Values(Bound{"int8", 1.5e-4, 0.001}, Bound{"int4", 9e-3, 0.005}),
                         [](const auto& one) { return std::string(one.param.precision); });

// The cache's format alone: int8 keys and values may add as much again as int8 weights cost, no more.
TEST(QuantQuality, CacheFormatsCostLittle) {
  const BackendSession reference = open_session("libcpu_ref.so", "", {});
  const double wide = compare(reference, open_session("libcpu_quant.so", "int8", {{"kv", "f32"}}), 8).kl;
  for (const char* kv : {"f16", "int8"}) {
    const double narrow = compare(reference, open_session("libcpu_quant.so", "int8", {{"kv", kv}}), 8).kl;
    std::printf("kv %s: KL %.4g, with f32 %.4g\n", kv, narrow, wide);
    EXPECT_LE(narrow, 2 * wide) << kv;
  }
}

}  // namespace
}  // namespace inferbench
