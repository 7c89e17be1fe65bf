// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/isolated_session.hpp"
#include "cli/load_backend.hpp"
#include "model/model.hpp"
#include "text/model_text.hpp"
#include "text/sampler.hpp"

namespace inferbench {

/// The arguments of `generate`, for all its forms.
struct GenerateArguments {
  std::vector<std::string> backends;
  std::string model;
  std::optional<std::string> prompt;
  std::optional<std::int32_t> max_tokens;
  std::optional<double> temperature;
  std::optional<std::int32_t> top_k;
  std::optional<double> top_p;
  std::optional<std::uint64_t> seed;
  BackendArguments settings;
  bool chat = false;
  bool raw = false;                     ///< chat without the model's format
  std::optional<std::string> system;    ///< chat: the system message
  std::optional<std::int32_t> context;  ///< chat: positions of the cache
  bool echo = false;
  bool json = false;
};

inline constexpr std::int32_t kDefaultMaxTokens = 128;

/// Time spent in the backend and in choosing tokens, without the host's work on text and terminal.
struct GenerateTiming {
  double load_ms = 0;
  double ttft_ms = 0;
  double decode_ms = 0;           ///< all tokens but the first
  std::int32_t decode_steps = 0;  ///< tokens after the first, including an end-of-text token

  std::optional<double> ms_per_token() const;
  std::optional<double> tokens_per_s() const;
};

struct Generated {
  std::vector<std::int32_t> ids;  ///< without the end-of-text token
  bool end_of_text = false;
  GenerateTiming timing;
};

/// Feeds tokens and returns the token chosen from the logits.
using NextToken = std::function<std::int32_t(std::span<const std::int32_t> fed)>;
using NextTimedToken = std::function<TimedToken(std::span<const std::int32_t> fed)>;

/// Samples if any of the sampling options is set, otherwise greedy. Throws Error for an impossible value.
SamplingOptions sampling_of(const GenerateArguments& arguments);

/// Returns the argument, or standard input for "-". Throws Error.
std::string read_prompt(const std::string& argument);

/// How many new tokens to generate after the prompt. Throws Error if the wanted number does not fit into the context.
std::int32_t tokens_to_make(const std::optional<std::int32_t>& wanted, std::size_t prompt, std::int32_t context);

/// Chooses the next token with `sampler` from the logits after the tokens fed to slot 0 of `session`. Greedy choices
/// use the logits too, since the ids of a backend that computes NaN may be anything. Both arguments must outlive the
/// result.
NextToken pick_from(const BackendSession& session, Sampler& sampler);

/// Feeds the prompt, then each chosen token, up to one of `end_tokens` (ascending); `emit` gets every token as soon as
/// it is chosen.
Generated generate_tokens(const NextTimedToken& next, std::span<const std::int32_t> prompt, std::int32_t n_new,
                          std::span<const std::int32_t> end_tokens, const std::function<void(std::int32_t)>& emit);

/// Writes to stdout and flushes. Throws Error.
void write_out(std::string_view bytes);

// The three forms of the command, one file each.
void generate_once(const GenerateArguments& arguments);
void generate_side_by_side(const GenerateArguments& arguments);
void generate_chat(const GenerateArguments& arguments);

}  // namespace inferbench
