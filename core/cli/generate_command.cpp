// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/generate_shared.hpp"
#include "plugin/backend_reference.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

void generate(const GenerateArguments& arguments) {
  if (arguments.chat) {
    if (arguments.backends.size() > 1) throw Error("--chat talks to one backend", "give --backend once");
    if (arguments.prompt) {
      throw Error("--chat reads its lines from standard input and takes no --prompt", "leave out one of the two");
    }
    if (arguments.raw && arguments.system) throw Error("--raw has no system message", "leave out one of the two");
    if (arguments.json || arguments.echo) throw Error("--chat does not support --json or --echo", "leave them out");
    return generate_chat(arguments);
  }
  if (arguments.raw || arguments.system || arguments.context) {
    throw Error("--raw, --system and --context belong to --chat", "leave them out, or give --chat");
  }
  if (!arguments.prompt) throw Error("--prompt is required", "give a text, - for standard input, or --chat");
  if (arguments.backends.size() == 1) return generate_once(arguments);
  generate_side_by_side(arguments);
}

void add_sampling_options(CLI::App& command, GenerateArguments& arguments) {
  command
      .add_option("--max-tokens", arguments.max_tokens,
                  fmt::format("Most new tokens [{}, or as many as fit into the context]", kDefaultMaxTokens))
      ->check(CLI::Range(1, std::numeric_limits<std::int32_t>::max()))
      ->type_name("N");
  command.add_option("--temperature", arguments.temperature, "0: greedy [0; 1 with --top-k, --top-p or --seed]")
      ->type_name("T");
  command.add_option("--top-k", arguments.top_k, "Sample from the K most likely tokens; 0: all [0]")->type_name("K");
  command.add_option("--top-p", arguments.top_p, "Sample from the fewest tokens whose total probability reaches P [1]")
      ->type_name("P");
  command.add_option("--seed", arguments.seed, "Seed of the random numbers: the same seed gives the same text [0]")
      ->type_name("N");
}

}  // namespace

void add_generate_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = app.add_subcommand("generate", "Continue a text, token by token");
  command
      ->add_option("--backend", arguments->backends,
                   "Backend, precision and device [its first of each]; give several to compare them side by side")
      ->required()
      ->allow_extra_args(false)
      ->type_name(kReferenceForm);
  command->add_option("--model", arguments->model, "Folder or hub name")->required()->type_name("MODEL");
  command->add_option("--prompt", arguments->prompt, "Text to continue; - reads standard input")->type_name(kTextType);
  command->add_flag("--chat", arguments->chat,
                    "Talk line by line, keeping the conversation in the context; Ctrl-D ends. An instruction model is "
                    "spoken to in its format, another one continues the text");
  command->add_option("--system", arguments->system, "Chat: the system message [that of the model's template, or none]")
      ->type_name(kTextType);
  command->add_flag("--raw", arguments->raw, "Chat: only continue the text, whatever format the model knows");
  command->add_option("--context", arguments->context, "Chat: positions of the cache [the model's, at most 8192]")
      ->check(CLI::Range(2, std::numeric_limits<std::int32_t>::max()))
      ->type_name("N");
  add_sampling_options(*command, *arguments);
  command->add_option("--option", arguments->settings.options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  add_threads_option(*command, arguments->settings.threads);
  add_plugin_dir_option(*command, arguments->settings.plugin_dirs);
  command->add_flag("--echo", arguments->echo, "Also print the prompt");
  add_json_flag(*command, arguments->json);
  command->footer(
      "Only the continuation goes to standard output; the statistics go to standard error.\n"
      "  inferbench generate --backend cpu_ref --model gpt2 --prompt 'Once upon a time' --max-tokens 50\n"
      "  inferbench generate --backend cpu_ref --backend cpu_quant:int4 --model gpt2 --prompt 'Once upon a time'\n"
      "  inferbench generate --backend cpu_quant --model gpt2 --chat");
  command->callback([arguments] { generate(*arguments); });
}

}  // namespace inferbench
