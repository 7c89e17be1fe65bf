// SPDX-License-Identifier: Apache-2.0
// One backend: streams its text, with statistics on stderr.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/generate_shared.hpp"
#include "support/counted.hpp"
#include "support/optional_json.hpp"
#include "support/print.hpp"
#include "text/stream_decoder.hpp"

namespace inferbench {

namespace {

void print_json(const IsolatedSession& loaded, const GenerateArguments& arguments, const std::string& prompt,
                const std::vector<std::int32_t>& prompt_ids, const Generated& generated, const std::string& text) {
  const GenerateTiming& timing = generated.timing;
  const SamplingOptions sampling = sampling_of(arguments);
  const nlohmann::ordered_json json = {
      {"backend", loaded.backend().plugin.name},
      {"precision", loaded.backend().precision},
      {"kernels", loaded.kernels()},
      {"model", arguments.model},
      {"threads", arguments.settings.threads},
      {"sampling",
       {{"temperature", sampling.temperature},
        {"top_k", sampling.top_k},
        {"top_p", sampling.top_p},
        {"seed", sampling.seed}}},
      {"prompt", prompt},
      {"prompt_ids", prompt_ids},
      {"text", text},
      {"ids", generated.ids},
      {"stop", generated.end_of_text ? "end_of_text" : "max_tokens"},
      {"load_ms", timing.load_ms},
      {"ttft_ms", timing.ttft_ms},
      {"decode_ms_per_token", or_null(timing.ms_per_token())},
      {"decode_tokens_per_s", or_null(timing.tokens_per_s())},
  };
  // Bytes that are not UTF-8 appear as U+FFFD here; the ids are exact.
  write_out(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void print_statistics(const IsolatedSession& loaded, std::size_t n_prompt, const Generated& generated) {
  const GenerateTiming& timing = generated.timing;
  std::string decode;
  if (timing.decode_steps > 0) {
    decode =
        fmt::format(", then {:.2f} ms per token ({:.1f} tokens/s)", *timing.ms_per_token(), *timing.tokens_per_s());
  }
  print_message("inferbench: {} ({}) loaded in {:.0f} ms; {}, first token after {:.1f} ms{}; {} new, {}\n",
                loaded.backend().name(), loaded.kernels(), timing.load_ms, counted(n_prompt, "prompt token"),
                timing.ttft_ms, decode, generated.ids.size(),
                generated.end_of_text ? "ended by end-of-text" : "stopped at the limit");
}

}  // namespace

void generate_once(const GenerateArguments& arguments) {
  const SamplingOptions sampling = sampling_of(arguments);
  const FoundBackend found = find_backend(arguments.backends.front(), arguments.settings);  // fails early
  const Model model = Model::open(arguments.model);
  const Tokenizer tokenizer = tokenizer_of(model);
  const std::string prompt = read_prompt(*arguments.prompt);
  const std::vector<std::int32_t> prompt_ids = encode_prompt(tokenizer, prompt, model.config());
  const std::int32_t n_new = tokens_to_make(arguments.max_tokens, prompt_ids.size(), model.config().max_positions);

  // The last token is generated but never fed.
  const auto n_prompt = static_cast<std::int32_t>(prompt_ids.size());
  IsolatedSession session(found, arguments.settings, model, {n_prompt + n_new - 1, n_prompt}, sampling,
                          terminal_callbacks());

  const bool stream = !arguments.json;
  StreamDecoder decoder(tokenizer, prompt_ids);
  std::string text;
  if (stream && arguments.echo) write_out(prompt);
  Generated generated =
      generate_tokens([&](auto fed) { return session.next(fed); }, prompt_ids, n_new, model.config().end_tokens,
                      [&](std::int32_t id) {
                        const std::string piece = decoder.push(id);
                        text += piece;
                        if (stream) write_out(piece);
                      });
  const std::string rest = decoder.flush();
  text += rest;
  generated.timing.load_ms = session.load_ms();
  if (stream) {
    // A pipe gets the exact bytes; on a terminal the shell prompt starts on a new line.
    write_out(rest + (isatty(STDOUT_FILENO) == 1 ? "\n" : ""));
    print_statistics(session, prompt_ids.size(), generated);
  } else {
    print_json(session, arguments, prompt, prompt_ids, generated, arguments.echo ? prompt + text : text);
  }
}

}  // namespace inferbench
