// SPDX-License-Identifier: Apache-2.0
#include "experiment/operator_shapes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "experiment/bounds.hpp"
#include "experiment/section.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

// Limit of the elements of an input, a weight or the keys of a cache. More is a typo and would fill the memory.
constexpr std::int64_t kMostElements = std::int64_t{1} << 31;

using Values = std::map<std::string, std::vector<std::int32_t>>;

std::int32_t read_op(const YamlNode& node) {
  const std::string name = read_text(node, "ops.op");
  const std::int32_t op = operator_from(name);
  if (op >= 0) return op;
  fail(node.at,
       fmt::format("ops: unknown operator {}; {}", quote(name), suggestion(name, "operators", operator_names())),
       "name one of them");
}

std::int32_t read_word(const YamlNode& node, const std::string& key) {
  const std::string word = read_text(node, "ops.shape." + key);
  const auto& words = key_words(key);
  const auto found = std::find(words.begin(), words.end(), word);
  if (found != words.end()) return static_cast<std::int32_t>(found - words.begin());
  fail(node.at, fmt::format("ops.shape.{}: unknown {}; {}", key, quote(word), suggestion(word, "values", words)),
       "name one of them");
}

std::int32_t read_value(const YamlNode& node, const std::string& key) {
  if (is_flag(key)) return read_flag(node, "ops.shape." + key) ? 1 : 0;
  if (!key_words(key).empty()) return read_word(node, key);
  return static_cast<std::int32_t>(read_integer(node, operator_experiment_keys().at(key_path("ops.shape", key))));
}

Values read_shape(const YamlNode& node, std::int32_t op) {
  if (node.kind != YamlNode::Kind::kMap) fail_type(node, "ops.shape", "a map such as {rows: 128}");
  const auto& keys = operator_keys(op);
  Values values;
  for (const YamlEntry& entry : node.entries) {
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) {
      fail(entry.at,
           fmt::format("ops.shape: {} has no {}; {}", operator_name(op), quote(entry.key),
                       suggestion(entry.key, "keys", keys)),
           "rename or remove the key");
    }
    for (const YamlNode* item : read_items(entry.value, "ops.shape." + entry.key)) {
      values[entry.key].push_back(read_value(*item, entry.key));
    }
  }
  return values;
}

// The largest matrix of the operator: its input, a weight, or the keys and values of its past.
std::int64_t most_elements(const OperatorSpec& spec) {
  const std::int64_t query = std::int64_t{spec.heads} * spec.head_dim;
  const std::int64_t hidden = spec.hidden_size;
  const std::int64_t inner = spec.intermediate_size;
  const std::int64_t rows = spec.rows;
  std::int64_t most = rows * std::max({3 * query, 2 * inner, hidden});
  if (spec.op == IB_OP_LINEAR || spec.op == IB_OP_MLP || spec.op == IB_OP_LAYER) most = std::max(most, hidden * inner);
  if (spec.op == IB_OP_LAYER) most = std::max(most, hidden * query);
  if (spec.op == IB_OP_ATTENTION || spec.op == IB_OP_LAYER) most = std::max(most, 2 * query * (spec.past + rows));
  return most;
}

void check_shape(const OperatorSpec& spec, const Position& at) {
  if (const std::string fault = shape_fault(spec); !fault.empty()) {
    fail(at, fmt::format("ops: {}: {}", operator_name(spec.op), fault), "change one of them");
  }
  const bool small = spec.hidden_size <= kMaxOperatorColumns && spec.intermediate_size <= kMaxOperatorColumns;
  if (small && most_elements(spec) <= kMostElements) return;
  fail(at,
       fmt::format("ops: {} {} is larger than this program can create, expected at most 2^31 values in a matrix",
                   operator_name(spec.op), shape_text(spec)),
       "use smaller numbers");
}

class ShapeReader {
 public:
  explicit ShapeReader(const ShapeDefaults& defaults) : defaults_(defaults) {}

  void read(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::kScalar) return add(read_op(node), {}, node.at);
    const Section map(node, operator_experiment_keys(), "ops");
    const YamlNode* op_node = map.find("op");
    if (op_node == nullptr) fail(node.at, "ops: 'op' is missing, expected for example {op: linear}", "add it");
    const std::int32_t op = read_op(*op_node);
    const YamlNode* shape = map.find("shape");
    if (shape == nullptr) return add(op, {}, node.at);
    for (const YamlNode* item : read_items(*shape, "ops.shape")) add(op, read_shape(*item, op), item->at);
  }

  std::vector<OperatorSpec> take() { return std::move(specs_); }

 private:
  void add(std::int32_t op, Values values, const Position& at) {
    const auto& keys = operator_keys(op);
    const std::string rows = keys.front();  // "rows" or "tokens"
    if (!values.contains(rows)) values[rows] = defaults_.tokens;
    for (const std::int32_t n : values.at(rows)) expand(default_spec(op, defaults_.config, n), keys, 1, values, at);
  }

  // Adds all combinations of the keys from the index-th on.
  void expand(const OperatorSpec& spec, const std::vector<std::string>& keys, std::size_t index, const Values& values,
              const Position& at) {
    if (index == keys.size()) {
      check_shape(spec, at);
      if (std::find(specs_.begin(), specs_.end(), spec) == specs_.end()) specs_.push_back(spec);
      if (specs_.size() > static_cast<std::size_t>(kMaxPoints)) {
        fail(at, fmt::format("ops: more than {}, expected fewer", counted(kMaxPoints, "shape")),
             "shorten the lists: they multiply");
      }
      return;
    }
    const std::string& key = keys[index];
    const auto given = values.find(key);
    // Without a value the key keeps what earlier keys and the model made of it.
    for (const std::int32_t value : given == values.end() ? std::vector{get_key(spec, key)} : given->second) {
      expand(given == values.end() ? spec : with(spec, key, value, at), keys, index + 1, values, at);
    }
  }

  static OperatorSpec with(const OperatorSpec& spec, const std::string& key, std::int32_t value, const Position& at) {
    const std::int64_t query = std::int64_t{value} * (key == "heads" ? spec.head_dim : spec.heads);
    if ((key == "heads" || key == "head_dim") && query > kMaxOperatorColumns) {
      fail(at, fmt::format("ops.shape.{}: found {}, expected at most 2^24 for heads x head_dim", key, value),
           "use a smaller one");
    }
    OperatorSpec next = spec;
    set_key(next, key, value);
    return next;
  }

  const ShapeDefaults& defaults_;
  std::vector<OperatorSpec> specs_;
};

}  // namespace

std::vector<OperatorSpec> read_operators(const YamlNode& ops, const ShapeDefaults& defaults) {
  ShapeReader reader(defaults);
  for (const YamlNode* item : read_items(ops, "ops")) reader.read(*item);
  return reader.take();
}

}  // namespace inferbench
