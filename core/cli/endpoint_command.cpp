// SPDX-License-Identifier: Apache-2.0
// Measures a running server: one scenario, with the figures of all its requests.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/interrupt.hpp"
#include "http/endpoint_load.hpp"
#include "http/random_prompt.hpp"
#include "serve/load_metrics.hpp"
#include "serve/request_plan.hpp"
#include "serve/scenario.hpp"
#include "stats/summary.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/optional_json.hpp"
#include "support/print.hpp"
#include "text/model_text.hpp"
#ifdef INFERBENCH_HTTP_CLIENT
#include "http/endpoint_client.hpp"
#endif

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

struct EndpointArguments {
  Endpoint endpoint;
  std::string api_key_env;
  std::string scenario = "closed 1";
  std::string tokenizer;
  std::int32_t requests = 20;
  std::int32_t prompt_tokens = 128;
  std::int32_t generate_tokens = 64;
  std::uint64_t seed = 1;
  bool chat = false;
  bool whole = false;
  bool json = false;
};

/// A run with its figures.
struct Measured {
  EndpointResult result;
  LoadMetrics metrics;
  std::map<std::string, std::int64_t> statuses;
  std::map<std::string, std::int64_t> sources;  ///< who counted the tokens, of answers that are ok
  /// Mean length of the prompts of answers that are ok; null: nobody counted some of them. A prompt is made of words,
  /// and a small vocabulary has several tokens for each.
  std::optional<double> prompt_tokens;
};

Scenario read_scenario(const std::string& text) {
  const auto scenario = scenario_from(text);
  if (scenario && scenario->kind != ScenarioKind::kTrace) return *scenario;
  throw Error(fmt::format("--scenario '{}' is not a scenario", text),
              "give 'closed 8' (8 users), 'open 2.5/s' (requests a second), 'open 2/s constant', or 'offline'");
}

EndpointPlan plan_of(const EndpointArguments& arguments, const Scenario& scenario,
                     const std::optional<Tokenizer>& tokenizer) {
  RequestMix mix;
  mix.requests = arguments.requests;
  mix.prompt = LengthDistribution::fixed(arguments.prompt_tokens);
  mix.output = LengthDistribution::fixed(arguments.generate_tokens);
  EndpointPlan plan;
  plan.concurrency = static_cast<std::size_t>(scenario.concurrency);
  SplitMix64 random(arguments.seed);
  for (const PlannedRequest& planned : plan_requests(scenario, mix, {}, arguments.seed)) {
    std::string prompt = random_prompt(planned.prompt_tokens, random);
    const auto tokens = tokenizer ? static_cast<std::int32_t>(tokenizer->encode(prompt).size()) : planned.prompt_tokens;
    plan.requests.push_back({0, planned.arrival_ns, std::move(prompt), tokens, planned.output_tokens});
  }
  return plan;
}

std::optional<Tokenizer> tokenizer_for(const std::string& reference) {
  if (reference.empty()) return std::nullopt;
  return tokenizer_of(Model::open(reference));
}

// Null if an answer came without usage and no tokenizer counted its prompt.
std::optional<double> mean_prompt_tokens(const std::vector<EndpointOutcome>& outcomes, bool all_counted) {
  double sum = 0;
  double n = 0;
  for (const EndpointOutcome& outcome : outcomes) {
    if (!outcome.request.ok()) continue;
    if (!all_counted && (!outcome.usage || outcome.usage->prompt <= 0)) return std::nullopt;
    sum += outcome.request.prompt_tokens;
    ++n;
  }
  return n > 0 ? std::optional(sum / n) : std::nullopt;
}

Measured measured(EndpointResult result, const Scenario& scenario, const std::optional<Tokenizer>& tokenizer) {
  Measured measured;
  std::vector<RequestOutcome> requests;
  for (EndpointOutcome& outcome : result.outcomes) {
    std::optional<std::int64_t> counted;
    if (tokenizer) counted = static_cast<std::int64_t>(tokenizer->encode(outcome.text).size());
    const TokenSource source = count_tokens(outcome, counted);
    if (outcome.request.ok()) ++measured.sources[std::string(to_string(source))];
    ++measured.statuses[std::string(to_string(outcome.status))];
    requests.push_back(outcome.request);
  }
  measured.metrics = derive_load_metrics(requests, scenario.kind, 0, {});
  measured.prompt_tokens = mean_prompt_tokens(result.outcomes, tokenizer.has_value());
  measured.result = std::move(result);
  return measured;
}

nlohmann::ordered_json summary_json(const std::vector<double>& values) {
  const auto summary = summarize(values);
  if (!summary) return nullptr;
  return {{"mean", summary->mean},        {"p50", or_null(summary->p50)}, {"p90", or_null(summary->p90)},
          {"p95", or_null(summary->p95)}, {"p99", or_null(summary->p99)}, {"max", summary->max}};
}

