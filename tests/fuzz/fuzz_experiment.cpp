// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as an experiment file. After a line "%%" comes a file that it may extend; after another,
// one --set per line. An accepted experiment must plan, and its resolved form must be the same experiment.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "experiment/bounds.hpp"
#include "experiment/plan_text.hpp"
#include "unit/experiment_stubs.hpp"

namespace {

using inferbench::fuzz::require;

std::string cut(std::string_view& rest, std::string_view end) {
  const std::size_t at = rest.find(end);
  std::string piece(rest.substr(0, at));
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + end.size());
  return piece;
}

void check_experiment(const inferbench::Experiment& experiment, const inferbench::ExperimentLookups& lookups) {
  require(!experiment.contenders.empty() && !experiment.points.empty(), "there is something to run");
  std::set<std::string> names;
  for (const auto& contender : experiment.contenders) names.insert(contender.name);
  require(names.size() == experiment.contenders.size(), "names are distinct");
  require(names.contains(experiment.baseline), "the baseline is a contender");
  for (const auto& point : experiment.points) {
    require(point.prompt_tokens > 0 && point.generate_tokens > 0 && point.batch > 0, "sizes are positive");
    require(point.threads > 0 && point.threads <= lookups.usable_cpus, "threads fit the machine");
    require(point.prompt_tokens + point.generate_tokens <= 1 << 30, "the context holds them");
  }
  const auto per_pair =
      static_cast<std::size_t>(experiment.measure.blocks) + static_cast<std::size_t>(experiment.measure.warmup);
  const std::size_t trials = experiment.points.size() * experiment.contenders.size() * per_pair;
  require(trials <= inferbench::kMaxTrials, "the plan is bounded");
  if (trials < 10'000) require(inferbench::make_plan(experiment).size() == trials, "the plan is whole");
  require(!inferbench::plan_text(experiment).empty(), "the plan can be told");
  require(inferbench::load_experiment_text(experiment.resolved_yaml, "/exp/e.yaml", {}, lookups) == experiment,
          "the resolved form is the same experiment");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string text = cut(rest, "\n%%\n");
  inferbench::StubWorld world;
  world.files["/exp/base.yaml"] = cut(rest, "\n%%\n");
  world.files["/exp/text.txt"] = std::string(2000, 'x');
  std::vector<std::string> overrides;
  while (!rest.empty()) overrides.push_back(cut(rest, "\n"));
  const inferbench::ExperimentLookups lookups = world.lookups();
  try {
    check_experiment(inferbench::load_experiment_text(text, "/exp/e.yaml", overrides, lookups), lookups);
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
