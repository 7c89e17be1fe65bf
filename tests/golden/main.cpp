// SPDX-License-Identifier: Apache-2.0
// golden_check --plugin LIB.so [--precision P] [--device D] [--option k=v] --measure deviation|kl --bound X
// [--bound-without-vnni Y] [--grid [--grid-group N]] [--as gguf|gguf-q8_0|mlx] --fixtures NAME...
// Runs a backend on golden fixtures: logits must be within the bound, and greedy ids must be equal wherever the choice
// is clear. With --grid, the weights are first moved to numbers that a 4-bit format can hold exactly. With --as, the
// model is first written in that form; if that changes weights, the logits of the changed ones in float64 are expected.
#include <cpuid.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "golden/fixture.hpp"
#include "golden/grid_weights.hpp"
#include "golden/judge.hpp"
#include "golden/model_copy.hpp"
#include "plugin/backend.hpp"
#include "support/backend_settings.hpp"

namespace inferbench::golden {
namespace {

struct Settings {
  BackendSettings backend;
  std::string measure;
  double bound = 0;
  bool grid = false;
  std::size_t grid_group = 16;
  std::string form;  ///< empty: as it is
  std::vector<std::string> fixtures;
  int threads = 2;
};

// The logits for which the case has expectations, from one call.
std::vector<float> logits_of(const BackendSession& session, const Case& one, std::size_t vocab) {
  session.truncate(0, 0);
  return one.logits.size() == vocab ? session.last_logits(0, one.input_ids) : session.all_logits(0, one.input_ids);
}

// Feeds the expected ids no matter what the backend chose, so that every step is checked. If the gap between the best
// two logits is smaller than the backend's own error on them, either id is accepted.
void check_greedy(const BackendSession& session, const Case& one, double error) {
  session.truncate(0, 0);
  std::int32_t id = session.greedy(0, one.input_ids);
  for (std::size_t i = 0; i < one.greedy.size(); ++i) {
    const bool clear = one.greedy_margin[i] > 2 * error;
    EXPECT_TRUE(id == one.greedy[i] || !clear) << one.name << ", step " << i << ": " << id << ", not " << one.greedy[i];
    if (i + 1 < one.greedy.size()) id = session.greedy(0, std::vector{one.greedy[i]});
  }
}

// More than any fixture has, whatever its model allows.
constexpr std::int32_t kPositions = 1024;

class GoldenTest : public testing::Test {
 public:
  GoldenTest(const Settings& settings, std::string fixture) : settings_(settings), fixture_(std::move(fixture)) {}

  void TestBody() override {
    std::optional<ModelCopy> copy;
    if (!settings_.form.empty()) copy.emplace(fixture_, settings_.form);
    const Model model = Model::open(copy ? copy->path() : model_reference(fixture_));
    const auto vocab = static_cast<std::size_t>(model.config().vocab_size);
    const Weights weights = settings_.grid ? grid_weights(model.weights(), settings_.grid_group) : model.weights();
    const BackendModel packed = settings_.backend.create_model(weights, settings_.threads);
    const BackendSession session(packed, 1, std::min(model.config().max_positions, kPositions));
    std::vector<Case> cases = read_cases(fixture_);
    if (settings_.grid || changes_weights(settings_.form)) cases = with_float64_results(std::move(cases), weights);
    for (const Case& one : cases) {
      const Distance found = distance(one.logits, logits_of(session, one, vocab), vocab);
      const double judged = settings_.measure == "kl" ? found.kl : found.deviation;
      EXPECT_LE(judged, settings_.bound) << fixture_ << " " << one.name;
      std::printf("%-22s %-6s %4zu tokens  error %.2g of the standard deviation, KL %.2g\n", fixture_.c_str(),
                  one.name.c_str(), one.input_ids.size(), found.deviation, found.kl);
      check_greedy(session, one, found.greatest_error);
    }
  }

 private:
  const Settings& settings_;
  std::string fixture_;
};

// True if the CPU has 8-bit products with 32-bit accumulation, of AVX-512 or AVX.
bool has_vnni() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  const bool avx_vnni = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4U & 1U) != 0;
  return __builtin_cpu_supports("avx512vnni") != 0 || (avx_vnni && __builtin_cpu_supports("avx2") != 0);
}

int run(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  Settings settings;
  CLI::App app{"Runs a backend through the golden fixtures."};
  settings.backend.add_options(app);
  app.add_option("--measure", settings.measure)->required()->check(CLI::IsMember({"deviation", "kl"}));
  double without_vnni = 0;
  app.add_option("--bound", settings.bound)->required();
  const auto* other = app.add_option("--bound-without-vnni", without_vnni,
                                     "The bound on processors whose 8-bit products saturate in 16 bits");
  app.add_flag("--grid", settings.grid, "Move the weights to numbers that a 4-bit format can hold exactly");
  app.add_option("--grid-group", settings.grid_group, "Inputs that share a step of the grid")
      ->check(CLI::PositiveNumber);
  app.add_option("--as", settings.form, "Read each model from a copy in this form")
      ->check(CLI::IsMember(std::vector<std::string>(kCopyForms.begin(), kCopyForms.end())));
  app.add_option("--fixtures", settings.fixtures)->required();
  app.add_option("--threads", settings.threads);
  CLI11_PARSE(app, argc, argv);
  if (other->count() > 0 && !has_vnni()) settings.bound = without_vnni;
  // Other precisions than those of a copy may not take a fixture as it is.
  if (settings.form.empty() && !settings.backend.is_supported()) return kSkipped;
  for (const std::string& fixture : settings.fixtures) {
    testing::RegisterTest("Golden", fixture.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [&settings, fixture]() -> testing::Test* { return new GoldenTest(settings, fixture); });
  }
  return RUN_ALL_TESTS();
}

}  // namespace
}  // namespace inferbench::golden

int main(int argc, char** argv) {
  try {
    return inferbench::golden::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "golden_check: %s\n", error.what());
    return 2;
  }
}
