// SPDX-License-Identifier: Apache-2.0
// cpu_ref on a trained Llama: the perplexity of the entire validation text, and the text that greedy decoding gives,
// are those of a float64 computation.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "quality/agreement.hpp"
#include "quality/window_runner.hpp"
#include "support/test_paths.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

const std::filesystem::path kData = test_paths::kData;
const std::filesystem::path kFolder = kData / "shakespeare-llama";

nlohmann::json expected() {
  std::ifstream file(kFolder / "expected.json");
  return nlohmann::json::parse(file);
}

std::vector<std::int32_t> validation_tokens() {
  std::ifstream file(kData / "shakespeare" / "validation.txt", std::ios::binary);  // both models were trained with it
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return Tokenizer::load(kFolder).encode(text);
}

BackendModel load() {
  const Plugin plugin = Plugin::load(std::filesystem::path(test_paths::kPlugins) / "libcpu_ref.so");
  return BackendModel(BackendContext(plugin, 2), Model::open(kFolder.string()).weights(), "",
                      OptionValues(plugin.options(), {}));
}

TEST(TrainedLlama, PerplexityOfAllValidationText) {
  const auto validation = expected().at("validation");
  const std::vector<std::int32_t> tokens = validation_tokens();
  ASSERT_EQ(tokens.size(), validation.at("tokens").get<std::size_t>() + 1);
  const auto context = validation.at("context").get<std::size_t>();
  WindowRunner runner(load(), std::nullopt, static_cast<std::int32_t>(context), 1, 2);
  std::vector<WindowAgreement> windows;
  for (std::size_t a = 0; a + 1 < tokens.size(); a += context) {
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(a);
    const std::size_t n = std::min(context + 1, tokens.size() - a);
    const std::vector<Window> window{{{first, first + static_cast<std::ptrdiff_t>(n)}}};
    windows.push_back(runner.run(window).front());
  }
  const Agreement found = summarize_agreement(windows, false);
  EXPECT_EQ(found.tokens, tokens.size() - 1);
  const double published = validation.at("perplexity").get<double>();
  EXPECT_NEAR(found.perplexity.value, published, 1e-5 * published);
}

TEST(TrainedLlama, GreedyText) {
  const auto published = expected();
  const auto text = published.at("greedy_text").get<std::string>();
  const Tokenizer tokenizer = Tokenizer::load(kFolder);
  const BackendModel model = load();
  const BackendSession session(model, 1, model.config().max_positions);
  const auto prompt = tokenizer.encode(published.at("prompt").get<std::string>());
  std::vector<std::int32_t> ids = {session.greedy(0, prompt)};
  while (tokenizer.decode(ids).size() < text.size()) ids.push_back(session.greedy(0, std::vector{ids.back()}));
  EXPECT_EQ(tokenizer.decode(ids), text);
}

}  // namespace
}  // namespace inferbench