void print_endpoint_json(const EndpointArguments& arguments, const Measured& measured) {
  const LoadMetrics& metrics = measured.metrics;
  Json requests = Json::array();
  for (const EndpointOutcome& outcome : measured.result.outcomes) {
    const RequestOutcome& request = outcome.request;
    requests.push_back({{"status", to_string(outcome.status)},
                        {"http_status", outcome.http_status},
                        {"error", request.error},
                        {"prompt_tokens", request.prompt_tokens},
                        {"tokens", request.tokens_ns.size()},
                        {"arrival_ns", request.arrival_ns},
                        {"submit_ns", request.submit_ns},
                        {"first_token_ns", request.tokens_ns.empty() ? Json() : Json(request.tokens_ns.front())},
                        {"end_ns", request.end_ns}});
  }
  const Json json = {{"endpoint", arguments.endpoint.url},
                     {"model", arguments.endpoint.model},
                     {"scenario", arguments.scenario},
                     {"delivery", arguments.whole ? "whole" : "stream"},
                     {"statuses", measured.statuses},
                     {"tokens_counted_by", measured.sources},
                     {"ttft_ms", summary_json(metrics.ttft_ms)},
                     {"tpot_ms", summary_json(metrics.tpot_ms)},
                     {"inter_token_ms", summary_json(metrics.inter_token_ms)},
                     {"e2e_ms", summary_json(metrics.e2e_ms)},
                     {"output_tokens_per_s", metrics.output_tokens_per_s},
                     {"prompt_words", arguments.prompt_tokens},
                     {"prompt_tokens", or_null(measured.prompt_tokens)},
                     {"total_tokens_per_s", measured.prompt_tokens ? Json(metrics.total_tokens_per_s) : Json()},
                     {"requests_per_s", metrics.requests_per_s},
                     {"success_rate", metrics.success_rate},
                     {"client_lag_ms", static_cast<double>(measured.result.lag_ns) * 1e-6},
                     {"send_lag_ms", static_cast<double>(measured.result.send_lag_ns) * 1e-6},
                     {"disturbed", measured.result.disturbed()},
                     {"requests", requests}};
  write_result(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string list_of(const std::map<std::string, std::int64_t>& counts) {
  std::string list;
  for (const auto& [name, count] : counts) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, name);
  return list;
}

void print_row(const char* name, const std::vector<double>& values, const char* doc) {
  const auto summary = summarize(values);
  if (!summary) return;
  const auto cell = [](const std::optional<double>& value) {
    return value ? fmt::format("{:9.2f}", *value) : std::string("        -");
  };
  print_result("  {:12}{}{}{}{}  {}\n", name, cell(summary->p50), cell(summary->p90), cell(summary->p99),
               cell(summary->max), doc);
}

void print_endpoint_table(const EndpointArguments& arguments, const Measured& measured) {
  const LoadMetrics& metrics = measured.metrics;
  print_result("{} at {}: {}, {} of {} and {}, {}\n", arguments.endpoint.model, arguments.endpoint.url,
               arguments.scenario, counted(arguments.requests, "request"),
               counted(arguments.prompt_tokens, "random word"), counted(arguments.generate_tokens, "new token"),
               arguments.whole ? "whole answers" : "streams");
  print_result("  requests: {}; tokens counted by: {}\n", list_of(measured.statuses),
               measured.sources.empty() ? "nobody" : list_of(measured.sources));
  if (measured.prompt_tokens) {
    print_result("  prompts: {:.1f} tokens on average\n", *measured.prompt_tokens);
  } else if (metrics.ok > 0) {
    print_result("  prompts: nobody counted their tokens; --tokenizer does\n");
  }
  if (metrics.ok > 0) {
    print_result("  {:12}      p50      p90      p99      max\n", "");
    if (!arguments.whole) {
      print_row("ttft ms", metrics.ttft_ms, "from the arrival to the first token");
      print_row("tpot ms", metrics.tpot_ms, "time per output token after it");
      print_row("gap ms", metrics.inter_token_ms, "between tokens");
    }
    print_row("e2e ms", metrics.e2e_ms, "from the arrival to the last token");
    print_result("  {:.1f} output tokens/s, {}{:.2f} requests/s\n", metrics.output_tokens_per_s,
                 measured.prompt_tokens ? fmt::format("{:.1f} tokens/s in all, ", metrics.total_tokens_per_s) : "",
                 metrics.requests_per_s);
  }
  if (measured.result.disturbed()) {
    print_result("  disturbed: this program was up to {:.1f} ms late with receiving and {:.1f} ms with sending\n",
                 static_cast<double>(measured.result.lag_ns) * 1e-6,
                 static_cast<double>(measured.result.send_lag_ns) * 1e-6);
  }
  std::map<std::string, std::int64_t> errors;
  for (const EndpointOutcome& outcome : measured.result.outcomes) {
    if (!outcome.request.error.empty()) ++errors[outcome.request.error];
  }
  // Messages with numbers in them differ from request to request.
  constexpr std::int64_t kShownErrors = 5;
  std::int64_t shown = 0;
  std::int64_t others = 0;
  for (const auto& [error, count] : errors) {
    if (++shown <= kShownErrors) {
      print_result("  {}: {}\n", counted(count, "request"), error);
    } else {
      others += count;
    }
  }
  if (others > 0) print_result("  {} with other errors: --json lists them\n", counted(others, "request"));
}

#ifdef INFERBENCH_HTTP_CLIENT
EndpointResult run_on_endpoint(const EndpointArguments& arguments, EndpointPlan plan) {
  EndpointClient client(arguments.endpoint);
  const InterruptGuard interrupt;
  plan.should_stop = [&] { return interrupt.requested(); };
  return run_endpoint_load(std::move(plan), client);
}
#else
EndpointResult run_on_endpoint(const EndpointArguments& /*arguments*/, EndpointPlan /*plan*/) {
  throw Error("endpoints can't be measured: libcurl was not found when this program was built",
              "apt-get install libcurl4-openssl-dev, then build it again");
}
#endif

void measure_endpoint(EndpointArguments& arguments, CommandContext& context) {
  const Scenario scenario = read_scenario(arguments.scenario);
  arguments.endpoint.kind = arguments.chat ? ApiKind::kChat : ApiKind::kCompletion;
  arguments.endpoint.stream = !arguments.whole;
  if (!arguments.api_key_env.empty()) {
    const char* key = std::getenv(arguments.api_key_env.c_str());
    if (key == nullptr) {
      throw Error(fmt::format("the environment variable {} is not set", arguments.api_key_env),
                  "set it to the endpoint's API key");
    }
    arguments.endpoint.api_key = key;
  }
  const auto tokenizer = tokenizer_for(arguments.tokenizer);
  const Measured result =
      measured(run_on_endpoint(arguments, plan_of(arguments, scenario, tokenizer)), scenario, tokenizer);
  if (arguments.json) {
    print_endpoint_json(arguments, result);
  } else {
    print_endpoint_table(arguments, result);
  }
  if (result.metrics.success_rate < 1) context.exit_code = static_cast<int>(ExitCode::kTrialsFailed);
}

}  // namespace

