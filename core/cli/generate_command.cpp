// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/load_backend.hpp"
#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "support/error.hpp"
#include "text/sampler.hpp"
#include "text/tokenizer.hpp"
#include "text/utf8_stream.hpp"

namespace inferbench {
namespace {

constexpr std::int32_t kDefaultMaxTokens = 128;

struct GenerateArguments {
  std::string backend;
  std::string model;
  std::string prompt;
  std::optional<std::int32_t> max_tokens;
  std::optional<double> temperature;
  std::optional<std::int32_t> top_k;
  std::optional<double> top_p;
  std::optional<std::uint64_t> seed;
  std::int32_t threads = 1;
  std::vector<std::filesystem::path> plugin_dirs;
  std::vector<std::string> options;
  bool echo = false;
  bool json = false;
};

struct Timing {
  double load_ms = 0;
  double ttft_ms = 0;
  double decode_ms = 0;           ///< from the first token to the last
  std::int32_t decode_steps = 0;  ///< tokens after the first, an end-of-text included
};

struct Generated {
  std::vector<std::int32_t> ids;  ///< without the end-of-text
  bool end_of_text = false;
  Timing timing;
};

SamplingOptions sampling_of(const GenerateArguments& arguments) {
  SamplingOptions sampling;
  // Whoever sets any of them wants to sample.
  const bool sampled = arguments.top_k || arguments.top_p || arguments.seed;
  sampling.temperature = arguments.temperature.value_or(sampled ? 1 : 0);
  sampling.top_k = arguments.top_k.value_or(0);
  sampling.top_p = arguments.top_p.value_or(1);
  sampling.seed = arguments.seed.value_or(0);
  return sampling;
}

std::string read_prompt(const std::string& argument) {
  if (argument != "-") return argument;
  std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  if (std::cin.bad()) throw Error("standard input cannot be read");
  return text;
}

/// An empty prompt starts as GPT-2's training texts did: after an end-of-text.
std::vector<std::int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text,
                                        const ModelConfig& config) {
  if (tokenizer.size() > config.vocab) {
    throw Error(fmt::format("the tokenizer has {} tokens, but the model knows only {}", tokenizer.size(), config.vocab),
                "take vocab.json and merges.txt from where the model came from");
  }
  std::vector<std::int32_t> ids = tokenizer.encode(text);
  if (ids.empty() && config.eos_token >= 0) ids.push_back(config.eos_token);
  if (ids.empty())
    throw Error("the prompt is empty, and the model names no end-of-text token to start with", "give a prompt");
  return ids;
}

std::int32_t tokens_to_make(const std::optional<std::int32_t>& wanted, std::size_t prompt, std::int32_t context) {
  const auto n_prompt = static_cast<std::int64_t>(prompt);
  const std::int64_t n_new =
      wanted.value_or(static_cast<std::int32_t>(std::clamp<std::int64_t>(context - n_prompt, 1, kDefaultMaxTokens)));
  if (n_prompt + n_new > context) {
    throw Error(fmt::format("{} prompt tokens and {} new ones are {}, more than the model's context of {}", n_prompt,
                            n_new, n_prompt + n_new, context),
                n_prompt < context ? fmt::format("give --max-tokens {} or fewer", context - n_prompt)
                                   : fmt::format("shorten the prompt to {} tokens or fewer", context - 1));
  }
  return static_cast<std::int32_t>(n_new);
}

void write_out(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size() || std::fflush(stdout) != 0) {
    throw Error("standard output cannot be written");
  }
}

/// Feeds the prompt, then each token it picks; `emit` gets the tokens as they come.
template <typename Emit>
Generated generate_tokens(const BackendSession& session, const std::vector<std::int32_t>& prompt, std::int32_t n_new,
                          const SamplingOptions& sampling, std::int32_t end_of_text, Emit emit) {
  Generated generated;
  Sampler sampler(sampling);
  std::span<const std::int32_t> fed = prompt;
  const std::uint64_t start = now_ns();
  std::uint64_t first = start;
  for (std::int32_t step = 0; step < n_new; ++step) {
    const std::int32_t id = sampling.greedy() ? session.greedy(0, fed) : sampler.sample(session.last_logits(0, fed));
    const std::uint64_t now = now_ns();
    if (step == 0) first = now;
    generated.timing.ttft_ms = elapsed_ms(start, first);
    generated.timing.decode_ms = elapsed_ms(first, now);
    generated.timing.decode_steps = step;
    if (id == end_of_text) {
      generated.end_of_text = true;
      break;
    }
    generated.ids.push_back(id);
    fed = std::span(&generated.ids.back(), 1);
    emit(id);
  }
  return generated;
}

std::string text_of(const Tokenizer& tokenizer, std::int32_t id) {
  // Models with a padded vocabulary have logits for ids that no token has.
  return id < tokenizer.size() ? tokenizer.decode(std::span(&id, 1)) : "\uFFFD";
}

