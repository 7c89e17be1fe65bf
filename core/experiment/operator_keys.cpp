// SPDX-License-Identifier: Apache-2.0
// The key rows of experiments for `inferbench ops`.
#include <fmt/format.h>

#include "experiment/bounds.hpp"
#include "experiment/key_rows.hpp"
#include "experiment/operator_experiment.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

namespace {

// The operators whose shape has the key: "linear, gelu and mlp".
std::string users_of(const std::string& key) {
  std::vector<std::string> users;
  for (std::size_t op = 0; op < operator_names().size(); ++op) {
    for (const std::string& other : operator_keys(static_cast<std::int32_t>(op))) {
      if (other == key) users.push_back(fmt::format("`{}`", operator_names()[op]));
    }
  }
  return fmt::format("{}", fmt::join(users, ", "));
}

Key dimension(const std::string& name, std::int32_t least, std::int32_t most, const std::string& fallback,
              const std::string& meaning, const std::string& example) {
  return {.path = "ops.shape." + name,
          .type = KeyType::kInteger,
          .list = true,
          .needs_value = true,
          .fallback_words = fallback,
          .least = static_cast<double>(least),
          .most = static_cast<double>(most),
          .meaning = fmt::format("{} For {}.", meaning, users_of(name)),
          .example = example};
}

Key words(const std::string& name, const std::string& meaning, const std::string& example) {
  return {.path = "ops.shape." + name,
          .type = is_flag(name) ? KeyType::kFlag : KeyType::kChoice,
          .list = true,
          .needs_value = true,
          .fallback_words = "the model's",
          .choices = is_flag(name) ? std::vector<std::string>{} : key_words(name),
          .meaning = fmt::format("{} For {}.", meaning, users_of(name)),
          .example = example};
}

std::vector<Key> shape_rows() {
  const char* const model = "the model's";
  const std::int32_t columns = kMaxOperatorColumns;
  return {
      dimension("rows", 1, kMaxOperatorRows, "`tokens`", "Rows of the input.", "[1, 64]"),
      dimension("tokens", 1, kMaxOperatorRows, "`tokens` of the experiment", "New tokens of the sequence.", "[1, 64]"),
      dimension("past", 0, kMaxOperatorRows, "half of the model's context for 1 token, at most 2048; else 0",
                "Positions in the key-value cache before the new tokens.", "[0, 512]"),
      dimension("in", 1, columns, "the model's hidden size", "Inputs of each row.", "1024"),
      dimension("out", 1, columns, "the model's intermediate size", "Outputs of each row.", "[768, 3072]"),
      dimension("width", 1, columns, model,
                "Values of each row: the hidden size, for `activation` the intermediate size.", "1024"),
      dimension("inner", 1, columns, model, "Intermediate size of the MLP.", "4096"),
      dimension("heads", 1, columns, model, "Attention heads.", "16"),
      dimension("kv_heads", 1, columns, "`heads`, or the model's", "Key-value heads; a divisor of `heads`.", "4"),
      dimension("head_dim", 1, columns, model, "Size of each head.", "128"),
      dimension("window", 0, columns, "that of the model's first layer",
                "Positions that a token attends to, its own included; 0: all.", "512"),
      dimension("soft_cap", 0, columns, model, "Soft cap of attention scores; 0: none.", "50"),
      words("activation", "Activation function.", "relu"),
      words("gated", "Whether a gate multiplies the activated values.", "true"),
      words("norm", "Kind of norm.", "rms_norm"),
      words("bias", "Which linear layers have a bias. `qkv` and `attention` (also its output) are for `layer`.",
            "none"),
      words("rotary", "Whether queries and keys are rotated.", "true"),
      words("qk_norm", "Whether queries and keys are normalized.", "true"),
      words("post_norm", "Whether attention and MLP are normalized before they are added.", "true"),
  };
}

std::vector<Key> operator_rows() {
  std::vector<Key> rows{
      {.path = "model",
       .fallback = kDefaultOperatorModel,
       .meaning = "Model whose sizes are used where a shape gives none.",
       .example = "synthetic:gpt2-medium"},
      {.path = "tokens",
       .type = KeyType::kInteger,
       .list = true,
       .fallback = "[1, 128]",
       .least = 1,
       .most = kMaxTokens,
       .meaning = "Rows or tokens where a shape gives none.",
       .example = "[1, 16]"},
      {.path = "ops",
       .type = KeyType::kMap,
       .list = true,
       .short_form = "OPERATOR",
       .fallback_words = "every operator",
       .meaning = "The operators to measure.",
       .example = "[norm, {op: linear, shape: {in: 768, out: [768, 3072]}}]"},
      {.path = "ops.op",
       .type = KeyType::kChoice,
       .required = true,
       .choices = operator_names(),
       .meaning = "The operator.",
       .example = "linear"},
      {.path = "ops.shape",
       .type = KeyType::kMap,
       .list = true,
       .fallback_words = "the model's sizes",
       .meaning = "One shape or several. Lists in a shape give one shape per combination.",
       .example = "{rows: 128, in: 768, out: [768, 3072]}"},
  };
  for (Key& key : shape_rows()) rows.push_back(std::move(key));
  rows.push_back({.path = "threads",
                  .type = KeyType::kInteger,
                  .list = true,
                  .fallback_words = "all CPUs that the process may use",
                  .least = 1,
                  .most = kMaxOperatorThreads,
                  .meaning = "Threads of the backend.",
                  .example = "[1, 2]"});
  return rows;
}

std::vector<Key> operator_measure_rows() {
  const OperatorMeasure measure;
  return {
      {.path = "measure",
       .type = KeyType::kMap,
       .meaning = "How often and how long each operator runs.",
       .example = "{blocks: 9, sample_ms: 5}"},
      {.path = "measure.blocks",
       .type = KeyType::kInteger,
       .fallback = fmt::format("{}", measure.blocks),
       .least = 1,
       .most = kMaxBlocks,
       .meaning = "Blocks of each point. In a block, every contender runs the operator once, in shuffled order.",
       .example = "9"},
      {.path = "measure.sample_ms",
       .type = KeyType::kNumber,
       .fallback = fmt::format("{}", measure.sample_ms),
       .unit = "ms",
       .least = kMinSampleMs,
       .most = kMaxSampleMs,
       .meaning = "Approximate time that the runs of one sample take together.",
       .example = "5"},
      seed_row("measure.seed", measure.seed, "Seed of the order within blocks, and of weights and inputs."),
      repeat_row(),
      cpus_row(),
      {.path = "measure.cache",
       .type = KeyType::kChoice,
       .fallback = std::string(to_string(measure.cache)),
       .choices = {"cold", "hot"},
       .meaning = "Whether each run finds weights, keys and values in memory (`cold`, as decoding does) or where the "
                  "previous run left them (`hot`).",
       .example = "hot"},
  };
}

}  // namespace

const KeyTable& operator_experiment_keys() {
  static const KeyTable kTable(
      join_rows({file_rows(), backend_rows(), operator_rows(), operator_measure_rows(), limit_rows()}));
  return kTable;
}

}  // namespace inferbench
