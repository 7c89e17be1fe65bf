// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// A source of YAML text: a file, or one --set.
struct YamlSource {
  std::string label;             ///< "configs/quickstart.yaml" or "--set sweep.batch=[1,8]"
  std::filesystem::path folder;  ///< start of relative paths written in it
  bool is_file = true;           ///< false: messages give the label without line and column
};

/// Where something was written.
struct Position {
  std::shared_ptr<const YamlSource> source;
  int line = 1;    ///< from 1
  int column = 1;  ///< from 1, in characters

  /// "file:line:column", or the label of a --set.
  std::string text() const;
  /// The same for a message about `other`: "line 3" if both are in one file.
  std::string text_beside(const Position& other) const;
};

struct YamlEntry;

/// A parsed YAML value with its position. Aliases are copied and merge keys (<<) are resolved, so nodes are never
/// shared.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Position at;
  std::string text;                ///< kScalar
  bool quoted = false;             ///< kScalar: in quotes or a block, so it is not a number
  std::vector<YamlNode> items;     ///< kList
  std::vector<YamlEntry> entries;  ///< kMap, in the order written, keys distinct

  /// The entry with that key, or null. Only for maps.
  const YamlEntry* find(std::string_view key) const;
  YamlEntry* find(std::string_view key);
};

struct YamlEntry {
  std::string key;
  Position at;  ///< of the key
  YamlNode value;
};

// Larger or deeper trees are rejected. Experiments are written by hand, and without these limits a few nested aliases
// could fill the memory. Both limits count aliases at full length.
inline constexpr std::size_t kMaxYamlNodes = 50'000;
inline constexpr std::size_t kMaxYamlBytes = std::size_t{4} << 20;
inline constexpr int kMaxYamlDepth = 32;

/// Parses one YAML document; an empty document gives a null node. Throws Error with the position for text that is not
/// UTF-8, control characters, YAML syntax errors, keys that are not scalars or appear twice, tags, a second document,
/// and trees beyond the bounds above.
YamlNode parse_yaml(std::string_view text, const std::shared_ptr<const YamlSource>& source);

/// Merges `over` into `base`: maps merge key by key, anything else is replaced.
void merge_yaml(YamlNode& base, YamlNode over);

}  // namespace inferbench
