// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <limits>
#include <memory>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/serve_loop.hpp"
#include "plugin/backend_reference.hpp"
#include "support/error.hpp"

namespace inferbench {

#ifndef INFERBENCH_HTTP_SERVER
void serve(const ServeArguments& /*arguments*/) {
  throw Error("serve is not available: libmicrohttpd was not found when this program was built",
              "apt-get install libmicrohttpd-dev, then build it again");
}
#endif

void add_serve_command(CLI::App& app, CommandContext&) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* command = app.add_subcommand("serve", "Serve a model on a backend by OpenAI's HTTP API");
  const auto add = [&](const char* name, auto& value, const char* doc, const char* type) {
    return command->add_option(name, value, doc)->type_name(type);
  };
  add("--backend", arguments->backend, "Backend, precision and device [its first of each]", kReferenceForm)->required();
  add("--model", arguments->model, "Folder or hub name", "MODEL")->required();
  add("--name", arguments->name, "What clients call the model [the last part of --model]", "NAME");
  add("--host", arguments->host, "Address to listen on", "ADDRESS")->capture_default_str();
  add("--port", arguments->port, "Port to listen on; 0: any free one", "PORT")
      ->capture_default_str()
      ->check(CLI::Range(0, 65535));
  add("--max-batch", arguments->max_batch, "Slots: requests that run at once", "N")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  add("--token-budget", arguments->token_budget, "Most tokens of one forward call", "N")
      ->capture_default_str()
      ->check(CLI::Range(1, kMost));
  add("--policy", arguments->policy,
      "chunked: every step decodes, and feeds pieces of prompts; prefill_first: prompts go before decoding", "POLICY")
      ->capture_default_str()
      ->check(CLI::IsMember({"chunked", "prefill_first"}));
  add("--queue", arguments->queue, "Requests that may wait for a slot; more get status 429", "N")
      ->capture_default_str()
      ->check(CLI::Range(0, kMost));
  add("--context", arguments->context, "Positions of a slot [the model's, at most 4096]", "N")
      ->check(CLI::Range(2, kMost));
  add("--timeout", arguments->timeout_s, "Longest time of a request, in seconds", "S")
      ->capture_default_str()
      ->check(positive_number())
      ->check(CLI::Range(0.0, 1e9));
  add("--drain", arguments->drain_s, "How long SIGTERM waits for running requests, in seconds", "S")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e9));
  command->add_option("--option", arguments->settings.options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  add_threads_option(*command, arguments->settings.threads);
  add_plugin_dir_option(*command, arguments->settings.plugin_dirs);
  command->footer(
      "Paths: /v1/completions, /v1/chat/completions, /v1/models, /health, /metrics. If INFERBENCH_API_KEY is set, "
      "/v1/\nasks for it. There is no TLS: put a proxy before it.\n"
      "  inferbench serve --backend cpu_quant:int8 --model gpt2\n"
      "  curl http://127.0.0.1:8080/v1/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{\"model\": \"gpt2\", \"prompt\": \"Once upon a time\", \"max_tokens\": 20}'");
  command->callback([arguments] { serve(*arguments); });
}

}  // namespace inferbench
