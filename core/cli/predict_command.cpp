// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/output.hpp"
#include "experiment/targets.hpp"
#include "measure/machine_limits.hpp"
#include "predict/configuration_query.hpp"
#include "predict/predictor.hpp"
#include "predict/predictor_text.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kBytesPerGiB = 1024.0 * 1024.0 * 1024.0;

struct FitArguments {
  std::vector<std::filesystem::path> runs;
  std::string out = "model.json";
  std::string limits;
  std::optional<double> threshold_ms;
  bool json = false;
};

struct AskArguments {
  std::filesystem::path model;
  std::vector<std::string> points;
  std::optional<double> memory_gib;
  std::optional<double> max_ms;
  std::optional<double> threshold_ms;
  std::string machine;
  std::filesystem::path limits;
  bool extrapolate = false;
  bool json = false;
};

Json read_json(const std::filesystem::path& path, const std::string& cure) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error(fmt::format("cannot read {}", path.string()), cure);
  Json json = Json::parse(file, nullptr, false);
  if (json.is_discarded()) throw Error(fmt::format("{} is not JSON", path.string()), cure);
  return json;
}

Predictor read_predictor(const std::filesystem::path& path) {
  return predictor_from_json(read_json(path, "make it with: inferbench predict fit RUN... --out model.json"));
}

MachineLimits read_limits(const std::filesystem::path& path) {
  return machine_limits_from_json(read_json(path, "make it with: inferbench machine --json > machine.json"));
}

// The limits of the selected machine; nullopt if none is named.
std::optional<MachineLimits> limits_of(const Predictor& predictor, const AskArguments& arguments) {
  if (!arguments.limits.empty()) return read_limits(arguments.limits);
  if (arguments.machine.empty()) return std::nullopt;
  const auto found = predictor.machines.find(arguments.machine);
  if (found != predictor.machines.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, limits] : predictor.machines) names.push_back(name);
  throw Error(fmt::format("machine '{}' was not measured", arguments.machine),
              suggestion(arguments.machine, "machines", names));
}

