// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/isolated_session.hpp"
#include "cli/output.hpp"
#include "model/guarded_json.hpp"
#include "model/model.hpp"
#include "model/safetensors_writer.hpp"
#include "plugin/backend.hpp"
#include "plugin/backend_reference.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr const char* kTokensCure = "give a JSON array of token ids, such as [15496, 995], or an array of such arrays";
/// Number of tokens whose logits are held in memory; the rest is on disk.
constexpr std::size_t kChunkTokens = 256;

using Case = std::vector<std::int32_t>;

struct LogitsArguments {
  std::string backend;
  std::string model;
  std::filesystem::path tokens;
  std::string out;
  std::int32_t threads = 1;
  std::vector<std::filesystem::path> plugin_dirs;
  std::vector<std::string> options;
};

std::string read_text(const std::filesystem::path& path) {
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);  // a folder opens, but reading it fails
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (!is_folder) text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (is_folder || !file.is_open() || file.bad()) {
    throw Error(fmt::format("{} cannot be read", path.string()), "--tokens takes a file; " + std::string(kTokensCure));
  }
  return text;
}

nlohmann::json parse_json(const std::filesystem::path& path) {
  try {
    return nlohmann::json::parse(read_text(path));
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("{} is not JSON: {}", path.string(), json_complaint(error.what())), kTokensCure);
  }
}

/// Parses one case and checks it against the model. `where` names it in messages.
Case parse_case(const nlohmann::json& json, const std::string& where, const ModelConfig& config) {
  if (!json.is_array()) {
    throw Error(fmt::format("{}: expected an array of token ids, found {}", where, json.type_name()), kTokensCure);
  }
  if (json.empty()) throw Error(where + ": the array of token ids is empty", kTokensCure);
  if (json.size() > static_cast<std::size_t>(config.max_positions)) {
    throw Error(fmt::format("{}: {} exceed the model's context of {}", where, counted(json.size(), "token"),
                            config.max_positions),
                "give fewer tokens, or split them into several cases");
  }
  Case ids;
  ids.reserve(json.size());
  for (const auto& id : json) {
    // A number beyond int64 is stored as unsigned; it is not a token id either.
    const bool integer = id.is_number_integer() && (!id.is_number_unsigned() || id <= INT64_MAX);
    if (!integer || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= config.vocab_size) {
      throw Error(
          fmt::format("{}: {} at index {} is not a token id of this model", where, one_line(id.dump(), 60), ids.size()),
          fmt::format("token ids are whole numbers from 0 to {}", config.vocab_size - 1));
    }
    ids.push_back(id.get<std::int32_t>());
  }
  return ids;
}

std::vector<Case> read_cases(const std::filesystem::path& path, const ModelConfig& config) {
  const nlohmann::json json = parse_json(path);
  const bool several =
      json.is_array() && std::any_of(json.begin(), json.end(), [](const auto& j) { return j.is_array(); });
  if (!several) return {parse_case(json, path.string(), config)};
  std::vector<Case> cases;
  for (const auto& one : json) {
    cases.push_back(parse_case(one, fmt::format("{}, case {}", path.string(), cases.size()), config));
  }
  return cases;
}

void write_case(IsolatedSession& session, std::span<const std::int32_t> ids, SafetensorsWriter& writer) {
  session.clear();
  while (!ids.empty()) {
    const std::size_t n = std::min(kChunkTokens, ids.size());
    writer.write(session.all_logits(ids.first(n)));
    ids = ids.subspan(n);
  }
}

void logits(const LogitsArguments& arguments) {
  const Model model = Model::open(arguments.model);
  const std::vector<Case> cases = read_cases(arguments.tokens, model.config());
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::size_t longest = 0;
  for (const Case& ids : cases) {
    const auto vocab = static_cast<std::uint64_t>(model.config().vocab_size);
    tensors.push_back({fmt::format("case{}.logits", tensors.size()), "F32", {ids.size(), vocab}});
    longest = std::max(longest, ids.size());
  }
  const BackendArguments settings{arguments.options, arguments.threads, arguments.plugin_dirs};
  IsolatedSession session(
      find_backend(arguments.backend, settings), settings, model,
      {static_cast<std::int32_t>(longest), static_cast<std::int32_t>(std::min(longest, kChunkTokens))});
  SafetensorsWriter writer(Destination(arguments.out).open(), tensors);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    try {
      write_case(session, cases[i], writer);
    } catch (const BackendError&) {
      throw;
    } catch (const Error& error) {  // a logit is not finite: the position alone is not enough to find it
      throw Error(fmt::format("case {}: {}", i, error.what()), error.cure(), error.exit_code());
    }
  }
  writer.finish();
}

}  // namespace

void add_logits_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<LogitsArguments>();
  CLI::App* command =
      app.add_subcommand("logits", "Write the logits at every position of given token ids to a safetensors file");
  command->add_option("--backend", arguments->backend, "Backend, precision and device [its first of each]")
      ->required()
      ->type_name(kReferenceForm);
  command->add_option("--model", arguments->model, "Folder, hub name, or synthetic:SHAPE")
      ->required()
      ->type_name("MODEL");
  command->add_option("--tokens", arguments->tokens, "JSON: an array of token ids, or an array of such arrays")
      ->required()
      ->type_name("FILE.json");
  command
      ->add_option("--out", arguments->out,
                   "Output file: case{j}.logits, F32 [tokens, vocabulary]; - is standard output")
      ->required()
      ->type_name("FILE.safetensors");
  command->add_option("--option", arguments->options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  add_threads_option(*command, arguments->threads);
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  command->callback([arguments] { logits(*arguments); });
}

}  // namespace inferbench
