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

/// What `generate` was asked for, in each of its forms.
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
  bool echo = false;
  bool json = false;
};

inline constexpr std::int32_t kDefaultMaxTokens = 128;

/// The backend's time and that of choosing tokens; not the host's for text and terminal.
struct GenerateTiming {
  double load_ms = 0;
  double ttft_ms = 0;
  double decode_ms = 0;           ///< of all tokens but the first
  std::int32_t decode_steps = 0;  ///< tokens after the first, an end-of-text included

  std::optional<double> ms_per_token() const;
  std::optional<double> tokens_per_s() const;
};

struct Generated {
  std::vector<std::int32_t> ids;  ///< without the end-of-text
  bool end_of_text = false;
  GenerateTiming timing;
};

/// Takes what is fed next and gives the logits' choice.
using NextToken = std::function<std::int32_t(std::span<const std::int32_t> fed)>;
using NextTimedToken = std::function<TimedToken(std::span<const std::int32_t> fed)>;

/// Whoever sets any of the sampling options wants to sample; else greedy. Throws Error where a value is impossible.
SamplingOptions sampling_of(const GenerateArguments& arguments);

/// The argument, or standard input for "-". Throws Error.
std::string read_prompt(const std::string& argument);

/// Ids of a prompt; an empty one starts as GPT-2's training texts did: after an end-of-text. Throws Error where the
/// model has none.
std::vector<std::int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text, const ModelConfig& config);

/// How many new tokens fit behind the prompt. Throws Error where those that are wanted do not.
std::int32_t tokens_to_make(const std::optional<std::int32_t>& wanted, std::size_t prompt, std::int32_t context);

/// Picks with `sampler` what comes after the tokens fed to slot 0 of `session`; greedily, too, from the logits: the ids
/// of a backend that computes NaN may be anything. Both outlive the result.
NextToken pick_from(const BackendSession& session, Sampler& sampler);

/// Feeds the prompt, then each token it picks; `emit` gets the tokens as they come.
Generated generate_tokens(const NextTimedToken& next, std::span<const std::int32_t> prompt, std::int32_t n_new,
                          std::int32_t end_of_text, const std::function<void(std::int32_t)>& emit);

/// Bytes of one token; U+FFFD for ids of a padded vocabulary, which no token has.
std::string text_of(const Tokenizer& tokenizer, std::int32_t id);

/// To stdout, at once. Throws Error.
void write_out(std::string_view bytes);

// The three forms, one file each.
void generate_once(const GenerateArguments& arguments);
void generate_side_by_side(const GenerateArguments& arguments);
void generate_chat(const GenerateArguments& arguments);

}  // namespace inferbench
