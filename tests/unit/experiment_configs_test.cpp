// SPDX-License-Identifier: Apache-2.0
// The bundled experiments: each loads and plans on any machine. Models are real; backends are stubs with the names and
// precisions of the bundled ones.
#include <gmock/gmock.h>

#include <array>
#include <fstream>
#include <set>

#include "experiment/plan_text.hpp"
#include "plugin/plugin_path.hpp"
#include "support/test_paths.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

std::vector<std::filesystem::path> configs() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test_paths::kConfigs)) {
    // The operator experiment has its own reader, see operator_experiment_test.cpp.
    if (entry.path().filename() == "operators.yaml") continue;
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

ExperimentLookups real_models(std::int32_t usable_cpus) {
  ExperimentLookups lookups = real_lookups(PluginPath{});
  lookups.backend = [](const std::string& reference, const std::filesystem::path& folder) {
    if (reference == "onednn" || reference == "torch") {
      return BackendSchema{reference, reference, {{"fp32", "all in fp32"}, {"int8", "8 bits"}}, {}};
    }
    if (reference == "mlx") {
      return BackendSchema{reference, reference, {{"fp32", "all in fp32"}, {"int8", "8 bits"}, {"int4", "4 bits"}}, {}};
    }
    if (reference == "llama_cpp") {
      return BackendSchema{reference,
                           reference,
                           {{"f32", "all in fp32"}, {"f16", "16 bits"}, {"q8_0", "8 bits"}, {"q4_0", "4 bits"}},
                           {}};
    }
    return StubWorld::backend(reference, folder);
  };
  lookups.usable_cpus = usable_cpus;
  return lookups;
}

TEST(ExperimentConfigs, AllAreThere) {
  std::set<std::string> names;
  for (const auto& path : configs()) names.insert(path.filename().string());
  EXPECT_THAT(names, testing::IsSupersetOf({"quickstart.yaml", "context_sweep.yaml", "batch_sweep.yaml",
                                            "thread_sweep.yaml", "model_size.yaml", "llama.yaml", "gpu.yaml"}));
}

TEST(ExperimentConfigs, EachLoadsAndPlansOnAnyMachine) {
  for (const auto& path : configs()) {
    for (const std::int32_t cpus : {1, 2, 12}) {
      const Experiment e = load_experiment(path, {}, real_models(cpus));
      EXPECT_EQ(e.name, path.stem()) << path;
      // fp32 weights of a billion parameters don't fit everywhere.
      const bool large = path.stem() == "llama" || path.stem() == "gpu";
      EXPECT_EQ(e.baseline, large ? "cpu_quant:int8" : "reference") << path;
      EXPECT_GE(make_plan(e).size(), 10U) << path;
      // Enough blocks for verdicts; a fit needs none.
      EXPECT_GE(e.measure.blocks, path.stem() == "predict_sweep" ? 2 : 7) << path;
      EXPECT_FALSE(plan_text(e).empty());
    }
  }
}

TEST(ExperimentConfigs, EachBeginsWithItsQuestion) {
  for (const auto& path : configs()) {
    std::ifstream file(path);
    std::string comment;
    for (std::string line; std::getline(file, line) && line.starts_with("#");) comment += line;
    EXPECT_NE(comment.find('?'), std::string::npos) << path;
  }
}

TEST(ExperimentConfigs, QuickstartFitsTwoMinutesByTheEstimateAndHasTheBundledModel) {
  const Experiment e =
      load_experiment(std::filesystem::path(test_paths::kConfigs) / "quickstart.yaml", {}, real_models(2));
  EXPECT_LT(estimate_seconds(e), 120);
  ASSERT_EQ(e.models.size(), 3U);
  EXPECT_EQ(e.model_facts[1].config.model_type, "llama");
  EXPECT_TRUE(std::filesystem::path(e.models[2]).is_absolute());
  EXPECT_EQ(e.model_facts[2].name, "shakespeare");
  EXPECT_EQ(e.contenders.size(), 3U);
}

}  // namespace
}  // namespace inferbench
