// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// What a key's value is.
enum class KeyType {
  kMap,      ///< a map whose keys have rows of their own
  kText,     ///< any text
  kPath,     ///< a file; relative ones start at the folder of the YAML file
  kChoice,   ///< one of `choices`
  kFlag,     ///< true or false
  kInteger,  ///< `least` to `most`, or one of `choices`
  kSeed,     ///< 0 to 2^64 - 1
  kNumber,   ///< `least` to `most`
  kShare,    ///< `least` to `most`, as a number or in percent
  kBytes,    ///< a number with an optional unit: 8GiB
  kBound,    ///< a number above 0, bytes, or a multiple of the baseline's value
  kCpus,     ///< CPU numbers and ranges ("0-3,8"), performance, node:N
  kScalar,   ///< a text, number or flag; the backend's schema says which
  kAnything  ///< whatever YAML allows; it is not read
};

/// One key of an experiment file. The reader, its messages, the reference page and the JSON Schema all follow these
/// rows, so none of them knows a key that the others don't.
struct Key {
  std::string path{};  ///< "measure.until.max_blocks", without list indices; <x> in the last part is any name
  KeyType type = KeyType::kText;
  bool list = false;         ///< one value, or a list of such values
  bool allow_empty = false;  ///< the list may be empty
  bool required = false;
  bool needs_value = false;            ///< `key:` alone is an error; else it gives the default
  std::string alternative{};           ///< another key of the map: exactly one of the two is given
  std::string short_form{};            ///< kMap: a text may stand for the map; its form
  std::string fallback{};              ///< the default, as YAML; empty where `fallback_words` says it, or there is none
  std::string fallback_words{};        ///< a default that is not one value
  std::string unit{};                  ///< "s", "tokens"; empty where there is none
  double least = 0;                    ///< kInteger, kNumber, kShare
  double most = 0;                     ///< 0: the CPUs that the process may use
  std::vector<std::string> choices{};  ///< kChoice; kInteger: words that may stand for the number
  std::string meaning{};               ///< a sentence or two
  std::string example{};               ///< the value as YAML, in flow style; accepted by the reader and not the default

  /// "max_blocks" of "measure.until.max_blocks".
  std::string_view name() const;
  /// "measure.until" of "measure.until.max_blocks"; "" at the top.
  std::string_view parent() const;
  /// The part before the '<' where the name stands for any name ("" of "<option>", "x-" of "x-<name>").
  bool is_any_name() const { return name().find('<') != std::string_view::npos; }
  std::string_view any_name_prefix() const { return name().substr(0, name().find('<')); }

  friend bool operator==(const Key&, const Key&) = default;
};

/// The keys of one kind of experiment file, parents before children, in the order that messages list them.
class KeyTable {
 public:
  explicit KeyTable(std::vector<Key> rows) : rows_(std::move(rows)) {}

  const std::vector<Key>& rows() const { return rows_; }
  /// The row. Throws std::logic_error where there is none: the reader and the table disagree.
  const Key& at(std::string_view path) const;
  /// The rows whose parent is `path` ("" for the top), in order.
  std::vector<const Key*> below(std::string_view path) const;
  /// Their names, without those that stand for any name.
  std::vector<std::string> names_below(std::string_view path) const;
  /// The row of `name` below `path`, or of any name there; null where the file may not have it.
  const Key* find(std::string_view path, std::string_view name) const;

 private:
  std::vector<Key> rows_;
};

/// What `inferbench run` reads.
const KeyTable& experiment_keys();
/// What `inferbench ops` reads.
const KeyTable& operator_experiment_keys();

/// "measure.blocks"; "blocks" where `path` is "".
std::string key_path(std::string_view path, std::string_view name);

}  // namespace inferbench
