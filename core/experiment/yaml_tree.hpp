// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// One text that parts of an experiment were written in: a file, or one --set.
struct YamlSource {
  std::string label;             ///< "configs/quickstart.yaml" or "--set sweep.batch=[1,8]"
  std::filesystem::path folder;  ///< where relative paths written in it start
  bool is_file = true;           ///< false: messages name the label without line and column
};

/// Where something was written.
struct Position {
  std::shared_ptr<const YamlSource> source;
  int line = 1;    ///< from 1
  int column = 1;  ///< from 1, in characters

  /// "file:line:column", or the label of a --set.
  std::string text() const;
  /// The same for a message that stands at `other`: "line 3" where both are in one file.
  std::string text_beside(const Position& other) const;
};

struct YamlEntry;

/// A parsed YAML value that knows where it stands. Aliases are copies and merge keys (<<) are resolved, so a tree is
/// all there is.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  Position at;
  std::string text;                ///< kScalar
  bool quoted = false;             ///< kScalar: was in quotes or a block, so it is no number
  std::vector<YamlNode> items;     ///< kList
  std::vector<YamlEntry> entries;  ///< kMap, in the order written, keys distinct

  /// The entry with that key, or null. Of a map.
  const YamlEntry* find(std::string_view key) const;
  YamlEntry* find(std::string_view key);
};

struct YamlEntry {
  std::string key;
  Position at;  ///< of the key
  YamlNode value;
};

// A tree larger or deeper than these is refused: an experiment is written by hand, and a few aliases of aliases would
// otherwise fill the memory. Both count what the aliases stand for.
inline constexpr std::size_t kMaxYamlNodes = 50'000;
inline constexpr std::size_t kMaxYamlBytes = std::size_t{4} << 20;
inline constexpr int kMaxYamlDepth = 32;

/// Parses one YAML document; an empty one is a null node. Throws Error with the position for: text that is not UTF-8,
/// control characters, YAML syntax, keys that are not scalars or appear twice, tags, a second document, and trees
/// beyond the bounds above.
YamlNode parse_yaml(std::string_view text, const std::shared_ptr<const YamlSource>& source);

/// Lays `over` onto `base`: maps merge key by key, anything else replaces.
void merge_yaml(YamlNode& base, YamlNode over);

}  // namespace inferbench