void add_endpoint_command(CLI::App& app, CommandContext& context) {
  constexpr std::int32_t kMost = 1 << 20;
  auto arguments = std::make_shared<EndpointArguments>();
  CLI::App* command = app.add_subcommand("endpoint", "Measure a running server that speaks OpenAI's HTTP API");
  command->add_option("url", arguments->endpoint.url, "Up to /v1")->required()->type_name("URL");
  command->add_option("--model", arguments->endpoint.model, "As the server names it")->required()->type_name("NAME");
  command
      ->add_option(
          "--scenario", arguments->scenario,
          "'closed N': N users; 'open R/s': R requests a second, with 'constant' at equal distances; 'offline'")
      ->capture_default_str()
      ->type_name("SCENARIO");
  const auto add_number = [&](const char* name, std::int32_t& value, const char* doc) {
    command->add_option(name, value, doc)->capture_default_str()->check(CLI::Range(1, kMost))->type_name("N");
  };
  add_number("--requests", arguments->requests, "Requests to send");
  add_number("--prompt-tokens", arguments->prompt_tokens,
             "Random words in each prompt: about as many tokens with a large vocabulary, more with a small one");
  add_number("--generate-tokens", arguments->generate_tokens, "Tokens to generate");
  command->add_option("--tokenizer", arguments->tokenizer, "Model whose tokenizer counts, if the server does not")
      ->type_name("MODEL");
  command->add_flag("--chat", arguments->chat, "Use /chat/completions");
  command->add_flag("--whole", arguments->whole, "Ask for whole answers, not for streams");
  command->add_option("--timeout", arguments->endpoint.timeout_s, "Longest time of a request, in seconds")
      ->capture_default_str()
      ->check(positive_number())
      ->check(CLI::Range(0.0, 1e6))
      ->type_name("S");
  command->add_option("--api-key-env", arguments->api_key_env, "Environment variable with the API key")
      ->type_name("VARIABLE");
  command->add_option("--seed", arguments->seed, "Of prompts and arrivals")->capture_default_str()->type_name("N");
  add_json_flag(*command, arguments->json);
  command->footer(
      "Nothing is sent twice, and no proxy of the environment is used.\n"
      "  inferbench endpoint http://127.0.0.1:8080/v1 --model gpt2 --scenario 'closed 8' --requests 100");
  command->callback([arguments, &context] { measure_endpoint(*arguments, context); });
}

}  // namespace inferbench
