// SPDX-License-Identifier: Apache-2.0
// Reads lines in a loop: each line is a turn of the conversation, and the model answers it.
#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>

#include "cli/generate_shared.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "text/chat.hpp"
#include "text/sliding_context.hpp"
#include "text/stream_decoder.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kRawTurnTokens = 64;
constexpr std::int32_t kTurnTokens = 512;      // a model that knows the format ends its turn itself
constexpr std::int32_t kMostPositions = 8192;  // of the cache, however many the model could have

/// Lines from a terminal, with editing and history, or from a pipe, unchanged.
class LineReader {
 public:
  LineReader() : terminal_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {}

  bool terminal() const { return terminal_; }

  /// nullopt at the end of the input (Ctrl-D).
  std::optional<std::string> next() const {
    if (!terminal_) {
      std::string line;
      if (!std::getline(std::cin, line)) return std::nullopt;
      return line;
    }
    const std::unique_ptr<char, decltype(&std::free)> line(readline("> "), &std::free);
    if (!line) return std::nullopt;
    if (*line != '\0') add_history(line.get());
    return std::string(line.get());
  }

 private:
  bool terminal_;
};

void print_turn(const Generated& generated, const SlidingContext& context) {
  const GenerateTiming& timing = generated.timing;
  print_message("[{}, first after {:.1f} ms{}; {} of {}{}]\n", counted(generated.ids.size(), "token"), timing.ttft_ms,
                timing.decode_steps > 0 ? fmt::format(", {:.1f} tokens/s", *timing.tokens_per_s()) : "", context.held(),
                counted(context.capacity(), "position"),
                context.slides() > 0 ? fmt::format(", slid {}", counted(context.slides(), "time")) : "");
}

/// What a conversation feeds to the model, turn by turn.
class Conversation {
 public:
  virtual ~Conversation() = default;
  /// The tokens of the user's next line, with all that the model has to read before it answers.
  virtual std::vector<std::int32_t> next(const std::string& line) = 0;
};

/// The lines are one text, which the model continues.
class RawConversation final : public Conversation {
 public:
  RawConversation(const Tokenizer& tokenizer, const ModelConfig& config) : tokenizer_(tokenizer), config_(config) {}

  std::vector<std::int32_t> next(const std::string& line) override {
    const std::string said = line + "\n";
    if (!std::exchange(is_first_, false)) return tokenizer_.encode_continued("\n" + said);
    return encode_prompt(tokenizer_, said, config_);
  }

 private:
  const Tokenizer& tokenizer_;
  const ModelConfig& config_;
  bool is_first_ = true;
};

/// Each line is a user's message in the model's format.
class FormattedConversation final : public Conversation {
 public:
  FormattedConversation(const Tokenizer& tokenizer, ChatWriter writer, std::optional<std::string> system)
      : tokenizer_(tokenizer), writer_(std::move(writer)), system_(std::move(system)) {}

  std::vector<std::int32_t> next(const std::string& line) override {
    if (std::exchange(is_first_, false)) return tokenizer_.encode(writer_.first_turn(line, system_));
    return tokenizer_.encode_continued(writer_.next_turn(line));
  }

 private:
  const Tokenizer& tokenizer_;
  ChatWriter writer_;
  std::optional<std::string> system_;
  bool is_first_ = true;
};

/// How to talk to the model, and where its turns end.
struct Manner {
  std::unique_ptr<Conversation> conversation;
  std::string name;
  std::int32_t turn_tokens = kRawTurnTokens;
  std::vector<std::int32_t> end_tokens;  ///< ascending
};

Manner manner_of(const GenerateArguments& arguments, const Model& model, const Tokenizer& tokenizer) {
  Manner manner{nullptr, "raw text", arguments.max_tokens.value_or(kRawTurnTokens), model.config().end_tokens};
  const auto files = arguments.raw ? std::nullopt : read_chat_files(*model.place());
  if (!files) {
    if (arguments.system) throw Error("this model has no chat template, so no system message", "leave --system out");
    manner.conversation = std::make_unique<RawConversation>(tokenizer, model.config());
    return manner;
  }
  ChatWriter writer(*files, chat_date());
  static_cast<void>(
      writer.first_turn("", arguments.system));  // says now, not at the first line, that --system can't be
  manner.name = fmt::format("the {} format", writer.format().name);
  manner.turn_tokens = arguments.max_tokens.value_or(kTurnTokens);
  manner.end_tokens = chat_end_tokens(writer, *files, tokenizer, model.config().end_tokens);
  manner.conversation = std::make_unique<FormattedConversation>(tokenizer, std::move(writer), arguments.system);
  return manner;
}

std::int32_t cache_positions(const GenerateArguments& arguments, const ModelConfig& config) {
  const std::int32_t wanted = arguments.context.value_or(std::min(config.max_positions, kMostPositions));
  if (wanted <= config.max_positions) return wanted;
  throw Error(fmt::format("--context {} exceeds the model's {}", wanted, counted(config.max_positions, "position")),
              fmt::format("give {} or fewer", config.max_positions));
}

}  // namespace

void generate_chat(const GenerateArguments& arguments) {
  const SamplingOptions sampling = sampling_of(arguments);
  const Model model = Model::open(arguments.model);
  const Tokenizer tokenizer = tokenizer_of(model);
  const Manner manner = manner_of(arguments, model, tokenizer);
  const FoundBackend found = find_backend(arguments.backends.front(), arguments.settings);
  const std::int32_t capacity = cache_positions(arguments, model.config());
  IsolatedSession session(found, arguments.settings, model, {capacity, capacity}, sampling, terminal_callbacks());
  SlidingContext context(capacity, [&] { session.clear(); });

  const LineReader reader;
  if (reader.terminal()) print_message("{} on {}, {}; Ctrl-D ends\n", found.name(), arguments.model, manner.name);
  std::vector<std::int32_t> unfed;  // the last token of a turn that was cut short: generated but never fed
  while (const auto line = reader.next()) {
    const std::vector<std::int32_t> ids = manner.conversation->next(*line);
    std::vector<std::int32_t> fresh = unfed;
    fresh.insert(fresh.end(), ids.begin(), ids.end());
    StreamDecoder decoder(tokenizer, fresh);
    const auto next = [&](std::span<const std::int32_t> fed) { return session.next(context.make_room(fed)); };
    const Generated turn = generate_tokens(next, fresh, manner.turn_tokens, manner.end_tokens,
                                           [&](std::int32_t id) { write_out(decoder.push(id)); });
    write_out(decoder.flush() + "\n");
    print_turn(turn, context);
    unfed.clear();
    if (!turn.end_of_text && !turn.ids.empty()) unfed.push_back(turn.ids.back());
  }
  if (reader.terminal()) write_out("\n");
}

}  // namespace inferbench
