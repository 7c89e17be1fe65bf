// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Type of a key's value.
enum class KeyType {
  kMap,      ///< a map whose keys have their own rows
  kText,     ///< any text
  kPath,     ///< a file; relative paths start at the folder of the YAML file
  kChoice,   ///< one of `choices`
  kFlag,     ///< true or false
  kInteger,  ///< `least` to `most`, or one of `choices`
  kSeed,     ///< 0 to 2^64 - 1
  kNumber,   ///< `least` to `most`
  kShare,    ///< `least` to `most`, as a number or in percent
  kBytes,    ///< a number with an optional unit, such as 8GiB
  kBound,    ///< a number above 0, bytes, or a multiple of the baseline's value
  kCpus,     ///< CPU numbers and ranges ("0-3,8"), performance, node:N
  kScalar,   ///< a text, number or flag; the backend's schema says which
  kAnything  ///< any YAML; the value is not read
};

/// One key of an experiment file. The reader, its messages, the reference page and the JSON Schema all follow these
/// rows, so they all know the same keys.
struct Key {
  std::string path{};  ///< "measure.until.max_blocks", without list indices; <x> in the last part stands for any name
  KeyType type = KeyType::kText;
  bool list = false;         ///< one value, or a list of such values
  bool allow_empty = false;  ///< the list may be empty
  bool required = false;
  bool needs_value = false;      ///< `key:` without a value is an error; otherwise it gives the default
  std::string alternative{};     ///< another key of the map; exactly one of the two must be given
  std::string short_form{};      ///< kMap: form of the text that may replace the map
  std::string fallback{};        ///< the default, as YAML; empty if there is none or `fallback_words` describes it
  std::string fallback_words{};  ///< a default that is not a single value
  std::string unit{};            ///< "s", "tokens"; empty if there is none
  double least = 0;              ///< kInteger, kNumber, kShare
  double most = 0;               ///< 0: the CPUs that the process may use
  std::vector<std::string> choices{};  ///< kChoice; kInteger: words that may stand for the number
  std::string meaning{};               ///< a sentence or two
  std::string example{};               ///< the value as YAML, in flow style; valid, and different from the default

  /// "max_blocks" of "measure.until.max_blocks".
  std::string_view name() const;
  /// "measure.until" of "measure.until.max_blocks"; "" at the top.
  std::string_view parent() const;
  /// For a row that matches any name: the part before the '<' ("" in "<option>", "x-" in "x-<name>").
  bool is_any_name() const { return name().find('<') != std::string_view::npos; }
  std::string_view any_name_prefix() const { return name().substr(0, name().find('<')); }

  friend bool operator==(const Key&, const Key&) = default;
};

/// The keys of one kind of experiment file, parents before children, in the order that messages list them.
class KeyTable {
 public:
  explicit KeyTable(std::vector<Key> rows) : rows_(std::move(rows)) {}

  const std::vector<Key>& rows() const { return rows_; }
  /// The row. Throws std::logic_error if there is none, because then the reader and the table disagree.
  const Key& at(std::string_view path) const;
  /// The rows whose parent is `path` ("" for the top), in order.
  std::vector<const Key*> below(std::string_view path) const;
  /// The names of those rows, without rows that match any name.
  std::vector<std::string> names_below(std::string_view path) const;
  /// The row of `name` below `path`, or the row there that matches any name; null if the file may not have the key.
  const Key* find(std::string_view path, std::string_view name) const;

 private:
  std::vector<Key> rows_;
};

/// The keys of `inferbench run`.
const KeyTable& experiment_keys();
/// The keys of `inferbench ops`.
const KeyTable& operator_experiment_keys();

/// "measure.blocks"; "blocks" if `path` is "".
std::string key_path(std::string_view path, std::string_view name);

}  // namespace inferbench
