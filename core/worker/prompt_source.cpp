// SPDX-License-Identifier: Apache-2.0
#include "worker/prompt_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "model/model.hpp"
#include "model/synthetic_formula.hpp"
#include "support/error.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

namespace {

std::vector<std::int32_t> encode_file(const std::filesystem::path& file, const Model& model) {
  if (!model.folder()) {
    throw Error(fmt::format("prompts.file needs a tokenizer, and {} has none", model.reference()),
                "leave prompts.file out for random token ids, or use a model folder with vocab.json and merges.txt");
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(fmt::format("cannot read prompts.file {}", file.string()));
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  return Tokenizer::load(*model.folder()).encode(text);
}

std::int32_t longest_prompt(const Experiment& experiment, const std::string& model) {
  std::int32_t longest = 0;
  for (const Point& point : experiment.points) {
    if (point.model == model) longest = std::max(longest, point.prompt_tokens);
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

std::vector<std::int32_t> PromptSource::prompts_for(const PlannedTrial& trial) const {
  const Point& point = experiment_->points.at(static_cast<std::size_t>(trial.point));
  const auto length = static_cast<std::size_t>(point.prompt_tokens);
  const auto text = texts_.find(point.model);
  std::vector<std::int32_t> prompts;
  prompts.reserve(length * static_cast<std::size_t>(point.batch));
  for (std::int32_t row = 0; row < point.batch; ++row) {
    const std::uint64_t stream = trial.prompt_stream + static_cast<std::uint64_t>(row);
    if (text == texts_.end()) {
      const auto ids = synthetic_prompt(stream, length, vocab_of(*experiment_, point.model));
      prompts.insert(prompts.end(), ids.begin(), ids.end());
      continue;
    }
    const auto n_starts = static_cast<std::int32_t>(text->second.size() - length + 1);
    const auto start = synthetic_prompt(stream, 1, n_starts).front();  // any even spread would do
    const auto first = text->second.begin() + start;
    prompts.insert(prompts.end(), first, first + static_cast<std::ptrdiff_t>(length));
  }
  return prompts;
}

}  // namespace inferbench
