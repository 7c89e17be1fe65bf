// SPDX-License-Identifier: Apache-2.0
// The key rows of experiments for `inferbench run`. Defaults come from the structs and limits from bounds.hpp, as they
// do in the reader.
#include <fmt/format.h>

#include "experiment/bounds.hpp"
#include "experiment/experiment.hpp"
#include "experiment/key_rows.hpp"
#include "experiment/metrics.hpp"
#include "experiment/settings.hpp"
#include "experiment/sweep.hpp"

namespace inferbench {

std::vector<Key> file_rows() {
  return {
      {.path = "name",
       .fallback_words = "the file's name without its extension",
       .meaning = "Name of the experiment: letters, digits, `_`, `-`, `.`. Results go to `results/NAME/`.",
       .example = "my_compare"},
      {.path = "extends",
       .type = KeyType::kPath,
       .meaning = "Another experiment to start from: maps merge key by key, everything else replaces. Not allowed in "
                  "`--set`.",
       .example = "base.yaml"},
      {.path = "x-<name>",
       .type = KeyType::kAnything,
       .meaning = "Ignored: a place for YAML anchors (`&a`) that other keys use (`*a`, `<<: *a`).",
       .example = "&small {batch: 1}"},
  };
}

std::vector<Key> backend_rows() {
  return {
      {.path = "backends",
       .type = KeyType::kMap,
       .list = true,
       .required = true,
       .short_form = "PLUGIN[:PRECISION][@DEVICE]",
       .meaning = "The contenders. Lists of precisions, devices and option values give one contender per combination.",
       .example = "[cpu_ref, {plugin: cpu_quant, precision: [int8, int4]}]"},
      {.path = "backends.plugin",
       .required = true,
       .meaning = "Backend: a name that `inferbench backends` lists, or the path of a library (with a `/`; relative to "
                  "the folder of the YAML file).",
       .example = "cpu_quant"},
      {.path = "backends.name",
       .fallback_words = "`PLUGIN:PRECISION@DEVICE/OPTION=VALUE`, with the devices and options that vary",
       .meaning = "Name of the contender. If the entry gives several contenders, the precision, device and options "
                  "that vary are appended.",
       .example = "mine"},
      {.path = "backends.precision",
       .list = true,
       .fallback_words = "the backend's first",
       .meaning = "Precision. A list gives one contender per precision.",
       .example = "[int8, int4]"},
      {.path = "backends.device",
       .list = true,
       .fallback_words = "the backend's first",
       .meaning =
           "Device that the backend computes on; `inferbench backends` lists those of this machine. A list gives "
           "one contender per device. `threads` is no axis for a device other than `cpu`: of points that differ "
           "in threads alone, such a contender runs at the one with the most threads (as the baseline, at all).",
       .example = "[\"cuda:0\", \"cuda:1\"]"},
      {.path = "backends.options",
       .type = KeyType::kMap,
       .fallback_words = "the backend's own",
       .meaning = "Options of the backend; `inferbench backends` lists them.",
       .example = "{isa: [generic, avx2]}"},
      {.path = "backends.options.<option>",
       .type = KeyType::kScalar,
       .list = true,
       .meaning = "Value of that option. A list gives one contender per value.",
       .example = "[generic, avx2]"},
      {.path = "backends.optional",
       .type = KeyType::kFlag,
       .fallback = "false",
       .meaning = "If true, the contender is left out, with a note, if its backend does not load, lacks the precision, "
                  "or has no such device here. Otherwise that is an error.",
       .example = "true"},
      {.path = "baseline",
       .fallback_words = "the first contender",
       .meaning = "Contender that all speeds are compared with.",
       .example = "\"cpu_quant:int8\""},
  };
}

Key timeout_row() {
  return {.path = "limits.timeout_s",
          .type = KeyType::kNumber,
          .fallback = fmt::format("{}", Limits{}.timeout_s),
          .unit = "s",
          .least = 0.001,
          .most = kMaxTimeoutS,
          .meaning =
              "Time for loading a model, and for each trial. A contender that takes longer is stopped; its "
              "trial has the status `timeout`.",
          .example = "60"};
}

std::vector<Key> limit_rows() {
  return {
      {.path = "limits",
       .type = KeyType::kMap,
       .meaning = "What a worker process may use.",
       .example = "{timeout_s: 60, memory: 8GiB}"},
      timeout_row(),
      {.path = "limits.memory",
       .type = KeyType::kBytes,
       .fallback_words = "no limit",
       .unit = "bytes",
       .meaning = "Private memory of a worker process (heap and stacks; memory-mapped files don't count). A contender "
                  "that needs more gets the status `oom`.",
       .example = "8GiB"},
  };
}

Key repeat_row() {
  return {.path = "measure.repeat_disturbed",
          .type = KeyType::kInteger,
          .fallback = fmt::format("{}", MeasureSettings{}.repeat_disturbed),
          .most = kMaxRepeats,
          .meaning = "How often a block with a disturbed trial is repeated.",
          .example = "2"};
}

Key cpus_row() {
  return {.path = "measure.cpus",
          .type = KeyType::kCpus,
          .list = true,
          .fallback_words = "all CPUs that the process may use",
          .meaning =
              "CPUs to run on, as with `taskset`: numbers and ranges, `performance` (the fastest kind of core; all "
              "cores if they are alike), or a NUMA node. Each backend gets one of these CPUs per thread, one per "
              "physical core first. `threads: all` means all of these.",
          .example = "[0-1]"};
}

Key seed_row(std::string path, std::uint64_t fallback, std::string meaning) {
  return {.path = std::move(path),
          .type = KeyType::kSeed,
          .fallback = fmt::format("{}", fallback),
          .meaning = std::move(meaning),
          .example = "42"};
}

namespace {

std::vector<Key> sweep_rows() {
  std::vector<Key> rows{
      {.path = "models",
       .list = true,
       .required = true,
       .meaning = "Folders in Hugging Face format, hub names that are in the local cache, or `synthetic:SHAPE`.",
       .example = "[synthetic:gpt2, ./models/shakespeare]"},
      {.path = "sweep",
       .type = KeyType::kMap,
       .meaning = "The axes. Each combination of a model and one value per axis is a point.",
       .example = "{prompt_tokens: [32, 512], batch: [1, 8]}"}};
  std::vector<Key> excluded{{.path = "sweep.exclude.model",
                             .list = true,
                             .needs_value = true,
                             .meaning = "Models, written as in `models`.",
                             .example = "synthetic:gpt2"}};
  for (const std::string_view name : kAxesAsTold) {
    const AxisRule& rule = axis_rule(name);
    Key axis{.path = fmt::format("sweep.{}", rule.name),
             .type = KeyType::kInteger,
             .list = true,
             .needs_value = true,
             .fallback = rule.counts_cpus() ? "all" : fmt::format("{}", rule.fallback),
             .unit = std::string(rule.unit),
             .least = static_cast<double>(rule.min),
             .most = static_cast<double>(rule.max),
             .meaning = std::string(rule.meaning),
             .example = std::string(rule.example)};
    if (rule.counts_cpus()) axis.choices = {"all", "doubling"};
    rows.push_back(axis);
    axis.path = fmt::format("sweep.exclude.{}", rule.name);
    axis.fallback.clear();
    if (rule.counts_cpus()) {
      axis.choices = {"all"};
      axis.example = "all";
    }
    axis.meaning = fmt::format("Values of `sweep.{}`.", rule.name);
    excluded.push_back(std::move(axis));
  }
  for (Key& key : scenario_rows()) rows.push_back(std::move(key));
  rows.push_back({.path = "sweep.exclude",
                  .type = KeyType::kMap,
                  .list = true,
                  .allow_empty = true,
                  .meaning = "Points to leave out: those that match one value of every key given.",
                  .example = "[{prompt_tokens: 128, threads: all}]"});
  rows.insert(rows.end(), excluded.begin(), excluded.end());
  return rows;
}

std::vector<Key> prompt_rows() {
  return {{.path = "prompts",
           .type = KeyType::kMap,
           .meaning = "Where prompts come from: random token ids, or a text.",
           .example = "{seed: 42}"},
          seed_row("prompts.seed", Prompts{}.seed, "Seed of the prompts. Each trial of a point has its own prompts."),
          {.path = "prompts.file",
           .type = KeyType::kPath,
           .fallback_words = "random token ids",
           .meaning = "Text file to take prompts from: each sequence is a window of the text, at a place drawn from "
                      "the seed. Every model needs a tokenizer.",
           .example = "prompts.txt"}};
}

std::vector<Key> until_rows() {
  const Until until;
  return {
      {.path = "measure.until",
       .type = KeyType::kMap,
       .fallback_words = "no more than `measure.blocks`",
       .meaning = "Adds blocks to a point until the speed ratios are known this well, or a bound is reached.",
       .example = "{ratio_interval: 2%, max_blocks: 20}"},
      {.path = "measure.until.ratio_interval",
       .type = KeyType::kShare,
       .fallback = fmt::format("{}", until.ratio_interval),
       .least = kMinRatioInterval,
       .most = 1,
       .meaning = "Largest half width of each 99% interval, relative to the ratio, for prefill and decode speed of "
                  "every contender.",
       .example = "2%"},
      {.path = "measure.until.max_blocks",
       .type = KeyType::kInteger,
       .fallback_words = fmt::format("{}, or `measure.blocks` if that is more", until.max_blocks),
       .least = 2,
       .most = kMaxBlocks,
       .meaning = "Most blocks of a point; at least `measure.blocks`.",
       .example = "20"},
      {.path = "measure.until.max_minutes",
       .type = KeyType::kNumber,
       .fallback = fmt::format("{}", until.max_minutes),
       .unit = "min",
       .least = 0.001,
       .most = kMaxMinutes,
       .meaning = "No block is added once the trials of a point have taken this long together.",
       .example = "5"},
  };
}

std::vector<Key> measure_rows() {
  const MeasureSettings measure;
  std::vector<Key> rows{
      {.path = "measure",
       .type = KeyType::kMap,
       .meaning = "How often and in which order trials run.",
       .example = "{blocks: 9, warmup: 2}"},
      {.path = "measure.blocks",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", measure.blocks),
       .least = 1,
       .most = kMaxBlocks,
       .meaning = "Blocks of each point. In a block, every contender runs the point once, in shuffled order.",
       .example = "9"},
      {.path = "measure.warmup",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", measure.warmup),
       .most = kMaxWarmup,
       .meaning =
           "Trials of each contender and point before the first block. They are recorded but not counted. With 0, "
           "new processes of later blocks are not warmed up either.",
       .example = "2"},
      {.path = "measure.cooldown_s",
       .type = KeyType::kNumber,
       .fallback = fmt::format("{}", measure.cooldown_s),
       .unit = "s",
       .most = kMaxCooldownS,
       .meaning = "Pause before each trial.",
       .example = "0.5"},
      seed_row("measure.seed", measure.seed, "Seed of the order of the contenders within blocks."),
  };
  const std::vector<Key> until = until_rows();
  rows.insert(rows.end(), until.begin(), until.end());
  rows.push_back(repeat_row());
  rows.push_back(cpus_row());
  rows.push_back({.path = "measure.machine_limits",
                  .type = KeyType::kChoice,
                  .fallback = std::string(to_string(measure.machine_limits)),
                  .choices = {"auto", "always", "never"},
                  .meaning = "Whether the run first measures the machine's limits, so that each trial can report the "
                             "share it reaches. `auto`: if the plan takes longer than half a minute.",
                  .example = "never"});
  rows.push_back({.path = "measure.fresh_processes",
                  .type = KeyType::kFlag,
                  .fallback = fmt::format("{}", measure.fresh_processes),
                  .meaning = "If true, every block loads the backends in new processes. If false, one process serves "
                             "all blocks of a model and thread count.",
                  .example = "false"});
  return rows;
}

std::vector<Key> load_rows() {
  return {{.path = "load", .type = KeyType::kMap, .meaning = "How models are loaded.", .example = "{cache: cold}"},
          {.path = "load.cache",
           .type = KeyType::kChoice,
           .fallback = std::string(to_string(LoadSettings{}.cache)),
           .choices = {"as_is", "warm", "cold"},
           .meaning = "State of the page cache when a contender loads the model's files: left as it is, read in "
                      "advance, or dropped.",
           .example = "cold"}};
}

std::vector<Key> quality_rows() {
  return {
      {.path = "quality",
       .type = KeyType::kMap,
       .fallback_words = "not measured",
       .meaning = "Compares the logits of each contender with those of a reference, once per model. `quality: {}` uses "
                  "random tokens.",
       .example = "{text: wiki.txt, windows: 20}"},
      {.path = "quality.reference",
       .fallback = Quality{}.reference,
       .meaning = "Backend to compare with, in its first precision: a name or a path, as in `backends.plugin`.",
       .example = "cpu_quant"},
      {.path = "quality.text",
       .type = KeyType::kPath,
       .fallback_words = "random tokens",
       .meaning = "Text to predict.",
       .example = "wiki.txt"},
      {.path = "quality.windows",
       .type = KeyType::kInteger,
       .fallback_words = "the entire text, or 4 windows of random tokens",
       .least = 1,
       .most = kMaxWindows,
       .meaning = "Most windows to judge. A window of a text is as long as the model's context.",
       .example = "20"},
      {.path = "quality.max_kl",
       .type = KeyType::kMap,
       .fallback_words = "depends on the bits of the precision",
       .meaning = "Largest mean KL divergence to the reference. Trials of a contender above it are `wrong_output`.",
       .example = "{int8: 2e-4, int4: 0.02}"},
      {.path = "quality.max_kl.<precision or contender>",
       .type = KeyType::kNumber,
       .unit = "nats per token",
       .most = kMaxKl,
       .meaning = "Bound for this contender, or for all contenders of this precision. A contender's own bound takes "
                  "precedence.",
       .example = "0.02"},
  };
}

// The keys of a judgement, shared by `targets` and `interactive`.
std::vector<Key> judgement_rows(const std::string& section, bool allow_baseline) {
  const std::string bound = allow_baseline ? "A number, bytes (`600MiB`) or a multiple of the baseline (`1.5 x "
                                             "baseline`). Exactly one of `at_least` and `at_most` is needed."
                                           : "A number, or bytes (`600MiB`). Exactly one of `at_least` and `at_most` "
                                             "is needed.";
  return {
      {.path = section + ".metric",
       .type = KeyType::kChoice,
       .required = true,
       .choices = allow_baseline ? judged_metric_names() : metric_names(),
       .meaning = allow_baseline ? "Metric to judge; `kl`, `top1_agreement`, `top5_agreement` (shares from 0 to 1) and "
                                   "`perplexity` come from `quality`."
                                 : "Metric to judge.",
       .example = "decode_tokens_per_s"},
      {.path = section + ".percentile",
       .type = KeyType::kNumber,
       .fallback_words = "the geometric mean",
       .unit = "%",
       .least = 1,
       .most = 99.99,
       .meaning = "Judges this percentile of the values.",
       .example = "95"},
      {.path = section + ".at_least",
       .type = KeyType::kBound,
       .alternative = "at_most",
       .unit = "that of the metric",
       .meaning = "Lower bound. " + bound,
       .example = allow_baseline ? "1.5 x baseline" : "10"},
      {.path = section + ".at_most",
       .type = KeyType::kBound,
       .alternative = "at_least",
       .unit = "that of the metric",
       .meaning = "Upper bound. " + bound,
       .example = "200"},
  };
}

// The keys that select contenders and points.
std::vector<Key> scope_rows(const std::string& section) {
  std::vector<Key> rows{{.path = section + ".contender",
                         .fallback_words = "every contender",
                         .meaning = "Contender to judge.",
                         .example = "\"cpu_quant:int8\""},
                        {.path = section + ".model",
                         .fallback_words = "every model",
                         .meaning = "Judges points with this model only; written as in `models`.",
                         .example = "synthetic:gpt2"}};
  const auto example_of = [](std::string_view axis) {
    if (axis == "threads") return "2";
    if (axis == "batch") return "8";
    return axis == "prompt_tokens" || axis == "generate_tokens" ? "32" : "0";
  };
  for (const std::string_view name : kAxesAsTold) {
    const AxisRule& rule = axis_rule(name);
    rows.push_back({.path = fmt::format("{}.{}", section, name),
                    .type = KeyType::kInteger,
                    .fallback_words = "every value",
                    .unit = std::string(rule.unit),
                    .least = static_cast<double>(rule.min),
                    .most = static_cast<double>(rule.max),
                    .meaning = fmt::format("Judges points with this value of `sweep.{}` only.", name),
                    .example = example_of(name)});
  }
  rows.push_back({.path = section + ".scenario",
                  .fallback_words = "every scenario",
                  .meaning =
                      "Judges points of this scenario only, written as in tables: `batch`, `offline`, `closed 8`, "
                      "`open 2/s`, `open 2/s constant`, `trace FILE`.",
                  .example = "closed 8"});
  return rows;
}

std::vector<Key> regression_rows() {
  std::vector<Key> rows{
      {.path = "regressions",
       .type = KeyType::kMap,
       .list = true,
       .allow_empty = true,
       .fallback_words = "5% for `ttft_ms`, `peak_rss_bytes`, and `decode_tokens_per_s` (of batches), "
                         "`output_tokens_per_s` (of scenarios) or `max_rate_per_s` (of searches)",
       .meaning = "How much worse than in the earlier run `inferbench check --against` allows a metric to be. If "
                  "several entries match, the one with the most conditions counts; among equals, the last. "
                  "`--threshold` comes after all of them. A metric that an entry names is judged.",
       .example = "[{threshold: 5%}, {metric: ttft_ms, threshold: 10%}]"},
      {.path = "regressions.metric",
       .type = KeyType::kChoice,
       .fallback_words = "every metric that is judged",
       .choices = judged_metric_names(),
       .meaning = "Metric that the entry applies to.",
       .example = "decode_tokens_per_s"}};
  for (Key& key : scope_rows("regressions")) rows.push_back(std::move(key));
  rows.push_back({.path = "regressions.threshold",
                  .type = KeyType::kShare,
                  .required = true,
                  .least = 0,
                  .most = 10,
                  .meaning = "Relative change that counts as a regression: a decrease for rates and agreement, an "
                             "increase for everything else.",
                  .example = "3%"});
  return rows;
}

std::vector<Key> target_rows() {
  std::vector<Key> rows{{.path = "targets",
                         .type = KeyType::kMap,
                         .list = true,
                         .allow_empty = true,
                         .meaning = "What `inferbench check` judges.",
                         .example = "[{metric: ttft_ms, percentile: 95, at_most: 200}]"}};
  for (Key& key : scope_rows("targets")) rows.push_back(std::move(key));
  for (Key& key : judgement_rows("targets", true)) rows.push_back(std::move(key));
  rows.push_back({.path = "interactive",
                  .type = KeyType::kMap,
                  .fallback_words = "`decode_ms_per_token` at most 200 ms",
                  .meaning = "What counts as interactive use. `inferbench predict fit` takes its threshold from an "
                             "`at_most` of `decode_ms_per_token`; other metrics are only recorded.",
                  .example = "{metric: decode_ms_per_token, at_most: 200}"});
  for (Key& key : judgement_rows("interactive", false)) rows.push_back(std::move(key));
  return rows;
}

}  // namespace

const KeyTable& experiment_keys() {
  static const KeyTable kTable(
      join_rows({file_rows(), backend_or_endpoint_rows(), sweep_rows(), prompt_rows(), serving_rows(), measure_rows(),
                 load_rows(), limit_rows(), quality_rows(), target_rows(), regression_rows()}));
  return kTable;
}

}  // namespace inferbench
