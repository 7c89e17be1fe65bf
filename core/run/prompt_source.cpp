// SPDX-License-Identifier: Apache-2.0
#include "run/prompt_source.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>

#include "model/model.hpp"
#include "model/synthetic_formula.hpp"
#include "support/counted.hpp"
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
  if (found == experiment.model_facts.end()) throw Error("the experiment has no model " + model);
  return found->config.vocab_size;
}

// Length of the part that differs between sequences: everything but the shared prefix, which is shorter than the
// prompt.
std::int32_t own_length(const Point& point) {
  return point.past_tokens + point.prompt_tokens - point.shared_prefix_tokens;
}

// Maps neighboring places to different, evenly spread numbers below n: multiples of a step near n over the golden ratio
// that is coprime to n.
std::int64_t spread_out(std::int64_t place, std::int64_t n, std::uint64_t seed) {
  auto step = static_cast<std::int64_t>(static_cast<double>(n) * 0.6180339887498949);
  while (std::gcd(step, n) != 1) ++step;
  const std::int64_t within = (place % n + n) % n;
  const auto first = static_cast<std::int64_t>(synthetic_bits(seed, 0) % static_cast<std::uint64_t>(n));
  return (first + within * step) % n;  // cannot overflow: n is less than 2^31
}

// The first id differs between places. Once all ids have been used, the first id repeats and the second one differs.
std::vector<std::int32_t> random_prompt(std::uint64_t stream, std::size_t length, std::int64_t vocab,
                                        std::int64_t place, std::uint64_t seed) {
  auto ids = synthetic_prompt(stream, length, static_cast<std::int32_t>(vocab));
  ids[0] = static_cast<std::int32_t>(spread_out(place, vocab, seed));
  if (length < 2) return ids;
  const std::int64_t turn = place / vocab - (place % vocab < 0 ? 1 : 0);
  const auto start = static_cast<std::int64_t>(synthetic_bits(seed, static_cast<std::uint64_t>(ids[0]) + 1) %
                                               static_cast<std::uint64_t>(vocab));
  ids[1] = static_cast<std::int32_t>((start + turn % vocab + vocab) % vocab);
  return ids;
}

// The start positions of the windows of `length` ids, the first of each distinct content. `ids` has at least one
// window.
std::vector<std::int32_t> different_windows(const std::vector<std::int32_t>& ids, std::size_t length) {
  const auto content = [&](std::int32_t start) {
    return std::span(ids).subspan(static_cast<std::size_t>(start), length);
  };
  std::vector<std::int32_t> starts(ids.size() + 1 - length);
  std::iota(starts.begin(), starts.end(), 0);
  std::stable_sort(starts.begin(), starts.end(), [&](std::int32_t a, std::int32_t b) {
    return std::ranges::lexicographical_compare(content(a), content(b));
  });
  const auto same = [&](std::int32_t a, std::int32_t b) { return std::ranges::equal(content(a), content(b)); };
  starts.erase(std::unique(starts.begin(), starts.end(), same), starts.end());
  std::sort(starts.begin(), starts.end());
  return starts;
}

}  // namespace

PromptSource::PromptSource(const Experiment& experiment) : experiment_(&experiment), places_(experiment) {
  if (!experiment.prompts.file) return;
  for (const std::string& reference : experiment.models) {
    const Model model = Model::open(reference, experiment.file.parent_path());
    Text text{encode_file(*experiment.prompts.file, model), {}};
    const std::int32_t needed = longest_prompt(experiment, reference);
    if (text.ids.size() < static_cast<std::size_t>(needed)) {
      throw Error(fmt::format("{} has {} for {}, but the longest prompt has {}", experiment.prompts.file->string(),
                              counted(text.ids.size(), "token"), reference, needed),
                  "give a longer text or a smaller sweep.prompt_tokens");
    }
    for (const Point& point : experiment.points) {
      if (point.model != reference) continue;
      for (const std::int32_t length : {own_length(point), point.shared_prefix_tokens}) {
        if (length == 0 || text.starts.contains(length)) continue;
        text.starts[length] = different_windows(text.ids, static_cast<std::size_t>(length));
      }
    }
    texts_.emplace(reference, std::move(text));
  }
}

