// SPDX-License-Identifier: Apache-2.0
// The results of cpu_quant do not depend on how it splits work among threads and rows.
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

BackendModel load(const std::string& precision, std::int32_t n_threads) {
  const Plugin plugin = Plugin::load(std::filesystem::path(test_paths::kPlugins) / "libcpu_quant.so");
  return BackendModel(BackendContext(plugin, n_threads), Model::open(kFolder.string()).weights(), precision,
                      OptionValues(plugin.options(), {}));
}

// Logits of a prompt, then of one more token. 195 rows: split into multiples of 16, three rows are left over, which
// take the path for few rows.
std::vector<float> logits_of(const BackendModel& model) {
  const BackendSession session(model, 1, 256);
  const std::vector<std::int32_t> tokens = tokens_of_text(196);
  std::vector<float> logits = session.all_logits(0, {tokens.data(), 195});
  const std::vector<float> last = session.last_logits(0, {tokens.data() + 195, 1});
  logits.insert(logits.end(), last.begin(), last.end());
  return logits;
}

// Slot i holds i + 3 tokens and gets one more: all n slots in one call, or each in its own call.
std::vector<float> next_logits(const BackendModel& model, std::int32_t n, bool together) {
  const BackendSession session(model, n, 64);
  const std::vector<std::int32_t> tokens = tokens_of_text(100);
  std::vector<ib_sequence> sequences;
  std::vector<float> logits;
  for (std::int32_t slot = 0; slot < n; ++slot) {
    const std::int32_t* next = tokens.data() + slot + 3;
    session.last_logits(slot, {tokens.data(), static_cast<std::size_t>(slot) + 3});
    sequences.push_back({slot, 1, next, IB_OUTPUT_LAST_LOGITS, 0});
    if (together) continue;
    const std::vector<float> one = session.last_logits(slot, {next, 1});
    logits.insert(logits.end(), one.begin(), one.end());
  }
  if (!together) return logits;
  logits.resize(static_cast<std::size_t>(n) * static_cast<std::size_t>(model.config().vocab_size));
  ib_forward_params params{};
  params.struct_size = sizeof params;
  params.sequences = sequences.data();
  params.n_sequences = n;
  params.logits = logits.data();
  params.logits_capacity = logits.size();
  ib_error error{};
  EXPECT_EQ(session.forward(params, error), IB_OK);
  return logits;
}

class QuantSameBits : public testing::TestWithParam<const char*> {};

TEST_P(QuantSameBits, OnAnyNumberOfThreads) {
  const std::vector<float> want = logits_of(load(GetParam(), 1));
  for (const std::int32_t n_threads : {2, 3, 4, 7, 8, 12, 40}) {
    EXPECT_EQ(logits_of(load(GetParam(), n_threads)), want) << n_threads << " threads";
  }
}

// Up to 16 rows: more rows are bf16 products on AMX.
TEST_P(QuantSameBits, OfASequenceAloneAndAmongOthers) {
  const BackendModel model = load(GetParam(), 2);
  for (std::int32_t n = 1; n <= 16; ++n) {
    EXPECT_EQ(next_logits(model, n, true), next_logits(model, n, false)) << n << " sequences";
  }
}

INSTANTIATE_TEST_SUITE_P(Precisions, QuantSameBits, testing::Values("int8", "int4"));

}  // namespace
}  // namespace inferbench
