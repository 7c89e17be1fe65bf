// SPDX-License-Identifier: Apache-2.0
#include "predict/configuration_query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/model.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kMostCombinations = 100'000;

struct NamedShape {
  std::string name;
  ModelConfig shape;
};

ModelConfig gpt2_shape(std::int32_t layers, std::int32_t width) {
  ModelConfig shape;
  set_gpt2_sizes(shape, layers, std::max(1, width / 64), width, 1024, 50257);
  return shape;
}

std::vector<std::int32_t> counts(const std::vector<std::string>& texts) {
  std::vector<std::int32_t> values;
  for (const std::string& text : texts) values.push_back(std::stoi(text));  // parse_point validated them
  return values;
}

NamedShape named_shape(const Predictor& predictor, const std::string& reference) {
  for (const KnownModel& known : predictor.models) {
    if (known.reference == reference) return {reference, known.shape};
  }
  return {reference, Model::open(reference).config()};
}

std::vector<NamedShape> shapes_of(const Predictor& predictor, const PointQuery& query) {
  std::vector<NamedShape> shapes;
  if (const auto layers = query.find("layers"); layers != query.end()) {
    for (const std::int32_t layer : counts(layers->second)) {
      for (const std::int32_t width : counts(query.at("width"))) {
        shapes.push_back({fmt::format("{} of {}", counted(layer, "layer"), width), gpt2_shape(layer, width)});
      }
    }
  } else if (const auto models = query.find("model"); models != query.end()) {
    for (const std::string& reference : models->second) shapes.push_back(named_shape(predictor, reference));
  } else {
    for (const KnownModel& known : predictor.models) shapes.push_back({known.reference, known.shape});
  }
  return shapes;
}

std::vector<std::string> contenders_of(const Predictor& predictor, const PointQuery& query) {
  if (const auto named = query.find("contender"); named != query.end()) return named->second;
  std::vector<std::string> all;
  for (const auto& [name, facts] : predictor.contenders) all.push_back(name);
  return all;
}

// The query's values, or all values measured for any contender.
std::vector<std::int32_t> values_of(const Predictor& predictor, const PointQuery& query, const std::string& axis) {
  if (const auto given = query.find(axis); given != query.end()) return counts(given->second);
  std::set<std::int32_t> values;
  for (const auto& [contender, ranges] : predictor.ranges) {
    for (const double value : ranges.at(axis)) values.insert(static_cast<std::int32_t>(value));
  }
  return {values.begin(), values.end()};
}

}  // namespace

std::vector<AskedConfiguration> asked_configurations(const Predictor& predictor, const PointQuery& query) {
  const std::vector<NamedShape> shapes = shapes_of(predictor, query);
  const std::vector<std::string> contenders = contenders_of(predictor, query);
  const auto prompts = values_of(predictor, query, "prompt_tokens");
  const auto generates = values_of(predictor, query, "generate_tokens");
  const auto batches = values_of(predictor, query, "batch");
  const auto threads = values_of(predictor, query, "threads");
  const auto given_past = query.find("past_tokens");
  const auto pasts = given_past == query.end() ? std::vector<std::int32_t>{0} : counts(given_past->second);
  const std::size_t combinations = shapes.size() * contenders.size() * prompts.size() * generates.size() *
                                   batches.size() * threads.size() * pasts.size();
  if (combinations > kMostCombinations) {
    throw Error(
        fmt::format("--point asks for {}, more than {}", counted(combinations, "configuration"), kMostCombinations),
        "give fewer values");
  }
  std::vector<AskedConfiguration> all;
  for (const NamedShape& model : shapes) {
    for (const std::int32_t prompt : prompts) {
      for (const std::int32_t generate : generates) {
        for (const std::int32_t batch : batches) {
          for (const std::int32_t thread : threads) {
            for (const std::int32_t past : pasts) {
              const Workload load{model.shape, prompt, generate, batch, thread, past};
              for (const std::string& contender : contenders) all.push_back({contender, model.name, load});
            }
          }
        }
      }
    }
  }
  return all;
}

std::string_view to_string(Fit fit) {
  return fit == Fit::kYes ? "yes" : fit == Fit::kNo ? "no" : "unclear";
}

Fit judge(const ConfigurationPrediction& prediction, const Requirements& requirements) {
  Fit fit = Fit::kYes;
  const auto require = [&](const char* target, const std::optional<double>& at_most) {
    if (!at_most) return;
    const auto found = prediction.targets.find(target);
    if (found == prediction.targets.end() || !found->second.interval) {
      if (fit == Fit::kYes) fit = Fit::kUnclear;
      return;
    }
    if (found->second.interval->low > *at_most) fit = Fit::kNo;
    if (found->second.interval->high > *at_most && fit == Fit::kYes) fit = Fit::kUnclear;
  };
  require("decode_ms_per_token", requirements.decode_ms);
  require("peak_rss_bytes", requirements.memory_bytes);
  require("load_peak_rss_bytes", requirements.memory_bytes);
  return fit;
}

}  // namespace inferbench
