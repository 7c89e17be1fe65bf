// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "experiment/key_reference.hpp"
#include "experiment/key_schema.hpp"
#include "experiment/keys.hpp"

namespace inferbench {
namespace {

struct SchemaArguments {
  bool ops = false;
  bool markdown = false;
};

std::string schema_text(bool ops) {
  const auto schema = ops ? json_schema_of(operator_experiment_keys(), "Experiment for inferbench ops")
                          : json_schema_of(experiment_keys(), "Experiment for inferbench run");
  return schema.dump(2) + "\n";
}

}  // namespace

void add_schema_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<SchemaArguments>();
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of experiment files, for editors");
  CLI::Option* ops = command->add_flag("--ops", arguments->ops, "Schema of experiments for inferbench ops");
  command->add_flag("--markdown", arguments->markdown, "Print docs/experiment_reference.md, the reference of all keys")
      ->excludes(ops);
  command->footer(
      "An editor that uses yaml-language-server completes and checks a file that begins with\n"
      "  # yaml-language-server: $schema=experiment.schema.json\n"
      "after this was run in the same folder:\n"
      "  inferbench schema >experiment.schema.json");
  command->callback([arguments] {
    Destination("-", "").write(arguments->markdown ? experiment_reference() : schema_text(arguments->ops));
  });
}

}  // namespace inferbench
