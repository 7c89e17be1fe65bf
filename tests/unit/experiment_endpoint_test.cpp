// SPDX-License-Identifier: Apache-2.0
// Servers as contenders in experiment files.
#include <gmock/gmock.h>

#include "experiment/operator_experiment.hpp"
#include "experiment/plan.hpp"
#include "experiment/planned_pairs.hpp"
#include "experiment/resolved_paths.hpp"
#include "unit/experiment_stubs.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const std::string kUrl = "endpoint: \"http://127.0.0.1:8080/v1/\"";
const std::string kRest = "models: synthetic:gpt2\nsweep: {threads: [1, 2], scenario: [batch, offline]}\n";

Experiment load_server(const std::string& entry, const std::string& rest = kRest) {
  return StubWorld{}.load("backends:\n  - cpu_ref\n  - {" + entry + "}\n" + rest);
}

std::string endpoint_mistake(const std::string& entry, const std::string& rest = kRest) {
  try {
    load_server(entry, rest);
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty()) << error.what();
    return std::string(error.what()) + "\n" + error.cure();
  }
  return "no error";
}

TEST(ExperimentEndpoint, IsReadAndSurvivesTheResolvedText) {
  const Experiment experiment = load_server(
      kUrl +
      ", model: /models/a.gguf, name: llama-server, api_key_env: MY_KEY, chat: true, prompts: text, timeout_s: 9");
  ASSERT_EQ(experiment.contenders.size(), 2U);
  const Contender& contender = experiment.contenders[1];
  EXPECT_EQ(contender.name, "llama-server");
  EXPECT_EQ(contender.plugin + contender.precision + contender.device, "");
  ServerAddress expected{"http://127.0.0.1:8080/v1", "/models/a.gguf", "MY_KEY", true, PromptForm::kText, 9};
  EXPECT_EQ(contender.endpoint, expected);
  EXPECT_EQ(StubWorld{}.load(experiment.resolved_yaml).contenders, experiment.contenders);
  EXPECT_THAT(paths_in(experiment.resolved_yaml), IsEmpty()) << "its model is not a path of this machine";
  EXPECT_EQ(load_server(kUrl + ", model: m").contenders[1].name, "m@127.0.0.1:8080");
  const Experiment defaults = load_server(kUrl + ", model: m");
  EXPECT_EQ(StubWorld{}.load(defaults.resolved_yaml).contenders, defaults.contenders);
}

TEST(ExperimentEndpoint, HasNeitherThreadsNorBatches) {
  const Experiment experiment = load_server(kUrl + ", model: m");
  ASSERT_EQ(experiment.points.size(), 4U);
  const PlannedPairs pairs(experiment);
  for (const Point& point : experiment.points) {
    EXPECT_TRUE(pairs.has(0, point));
    EXPECT_EQ(pairs.has(1, point), point.threads == 2 && point.scenario == "offline") << workload_text(point);
  }
  EXPECT_EQ(pairs.of(1), 1U);
}

TEST(ExperimentEndpoint, MistakesHaveTheirPlaceAndAHint) {
  EXPECT_THAT(endpoint_mistake(kUrl), StartsWith("/exp/e.yaml:3:5: backends: 'model' is missing"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m, precision: int8"),
              StartsWith("/exp/e.yaml:3:66: backends.precision: found next to 'endpoint'"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m, chat: true, prompts: ids"), HasSubstr("found 'ids' in a chat"));
  EXPECT_THAT(endpoint_mistake("endpoint: , model: m"), HasSubstr("backends.endpoint: found nothing"));
  for (const char* url : {"127.0.0.1:8080/v1", "ftp://h/v1", "http://", "http:///v1", "\"http://h/v1 x\""}) {
    EXPECT_THAT(endpoint_mistake(std::string("endpoint: ") + url + ", model: m"),
                HasSubstr("not an http:// or https:// URL"));
  }
  EXPECT_THAT(endpoint_mistake("plugin: cpu_ref, model: m"), HasSubstr("backends.model: found without 'endpoint'"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m, name: \"cpu_ref:fp32\""), HasSubstr("already taken at line 2"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m",
                               "models: [synthetic:gpt2, synthetic:gpt2-medium]\nsweep: {scenario: offline}\n"),
              HasSubstr("an endpoint serves one model, but 'models' has 2"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m", "models: synthetic:gpt2\n"),
              HasSubstr("the sweep has only batches"));
  EXPECT_THAT(endpoint_mistake(kUrl + ", model: m, name: s", "baseline: s\n" + kRest),
              HasSubstr("baseline: 's' is an endpoint, which has no batches"));
}

TEST(ExperimentEndpoint, MessagesDontShowWhatMayBeAKey) {
  for (const std::string& entry : {std::string("endpoint: \"http://user:sk-1234@h/v1\", model: m"),
                                   std::string("endpoint: \"https://h/v1?api-key=sk-1234\", model: m"),
                                   kUrl + ", model: m, api_key_env: sk-1234"}) {
    const std::string message = endpoint_mistake(entry);
    EXPECT_THAT(message, Not(HasSubstr("sk-1234")));
    EXPECT_THAT(message, HasSubstr("environment variable"));
  }
}

TEST(ExperimentEndpoint, HasNoOperators) {
  StubWorld world;
  world.files["/exp/e.yaml"] = "backends: [cpu_ref, {" + kUrl + ", model: m}]\n";
  try {
    load_operator_experiment("/exp/e.yaml", {}, world.lookups());
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("a server's API has no operators to measure"));
  }
}

}  // namespace
}  // namespace inferbench