void print_json(const Json& json) {
  print_result("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

// Leaves out the trees and residuals, which are only for programs.
Json summary_json(const Predictor& predictor) {
  Json json = to_json(predictor);
  for (auto& [name, target] : json["targets"].items()) {
    target.erase("trees");
    target.erase("log_residuals");
  }
  return json;
}

// The decode time, in ms per token, of the first experiment with an interactive target on it; else `fallback`.
double threshold_of(const std::vector<RunData>& runs, double fallback) {
  for (const RunData& run : runs) {
    const std::optional<Target> target = interactive_of(run.info.resolved_yaml);
    if (target && target->metric == "decode_ms_per_token" && !target->at_least) return target->value;
  }
  return fallback;
}

void fit(const FitArguments& arguments) {
  const bool elsewhere = take_standard_output({{"--out", arguments.out}, {"--json", arguments.json ? "-" : ""}});
  FitOptions options;
  if (!arguments.limits.empty()) options.limits = read_limits(arguments.limits);
  std::vector<RunData> runs;
  for (const auto& folder : find_runs(arguments.runs)) runs.push_back(read_run(folder));
  options.threshold_ms = arguments.threshold_ms.value_or(threshold_of(runs, options.threshold_ms));
  const Predictor predictor = fit_predictor(runs, options);
  for (const std::string& line : predictor.warnings) print_message("inferbench: warning: {}\n", line);
  write_output_file(arguments.out, to_json(predictor).dump(1) + "\n");
  if (arguments.json) {
    print_json(summary_json(predictor));
  } else if (elsewhere) {
    write_message(validation_text(predictor));
  } else {
    print_result("{}\nwritten: {}\n", validation_text(predictor), arguments.out);
  }
}

std::vector<AskedConfiguration> asked(const Predictor& predictor, const AskArguments& arguments) {
  std::vector<AskedConfiguration> all;
  if (arguments.points.empty()) all = asked_configurations(predictor, {});
  for (const std::string& point : arguments.points) {
    for (AskedConfiguration& one : asked_configurations(predictor, parse_point(point))) all.push_back(std::move(one));
  }
  const std::optional<MachineLimits> limits = limits_of(predictor, arguments);
  for (AskedConfiguration& one : all) one.limits = limits;
  return all;
}

// Reports each kind of extrapolation once.
void warn_or_refuse(const std::vector<ConfigurationPrediction>& predictions, bool extrapolate) {
  std::vector<std::string> said;
  for (const ConfigurationPrediction& prediction : predictions) {
    for (const BeyondRange& beyond : prediction.beyond) {
      const std::string text = beyond_text(beyond);
      if (beyond.too_far && !extrapolate) {
        throw Error(text + ", farther than the tests with left-out configurations cover",
                    "measure closer to it, or give --extrapolate");
      }
      if (std::find(said.begin(), said.end(), text) != said.end()) continue;
      print_message("inferbench: warning: {}{}\n", text,
                    beyond.too_far ? ", so far that the interval is untested" : "");
      said.push_back(text);
    }
  }
}

void ask(const AskArguments& arguments) {
  Predictor predictor = read_predictor(arguments.model);
  if (arguments.threshold_ms) predictor.threshold_ms = *arguments.threshold_ms;
  std::vector<ConfigurationPrediction> predictions;
  for (const AskedConfiguration& one : asked(predictor, arguments)) {
    predictions.push_back(predict_configuration(predictor, one));
  }
  warn_or_refuse(predictions, arguments.extrapolate);
  std::optional<Requirements> requirements;
  if (arguments.memory_gib || arguments.max_ms) {
    requirements = Requirements{std::nullopt, arguments.max_ms};
    if (arguments.memory_gib) requirements->memory_bytes = *arguments.memory_gib * kBytesPerGiB;
  }
  if (arguments.json) {
    print_json(predictions_json(predictor, predictions, requirements));
  } else {
    print_result("{}", predictions_text(predictor, predictions, requirements));
  }
}

void explain(const AskArguments& arguments) {
  const Predictor predictor = read_predictor(arguments.model);
  if (arguments.json) {
    print_json(summary_json(predictor));
    return;
  }
  if (arguments.points.empty()) {
    print_result("{}\n{}", validation_text(predictor), explanation_text(predictor, std::nullopt));
    return;
  }
  const std::vector<AskedConfiguration> points = asked(predictor, arguments);
  std::vector<ConfigurationPrediction> predictions;
  for (const AskedConfiguration& point : points) predictions.push_back(predict_configuration(predictor, point));
  warn_or_refuse(predictions, arguments.extrapolate);
  for (const AskedConfiguration& point : points) {
    print_result("{}{}", &point == points.data() ? "" : "\n", explanation_text(predictor, point));
  }
}

void add_fit(CLI::App& predict) {
  auto arguments = std::make_shared<FitArguments>();
  CLI::App& command = *predict.add_subcommand("fit", "Learn from run folders");
  command.add_option("runs", arguments->runs, "Run folders")->type_name("RUN")->required();
  command.add_option("--out", arguments->out, "Where the predictor goes; - is standard output")
      ->type_name("FILE")
      ->capture_default_str();
  command.add_option("--limits", arguments->limits, "Use these limits of the machine instead of the runs' own")
      ->type_name("FILE");
  command
      .add_option("--threshold", arguments->threshold_ms,
                  "Interactive: at most this long per token [the experiment's 'interactive', else 200]")
      ->check(positive_number())
      ->type_name("MS");
  add_json_flag(command, arguments->json);
  command.footer(
      "Three methods compete for each target: a sum of physical terms, boosted trees, and boosted trees on the\n"
      "residuals of the sum. Each predicts configurations left out of its fit (one model size, prompt length or\n"
      "batch at a time, and a third of the points). The method with the smallest mean error is kept.\n"
      "configs/predict_sweep.yaml is a sweep to learn from.");
  command.callback([arguments] { fit(*arguments); });
}

void add_point_options(CLI::App& command, AskArguments& arguments) {
  command.add_option("--model", arguments.model, "File written by `predict fit`")->type_name("FILE")->required();
  command
      .add_option(
          "--point", arguments.points,
          "KEY=VALUE or KEY=[VALUE,...], comma-separated; keys: contender, model (or layers and width), "
          "prompt_tokens, generate_tokens, batch, threads, past_tokens; a missing key takes every measured value, "
          "but past_tokens 0; may be given again")
      ->type_name("POINT")
      ->allow_extra_args(false);
  command.add_option("--machine", arguments.machine, "One of the machines in the fit")->type_name("NAME");
  command.add_option("--limits", arguments.limits, "Limits of another machine, as `machine --json` prints them")
      ->type_name("FILE");
  command.add_flag("--extrapolate", arguments.extrapolate, "Predict even far beyond the measured range");
  add_json_flag(command, arguments.json);
}

void add_ask(CLI::App& predict) {
  auto arguments = std::make_shared<AskArguments>();
  CLI::App& command = *predict.add_subcommand("ask", "Predict speed and memory, measured or not");
  add_point_options(command, *arguments);
  command
      .add_option("--fit-memory", arguments->memory_gib,
                  "List configurations that fit into this much memory, including loading")
      ->check(positive_number())
      ->type_name("GIB");
  command
      .add_option("--max-ms", arguments->max_ms,
                  "List configurations that need at most this many milliseconds per token")
      ->check(positive_number())
      ->type_name("MS");
  command.add_option("--threshold", arguments->threshold_ms, "Interactive: at most this long per token [as fitted]")
      ->check(positive_number())
      ->type_name("MS");
  command.footer(
      "The interval should cover nine of ten new configurations, judging by those left out in `predict fit`. A\n"
      "verdict is yes or no if the entire interval agrees, otherwise unclear.\n"
      "  inferbench predict ask --model model.json --point model=synthetic:gpt2-large,prompt_tokens=256,batch=[1,8]\n"
      "  inferbench predict ask --model model.json --fit-memory 2 --max-ms 50");
  command.callback([arguments] { ask(*arguments); });
}

void add_explain(CLI::App& predict) {
  auto arguments = std::make_shared<AskArguments>();
  CLI::App& command =
      *predict.add_subcommand("explain", "Show what was learned, how good it is, and the terms of a prediction");
  add_point_options(command, *arguments);
  command.callback([arguments] { explain(*arguments); });
}

}  // namespace

void add_predict_command(CLI::App& app, CommandContext&) {
  CLI::App& command = *app.add_subcommand("predict", "Learn from run folders; predict what was not measured");
  command.require_subcommand(1);
  add_fit(command);
  add_ask(command);
  add_explain(command);
}

}  // namespace inferbench
