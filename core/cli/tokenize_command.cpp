// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/commands.hpp"
#include "cli/standard_streams.hpp"
#include "model/model.hpp"
#include "support/error.hpp"
#include "support/json_problem.hpp"
#include "support/print.hpp"
#include "text/model_text.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

struct TokenizeArguments {
  std::string model;
  bool decode = false;
  bool no_special = false;
};

/// A folder or a GGUF file needs only its tokenizer, so it is not opened as a model.
Tokenizer tokenizer_at(const std::string& reference) {
  if (std::filesystem::exists(reference)) return Tokenizer::load(reference);
  return tokenizer_of(Model::open(reference));
}

std::vector<std::int32_t> parse_ids(const std::string& text) {
  const char* const cure = "give what 'inferbench tokenize' prints, such as [15496, 995]";
  try {
    const auto json = nlohmann::json::parse(text);
    if (!json.is_array())
      throw Error(fmt::format("expected a JSON array of token ids, found {}", json.type_name()), cure);
    std::vector<std::int32_t> ids;
    ids.reserve(json.size());
    for (const auto& id : json) {
      if (!id.is_number_integer() || id != id.get<std::int32_t>()) {
        throw Error(fmt::format("token id {} at index {} is not one", id.dump(), ids.size()), cure);
      }
      ids.push_back(id.get<std::int32_t>());
    }
    return ids;
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(fmt::format("standard input is not JSON: {}", json_problem(error)), cure);
  }
}

void tokenize(const TokenizeArguments& arguments) {
  const Tokenizer tokenizer = tokenizer_at(arguments.model);
  if (arguments.decode) {
    write_result(tokenizer.decode(parse_ids(read_standard_input())));
    return;
  }
  std::vector<std::int32_t> ids = tokenizer.encode(read_standard_input());
  if (!arguments.no_special) ids = tokenizer.add_special(std::move(ids));
  std::string line = "[";
  for (const std::int32_t id : ids) {
    if (line.size() > 1) line += ", ";
    line += fmt::format("{}", id);
  }
  write_result(line + "]\n");
}

}  // namespace

void add_tokenize_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<TokenizeArguments>();
  CLI::App* command = app.add_subcommand("tokenize", "Text from standard input to token ids, or back");
  command
      ->add_option("--model", arguments->model,
                   "Folder with tokenizer.json, or with vocab.json and merges.txt; or a hub name")
      ->required()
      ->type_name("MODEL");
  command->add_flag("--decode", arguments->decode, "Read a JSON array of ids and write the bytes that they stand for");
  command->add_flag("--no-special", arguments->no_special,
                    "Without the tokens that the model expects at the beginning or end of a text");
  command->footer(
      "Every byte counts: a final newline is a token too, and --decode adds none. With tokenizer.json, special tokens "
      "in\nthe text (<|im_end|>) are found; with vocab.json and merges.txt they are ordinary text.\n"
      "  printf 'Hello, world!' | inferbench tokenize --model gpt2");
  command->callback([arguments] { tokenize(*arguments); });
}

}  // namespace inferbench
