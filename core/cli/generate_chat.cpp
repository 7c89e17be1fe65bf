// SPDX-License-Identifier: Apache-2.0
// Reads lines in a loop: each line is appended to the conversation, and the model continues it.
#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "cli/generate_shared.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "text/sliding_context.hpp"
#include "text/stream_decoder.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kTurnTokens = 64;
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

}  // namespace

void generate_chat(const GenerateArguments& arguments) {
  const SamplingOptions sampling = sampling_of(arguments);
  const Model model = Model::open(arguments.model);
  const Tokenizer tokenizer = tokenizer_of(model);
  const std::int32_t n_new = arguments.max_tokens.value_or(kTurnTokens);
  const FoundBackend found = find_backend(arguments.backends.front(), arguments.settings);
  const std::int32_t capacity = std::min(model.config().max_positions, kMostPositions);
  IsolatedSession session(found, arguments.settings, model, {capacity, capacity}, sampling, terminal_callbacks());
  SlidingContext context(capacity, [&] { session.clear(); });

  const LineReader reader;
  if (reader.terminal()) print_message("{} on {}; Ctrl-D ends\n", found.name(), arguments.model);
  std::string before = arguments.prompt ? read_prompt(*arguments.prompt) : "";
  bool is_first = true;
  std::vector<std::int32_t> unfed;  // the last turn's last token: generated but never fed
  while (const auto line = reader.next()) {
    const std::string said = before + *line + "\n";
    const std::vector<std::int32_t> ids =
        is_first ? encode_prompt(tokenizer, said, model.config()) : tokenizer.encode_continued(said);
    is_first = false;
    before.assign(1, '\n');
    std::vector<std::int32_t> fresh = unfed;
    fresh.insert(fresh.end(), ids.begin(), ids.end());
    StreamDecoder decoder(tokenizer, fresh);
    const auto next = [&](std::span<const std::int32_t> fed) { return session.next(context.make_room(fed)); };
    const Generated turn = generate_tokens(next, fresh, n_new, model.config().end_tokens,
                                           [&](std::int32_t id) { write_out(decoder.push(id)); });
    write_out(decoder.flush() + "\n");
    print_turn(turn, context);
    unfed.clear();
    if (!turn.ids.empty()) unfed.push_back(turn.ids.back());
  }
  if (reader.terminal()) write_out("\n");
}

}  // namespace inferbench
