// SPDX-License-Identifier: Apache-2.0
#include "worker/prompt_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "model/model.hpp"
#include "model/synthetic_formula.hpp"
#include "support/error.hpp"
#include "text/model_text.hpp"

namespace inferbench {

namespace {

std::vector<std::int32_t> encode_file(const std::filesystem::path& file, const Model& model) {
  const Tokenizer tokenizer = tokenizer_of(model);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(fmt::format("cannot read prompts.file {}", file.string()));
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return tokenizer.encode(text);
}

std::int32_t longest_prompt(const Experiment& experiment, const std::string& model) {
  std::int32_t longest = 0;
  for (const Point& point : experiment.points) {
    if (point.model == model) longest = std::max(longest, point.past_tokens + point.prompt_tokens);
  }
  return longest;
}

std::int32_t vocab_of(const Experiment& experiment, const std::string& model) {
  const auto found = std::find_if(experiment.model_facts.begin(), experiment.model_facts.end(),
                                  [&](const ModelFacts& facts) { return facts.reference == model; });
  if (found == experiment.model_facts.end()) throw Error("the experiment knows no model " + model);
  return found->config.vocab;
}

}  // namespace

PromptSource::PromptSource(const Experiment& experiment) : experiment_(&experiment) {
  if (!experiment.prompts.file) return;
  for (const std::string& reference : experiment.models) {
    const Model model = Model::open(reference, experiment.file.parent_path());
    auto ids = encode_file(*experiment.prompts.file, model);
    const std::int32_t needed = longest_prompt(experiment, reference);
    if (ids.size() < static_cast<std::size_t>(needed)) {
      throw Error(fmt::format("{} is {} tokens of {}, the longest prompt is {}", experiment.prompts.file->string(),
                              ids.size(), reference, needed),
                  "give a longer text or a smaller sweep.prompt_tokens");
    }
    texts_.emplace(reference, std::move(ids));
  }
}

std::vector<std::int32_t> PromptSource::sequence(const Point& point, std::uint64_t stream, std::size_t length) const {
  const auto text = texts_.find(point.model);
  if (text == texts_.end()) return synthetic_prompt(stream, length, vocab_of(*experiment_, point.model));
  const auto n_starts = static_cast<std::int32_t>(text->second.size() - length + 1);
  const auto start = synthetic_prompt(stream, 1, n_starts).front();  // any even spread would do
  const auto first = text->second.begin() + start;
  return {first, first + static_cast<std::ptrdiff_t>(length)};
}

std::vector<std::int32_t> PromptSource::prompts_for(const PlannedTrial& trial) const {
  const Point& point = experiment_->points.at(static_cast<std::size_t>(trial.point));
  const auto length = static_cast<std::size_t>(point.past_tokens) + static_cast<std::size_t>(point.prompt_tokens);
  const auto n_shared = static_cast<std::size_t>(point.shared_prefix_tokens);
  std::vector<std::int32_t> prefix;
  if (n_shared > 0) prefix = sequence(point, shared_prefix_stream(*experiment_), n_shared);
  std::vector<std::int32_t> prompts;
  prompts.reserve(length * static_cast<std::size_t>(point.batch));
  for (std::int32_t row = 0; row < point.batch; ++row) {
    // What makes prompts differ comes right behind the prefix.
    const std::uint64_t stream = trial.prompt_stream + static_cast<std::uint64_t>(row);
    const std::vector<std::int32_t> own = sequence(point, stream, length - n_shared);
    prompts.insert(prompts.end(), prefix.begin(), prefix.end());
    prompts.insert(prompts.end(), own.begin(), own.end());
  }
  return prompts;
}

}  // namespace inferbench