void print_json(const BackendModel& model, const std::string& precision, const GenerateArguments& arguments,
                const std::string& prompt, const std::vector<std::int32_t>& prompt_ids, const Generated& generated,
                const std::string& text) {
  const Timing& timing = generated.timing;
  const SamplingOptions sampling = sampling_of(arguments);
  nlohmann::ordered_json json = {
      {"backend", model.plugin().name()},
      {"precision", precision},
      {"kernels", model.info().kernels},
      {"model", arguments.model},
      {"threads", arguments.threads},
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
      {"decode_ms_per_token", nullptr},
      {"decode_tokens_per_s", nullptr},
  };
  if (timing.decode_steps > 0) {
    json["decode_ms_per_token"] = timing.decode_ms / timing.decode_steps;
    json["decode_tokens_per_s"] = timing.decode_steps / timing.decode_ms * 1e3;
  }
  // Text that is not UTF-8 shows as U+FFFD here; the ids are exact.
  write_out(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void print_statistics(const BackendModel& model, const std::string& precision, std::size_t n_prompt,
                      const Generated& generated) {
  const Timing& timing = generated.timing;
  std::string decode;
  if (timing.decode_steps > 0) {
    decode = fmt::format(", then {:.2f} ms a token ({:.1f} tokens/s)", timing.decode_ms / timing.decode_steps,
                         timing.decode_steps / timing.decode_ms * 1e3);
  }
  fmt::print(
      stderr,
      "inferbench: {}:{} ({}) loaded in {:.0f} ms; {} prompt tokens, first token after {:.1f} ms{}; {} new, {}\n",
      model.plugin().name(), precision, model.info().kernels, timing.load_ms, n_prompt, timing.ttft_ms, decode,
      generated.ids.size(), generated.end_of_text ? "ended by end-of-text" : "as many as asked");
}

void generate(const GenerateArguments& arguments) {
  const SamplingOptions sampling = sampling_of(arguments);
  static_cast<void>(Sampler{sampling});  // checks the options before any work
  const auto [plugin_name, wanted_precision] = parse_backend_reference(arguments.backend);
  const Plugin plugin = PluginPath(arguments.plugin_dirs).find(plugin_name);
  const OptionValues options(plugin.options(), parse_options(arguments.options));
  const std::string precision = wanted_precision.empty() ? plugin.precisions()[0].name : wanted_precision;
  const Model model = Model::open(arguments.model);
  if (!model.folder()) {
    throw Error(fmt::format("{} has no tokenizer: its weights are made up", arguments.model),
                "give a folder or a hub name, such as gpt2");
  }
  const Tokenizer tokenizer = Tokenizer::load(*model.folder());
  const std::string prompt = read_prompt(arguments.prompt);
  const std::vector<std::int32_t> prompt_ids = encode_prompt(tokenizer, prompt, model.config());
  const std::int32_t n_new = tokens_to_make(arguments.max_tokens, prompt_ids.size(), model.config().context);

  const ScopedAffinity affinity(arguments.threads);
  const std::uint64_t before_load = now_ns();
  const BackendModel loaded(BackendContext(plugin, arguments.threads, terminal_callbacks()), model.weights(), precision,
                            options);
  // The last token is made, never fed.
  const auto n_prompt = static_cast<std::int32_t>(prompt_ids.size());
  const BackendSession session(loaded, 1, n_prompt + n_new - 1, n_prompt);
  const double load_ms = elapsed_ms(before_load, now_ns());

  const bool stream = !arguments.json;
  Utf8Stream shown;
  std::string text;
  if (stream && arguments.echo) write_out(prompt);
  Generated generated =
      generate_tokens(session, prompt_ids, n_new, sampling, model.config().eos_token, [&](std::int32_t id) {
        const std::string piece = text_of(tokenizer, id);
        text += piece;
        if (stream) write_out(shown.push(piece));
      });
  generated.timing.load_ms = load_ms;
  if (stream) {
    // A pipe gets the exact bytes; a terminal's prompt should not stand behind them.
    write_out(shown.flush() + (isatty(STDOUT_FILENO) == 1 ? "\n" : ""));
    print_statistics(loaded, precision, prompt_ids.size(), generated);
  } else {
    print_json(loaded, precision, arguments, prompt, prompt_ids, generated, arguments.echo ? prompt + text : text);
  }
}

}  // namespace

void add_generate_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = app.add_subcommand("generate", "Continue a text, token by token");
  command->add_option("--backend", arguments->backend, "Backend, and precision: the backend's first if left out")
      ->required()
      ->type_name("B[:PRECISION]");
  command->add_option("--model", arguments->model, "Folder or hub name")->required()->type_name("MODEL");
  command->add_option("--prompt", arguments->prompt, "Text to continue; - reads standard input")
      ->required()
      ->type_name("TEXT");
  command
      ->add_option("--max-tokens", arguments->max_tokens,
                   fmt::format("New tokens at most [{}, or what the context leaves]", kDefaultMaxTokens))
      ->check(CLI::Range(1, std::numeric_limits<std::int32_t>::max()))
      ->type_name("N");
  command->add_option("--temperature", arguments->temperature, "0: greedy [0; 1 with --top-k, --top-p or --seed]")
      ->type_name("T");
  command->add_option("--top-k", arguments->top_k, "Sample among the K likeliest; 0: all [0]")->type_name("K");
  command->add_option("--top-p", arguments->top_p, "Sample among the fewest whose probability reaches P [1]")
      ->type_name("P");
  command->add_option("--seed", arguments->seed, "Of the random numbers: the same seed, the same text [0]")
      ->type_name("N");
  command->add_option("--option", arguments->options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  add_threads_option(*command, arguments->threads);
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  command->add_flag("--echo", arguments->echo, "Print the prompt, too");
  add_json_flag(*command, arguments->json);
  command->footer(
      "Only the continuation goes to standard output; the statistics go to standard error.\n"
      "  inferbench generate --backend cpu_ref --model gpt2 --prompt 'Once upon a time' --max-tokens 50");
  command->callback([arguments] { generate(*arguments); });
}

}  // namespace inferbench