std::vector<std::int32_t> PromptSource::sequence(const Point& point, std::uint64_t stream, std::int64_t place,
                                                 std::int32_t length) const {
  const std::uint64_t seed = experiment_->prompts.seed;
  const auto text = texts_.find(point.model);
  if (text == texts_.end()) {
    return random_prompt(stream, static_cast<std::size_t>(length), vocab_of(*experiment_, point.model), place, seed);
  }
  const auto& starts = text->second.starts.at(length);
  const std::int64_t chosen = spread_out(place, static_cast<std::int64_t>(starts.size()), seed);
  const auto first = text->second.ids.begin() + starts[static_cast<std::size_t>(chosen)];
  return {first, first + length};
}

std::vector<std::int32_t> PromptSource::shared_prefix(const Point& point) const {
  if (point.shared_prefix_tokens == 0) return {};
  return sequence(point, shared_prefix_stream(*experiment_), 0, point.shared_prefix_tokens);
}

std::vector<std::int32_t> PromptSource::prompt_for(std::int32_t point_index, std::uint64_t stream,
                                                   const std::vector<std::int32_t>& prefix) const {
  const Point& point = experiment_->points.at(static_cast<std::size_t>(point_index));
  // The part that makes prompts differ follows the prefix directly.
  const auto own = sequence(point, stream, places_.place(point_index, stream), own_length(point));
  std::vector<std::int32_t> prompt = prefix;
  prompt.insert(prompt.end(), own.begin(), own.end());
  return prompt;
}

std::vector<std::int32_t> PromptSource::prompts_for(std::int32_t point_index, std::uint64_t stream) const {
  const Point& point = experiment_->points.at(static_cast<std::size_t>(point_index));
  const std::vector<std::int32_t> prefix = shared_prefix(point);
  std::vector<std::int32_t> prompts;
  for (std::int32_t row = 0; row < point.batch; ++row) {
    const auto prompt = prompt_for(point_index, stream + static_cast<std::uint64_t>(row), prefix);
    prompts.insert(prompts.end(), prompt.begin(), prompt.end());
  }
  return prompts;
}

std::vector<std::int32_t> PromptSource::prompt_of_request(std::int32_t point_index, std::uint64_t stream,
                                                          std::int32_t length,
                                                          std::span<const std::uint64_t> blocks) const {
  const Point& point = experiment_->points.at(static_cast<std::size_t>(point_index));
  std::vector<std::int32_t> prompt = prompt_for(point_index, stream, shared_prefix(point));
  prompt.resize(static_cast<std::size_t>(length));
  const std::int32_t vocab = vocab_of(*experiment_, point.model);
  std::size_t begin = 0;
  for (const std::uint64_t block : blocks) {
    if (begin >= prompt.size()) break;
    const std::size_t n = std::min<std::size_t>(kTraceBlockTokens, prompt.size() - begin);
    const auto ids = synthetic_prompt(experiment_->prompts.seed ^ block, kTraceBlockTokens, vocab);
    std::copy_n(ids.begin(), n, prompt.begin() + static_cast<std::ptrdiff_t>(begin));
    begin += n;
  }
  return prompt;
}

std::int64_t PromptSource::different_prompts(const Point& point) const {
  const auto text = texts_.find(point.model);
  if (text != texts_.end()) return static_cast<std::int64_t>(text->second.starts.at(own_length(point)).size());
  const std::int64_t vocab = vocab_of(*experiment_, point.model);
  return own_length(point) == 1 ? vocab : vocab * vocab;
}

std::vector<std::string> PromptSource::notes() const {
  std::vector<std::string> notes;
  for (const Point& point : experiment_->points) {
    const std::int64_t needed = places_.most_in_a_process(point);
    const std::int64_t different = different_prompts(point);
    if (different >= needed) continue;
    std::string note = fmt::format(
        "{}: prompts repeat: only {} of {} exist, and a process runs up to {}; a backend that caches prompts gains "
        "from that",
        point.model, counted(different, "different prompt"), counted(own_length(point), "token"), needed);
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(std::move(note));
  }
  return notes;
}

}  // namespace inferbench
