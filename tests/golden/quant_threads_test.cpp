// SPDX-License-Identifier: Apache-2.0
// How cpu_quant cuts work among threads does not show in what it computes.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "support/test_paths.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(test_paths::kData) / "shakespeare";

// The first n tokens of the validation text.
std::vector<std::int32_t> tokens_of_text(std::size_t n) {
  std::ifstream file(kFolder / "validation.txt", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  std::vector<std::int32_t> tokens = Tokenizer::load(kFolder).encode(text);
  tokens.resize(n);
  return tokens;
}

// Logits of a prompt, then of one token more.
std::vector<float> logits_of(const std::string& precision, std::int32_t n_threads) {
  const Plugin plugin = Plugin::load(std::filesystem::path(test_paths::kPlugins) / "libcpu_quant.so");
  const BackendModel model(BackendContext(plugin, n_threads), Model::open(kFolder.string()).weights(), precision,
                           OptionValues(plugin.options(), {}));
  const BackendSession session(model, 1, 256);
  const std::vector<std::int32_t> tokens = tokens_of_text(201);
  std::vector<float> logits = session.all_logits(0, {tokens.data(), 200});
  const std::vector<float> last = session.last_logits(0, {tokens.data() + 200, 1});
  logits.insert(logits.end(), last.begin(), last.end());
  return logits;
}

class QuantThreads : public testing::TestWithParam<const char*> {};

TEST_P(QuantThreads, AnyNumberGivesTheSameBits) {
  const std::vector<float> want = logits_of(GetParam(), 1);
  for (const std::int32_t n_threads : {2, 3, 4, 7, 8, 12, 40}) {
    EXPECT_EQ(logits_of(GetParam(), n_threads), want) << n_threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, QuantThreads, testing::Values("int8", "int4"));

}  // namespace
}  // namespace inferbench
