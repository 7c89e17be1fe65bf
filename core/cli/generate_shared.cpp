// SPDX-License-Identifier: Apache-2.0
#include "cli/generate_shared.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/standard_streams.hpp"
#include "measure/clock.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {

std::optional<double> GenerateTiming::ms_per_token() const {
  if (decode_steps == 0) return std::nullopt;
  return decode_ms / decode_steps;
}

std::optional<double> GenerateTiming::tokens_per_s() const {
  if (decode_steps == 0) return std::nullopt;
  return decode_steps / decode_ms * 1e3;
}

SamplingOptions sampling_of(const GenerateArguments& arguments) {
  SamplingOptions sampling;
  const bool sampled = arguments.top_k || arguments.top_p || arguments.seed;
  sampling.temperature = arguments.temperature.value_or(sampled ? 1 : 0);
  sampling.top_k = arguments.top_k.value_or(0);
  sampling.top_p = arguments.top_p.value_or(1);
  sampling.seed = arguments.seed.value_or(0);
  static_cast<void>(Sampler{sampling});  // only to check them
  return sampling;
}

std::string read_prompt(const std::string& argument) {
  if (argument != "-") return argument;
  return read_standard_input();
}

std::int32_t tokens_to_make(const std::optional<std::int32_t>& wanted, std::size_t prompt, std::int32_t context) {
  const auto n_prompt = static_cast<std::int64_t>(prompt);
  const std::int64_t n_new =
      wanted.value_or(static_cast<std::int32_t>(std::clamp<std::int64_t>(context - n_prompt, 1, kDefaultMaxTokens)));
  if (n_prompt + n_new > context) {
    throw Error(fmt::format("{} and {} add up to {}, more than the model's context of {}",
                            counted(n_prompt, "prompt token"), counted(n_new, "new token"), n_prompt + n_new, context),
                n_prompt < context ? fmt::format("give --max-tokens {} or fewer", context - n_prompt)
                                   : fmt::format("shorten the prompt to {} or fewer", counted(context - 1, "token")));
  }
  return static_cast<std::int32_t>(n_new);
}

NextToken pick_from(const BackendSession& session, Sampler& sampler) {
  return [&](std::span<const std::int32_t> fed) { return sampler.sample(session.last_logits(0, fed)); };
}

Generated generate_tokens(const NextTimedToken& next, std::span<const std::int32_t> prompt, std::int32_t n_new,
                          std::span<const std::int32_t> end_tokens, const std::function<void(std::int32_t)>& emit) {
  Generated generated;
  std::span<const std::int32_t> fed = prompt;
  for (std::int32_t step = 0; step < n_new; ++step) {
    const TimedToken token = next(fed);
    const double ms = elapsed_ms(token.begin_ns, token.end_ns);
    if (step == 0) {
      generated.timing.ttft_ms = ms;
    } else {
      generated.timing.decode_ms += ms;
    }
    generated.timing.decode_steps = step;
    if (std::binary_search(end_tokens.begin(), end_tokens.end(), token.id)) {
      generated.end_of_text = true;
      break;
    }
    generated.ids.push_back(token.id);
    fed = std::span(&generated.ids.back(), 1);
    emit(token.id);
  }
  return generated;
}

void write_out(std::string_view bytes) {
  write_result(bytes);
  flush_results();
}

}  // namespace inferbench
