// SPDX-License-Identifier: Apache-2.0
// Several backends with one prompt: they run one after another, and their texts are shown next to each other.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/common_options.hpp"
#include "cli/generate_shared.hpp"
#include "cli/text_columns.hpp"
#include "report/console_style.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "text/stream_decoder.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

/// The output of one backend.
struct Result {
  std::string name;
  Generated generated;
  std::string text;
  std::size_t same_tokens = 0;  ///< number of leading ids equal to the first backend's
  std::size_t same_bytes = 0;   ///< number of bytes of their text
};

struct Side {
  FoundBackend backend;
  BackendArguments settings;
};

// Each backend gets the options that are in its schema. An option that no backend has is an error.
std::vector<Side> sides_of(const GenerateArguments& arguments) {
  std::vector<Side> all;
  std::vector<bool> known(arguments.settings.options.size(), false);
  for (const std::string& backend : arguments.backends) {
    FoundBackend found = find_backend(backend, arguments.settings.plugin_dirs);
    const std::vector<OptionDescription>& schema = found.plugin.options;
    BackendArguments settings = arguments.settings;
    settings.options.clear();
    for (std::size_t i = 0; i < arguments.settings.options.size(); ++i) {
      const std::string& option = arguments.settings.options[i];
      const std::string key = option.substr(0, option.find('='));
      const auto has = [&](const OptionDescription& info) { return key == info.key; };
      if (std::none_of(schema.begin(), schema.end(), has)) continue;
      settings.options.push_back(option);
      known[i] = true;
    }
    static_cast<void>(OptionValues(schema, parse_options(settings.options)));
    all.push_back({std::move(found), std::move(settings)});
  }
  const auto unknown = std::find(known.begin(), known.end(), false);
  if (unknown != known.end()) {
    throw Error(fmt::format("none of the backends has the option {}",
                            arguments.settings.options[static_cast<std::size_t>(unknown - known.begin())]),
                "inferbench backends lists the options of each");
  }
  return all;
}

Result generate_with(const Side& side, const GenerateArguments& arguments, const Model& model,
                     const Tokenizer& tokenizer, const std::vector<std::int32_t>& prompt, std::int32_t n_new) {
  const auto n_prompt = static_cast<std::int32_t>(prompt.size());
  IsolatedSession session(side.backend, side.settings, model, {n_prompt + n_new - 1, n_prompt}, sampling_of(arguments),
                          terminal_callbacks());
  StreamDecoder decoder(tokenizer, prompt);
  Result result;
  result.name = side.backend.name();
  result.generated =
      generate_tokens([&](auto fed) { return session.next(fed); }, prompt, n_new, model.config().end_tokens,
                      [&](std::int32_t id) { result.text += decoder.push(id); });
  result.text += decoder.flush();
  result.generated.timing.load_ms = session.load_ms();
  return result;
}

void compare_with(const Result& first, const Tokenizer& tokenizer, const std::vector<std::int32_t>& prompt,
                  Result& result) {
  StreamDecoder decoder(tokenizer, prompt);
  const auto& ids = result.generated.ids;
  const auto& expected = first.generated.ids;
  const std::size_t n = std::min(ids.size(), expected.size());
  while (result.same_tokens < n && ids[result.same_tokens] == expected[result.same_tokens]) {
    result.same_bytes += decoder.push(ids[result.same_tokens]).size();
    ++result.same_tokens;
  }
}

bool is_same(const Result& first, const Result& result) {
  return first.generated.ids == result.generated.ids;
}

void print_json_side_by_side(const GenerateArguments& arguments, const std::string& prompt,
                             const std::vector<Result>& results) {
  const auto or_null = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
  Json json{{"model", arguments.model}, {"prompt", prompt}, {"backends", Json::array()}};
  for (const Result& result : results) {
    const GenerateTiming& timing = result.generated.timing;
    json["backends"].push_back({{"backend", result.name},
                                {"text", result.text},
                                {"ids", result.generated.ids},
                                {"same", is_same(results.front(), result)},
                                {"same_tokens", result.same_tokens},
                                {"stop", result.generated.end_of_text ? "end_of_text" : "max_tokens"},
                                {"load_ms", timing.load_ms},
                                {"ttft_ms", timing.ttft_ms},
                                {"decode_tokens_per_s", or_null(timing.tokens_per_s())}});
  }
  write_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

void print_columns(const std::string& prompt, const std::vector<Result>& results) {
  std::vector<TextColumn> columns;
  for (const Result& result : results)
    columns.push_back({result.name, prompt + result.text, prompt.size() + result.same_bytes});
  write_out(render_columns(columns, terminal_width(), wants_colour(STDOUT_FILENO)));
}

void print_statistics_side_by_side(const std::vector<Result>& results) {
  for (const Result& result : results) {
    const GenerateTiming& timing = result.generated.timing;
    print_message(
        "inferbench: {} loaded in {:.0f} ms, first token after {:.1f} ms{}; {}\n", result.name, timing.load_ms,
        timing.ttft_ms, timing.decode_steps > 0 ? fmt::format(", then {:.1f} tokens/s", *timing.tokens_per_s()) : "",
        is_same(results.front(), result)
            ? counted(result.generated.ids.size(), "token")
            : fmt::format("differs from token {} of {}", result.same_tokens + 1, result.generated.ids.size()));
  }
}

}  // namespace

void generate_side_by_side(const GenerateArguments& arguments) {
  static_cast<void>(sampling_of(arguments));
  const std::vector<Side> sides = sides_of(arguments);
  const Model model = Model::open(arguments.model);
  const Tokenizer tokenizer = tokenizer_of(model);
  const std::string prompt = read_prompt(*arguments.prompt);
  const std::vector<std::int32_t> prompt_ids = encode_prompt(tokenizer, prompt, model.config());
  const std::int32_t n_new = tokens_to_make(arguments.max_tokens, prompt_ids.size(), model.config().max_positions);
  std::vector<Result> results;
  for (const Side& side : sides) {
    Result result = generate_with(side, arguments, model, tokenizer, prompt_ids, n_new);
    compare_with(results.empty() ? result : results.front(), tokenizer, prompt_ids, result);
    results.push_back(std::move(result));
  }
  if (arguments.json) return print_json_side_by_side(arguments, prompt, results);
  print_columns(arguments.echo ? prompt : "", results);
  print_statistics_side_by_side(results);
}

}  // namespace inferbench
