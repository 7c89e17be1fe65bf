// SPDX-License-Identifier: Apache-2.0
// Builds a YamlNode tree from yaml-cpp's events. YAML::Node would hide duplicate keys and positions and would share
// nodes between aliases.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "experiment/yaml_tree.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/utf8.hpp"

namespace inferbench {
namespace {

/// Converts yaml-cpp's marks (line and byte from 0) to positions (line and character from 1).
class Lines {
 public:
  Lines(std::string_view text, std::shared_ptr<const YamlSource> source) : text_(text), source_(std::move(source)) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  Position at(const YAML::Mark& mark) const {
    if (mark.is_null() || mark.line < 0 || mark.column < 0) return {source_, 1, 1};
    const auto line = std::min(static_cast<std::size_t>(mark.line), starts_.size() - 1);
    const std::size_t end = std::min(starts_[line] + static_cast<std::size_t>(mark.column), text_.size());
    return {source_, static_cast<int>(line) + 1, characters(starts_[line], end) + 1};
  }

  Position at_byte(std::size_t byte) const {
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), byte);
    const auto line = static_cast<std::size_t>(after - starts_.begin()) - 1;
    return {source_, static_cast<int>(line) + 1, characters(starts_[line], byte) + 1};
  }

 private:
  int characters(std::size_t begin, std::size_t end) const {
    int count = 0;
    for (std::size_t i = begin; i < end; ++i) count += (static_cast<unsigned char>(text_[i]) & 0xC0U) != 0x80U ? 1 : 0;
    return count;
  }

  std::string_view text_;
  std::shared_ptr<const YamlSource> source_;
  std::vector<std::size_t> starts_;
};

constexpr const char* kBoundsCure = "use fewer aliases, or split the file with 'extends'";

/// Builds the tree. Throws Error out of yaml-cpp's parser at the first thing that is rejected.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const Lines& lines) : lines_(lines) {}

  /// The tree, once the document has ended.
  YamlNode take() {
    if (bad_key_) {
      fail(bad_key_->at, fmt::format("found {} as a key, expected a word", describe(*bad_key_)),
           "check the indentation and the colons of this line");
    }
    return std::move(root_);
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(YamlNode::Kind::kNull, mark, ""), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = make(YamlNode::Kind::kScalar, mark, tag);
    node.text = value;
    node.quoted = tag == "!";
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kList, mark, tag), anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(make(YamlNode::Kind::kMap, mark, tag), anchor);
  }
  void OnMapEnd() override { close(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Position at = lines_.at(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(at, "this alias is inside its own anchor", "write the value out");
    YamlNode copy = found->second;
    count(copy, at, static_cast<int>(open_.size()));
    copy.at = at;
    add_counted(std::move(copy));
  }

 private:
  struct Open {
    YamlNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    bool is_merge = false;  // the key is a plain <<
    std::string key;
    Position key_at;
    std::vector<YamlEntry> merged;  // entries from <<, keys distinct
    std::set<std::string> merged_keys;
    std::map<std::string, int> lines;  // key -> line of its first use
  };

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag) const {
    YamlNode node;
    node.kind = kind;
    node.at = lines_.at(mark);
    if (!tag.empty() && tag != "?" && tag != "!") {
      fail(node.at, fmt::format("found the tag {}, but an experiment has no tags", quote(tag)), "remove the tag");
    }
    return node;
  }

  // Adds the nodes and bytes of `node` and everything below it to the totals.
  void count(const YamlNode& node, const Position& at, int depth) {
    ++nodes_;
    bytes_ += node.text.size();
    for (const YamlEntry& entry : node.entries) bytes_ += entry.key.size();
    if (nodes_ > kMaxYamlNodes || bytes_ > kMaxYamlBytes) {
      fail(at,
           fmt::format("the experiment exceeds {} or {} MiB here with all aliases expanded",
                       counted(kMaxYamlNodes, "value"), kMaxYamlBytes >> 20U),
           kBoundsCure);
    }
    if (depth > kMaxYamlDepth) {
      fail(at, fmt::format("nested more than {} deep", counted(kMaxYamlDepth, "level")),
           "an experiment needs six levels at most");
    }
    for (const YamlNode& item : node.items) count(item, at, depth + 1);
    for (const YamlEntry& entry : node.entries) count(entry.value, at, depth + 1);
  }

  void add(YamlNode node, YAML::anchor_t anchor) {
    count(node, node.at, static_cast<int>(open_.size()));
    remember(node, anchor);
    add_counted(std::move(node));
  }

  void remember(const YamlNode& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    count(node, node.at, 0);  // the copy kept for the aliases takes memory too
    anchors_[anchor] = node;
  }

  void open(YamlNode node, YAML::anchor_t anchor) {
    count(node, node.at, static_cast<int>(open_.size()));
    Open frame;
    frame.node = std::move(node);
    frame.anchor = anchor;
    open_.push_back(std::move(frame));
  }

  void close() {
    Open frame = std::move(open_.back());
    open_.pop_back();
    lay_over_merged(frame);
    remember(frame.node, frame.anchor);
    add_counted(std::move(frame.node));
  }

  void add_counted(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, std::move(node));
    } else {
      // yaml-cpp places a missing value at the next token, perhaps lines below.
      if (node.kind == YamlNode::Kind::kNull) node.at = parent.key_at;
      parent.has_key = false;
      if (parent.is_merge) return take_merge(parent, std::move(node));
      parent.node.entries.push_back({std::move(parent.key), std::move(parent.key_at), std::move(node)});
    }
  }

  // YAML 1.1's merge key (https://yaml.org/type/merge.html): a map, or a list of maps. Earlier maps have priority.
  static void take_merge(Open& parent, YamlNode node) {
    const bool is_list = node.kind == YamlNode::Kind::kList;
    std::vector<YamlNode> maps = is_list ? std::move(node.items) : std::vector<YamlNode>{std::move(node)};
    for (YamlNode& map : maps) {
      if (map.kind != YamlNode::Kind::kMap) {
        fail(map.at, fmt::format("<<: found {}, expected a map or a list of maps", describe(map)),
             "for example <<: *name, or <<: [*one, *other]");
      }
      for (YamlEntry& entry : map.entries) {
        if (parent.merged_keys.insert(entry.key).second) parent.merged.push_back(std::move(entry));
      }
    }
  }

  // The map's own keys override merged ones, wherever the << is.
  static void lay_over_merged(Open& frame) {
    if (frame.merged.empty()) return;
    std::vector<YamlEntry> entries;
    for (YamlEntry& entry : frame.merged) {
      if (!frame.lines.contains(entry.key)) entries.push_back(std::move(entry));
    }
    for (YamlEntry& entry : frame.node.entries) entries.push_back(std::move(entry));
    frame.node.entries = std::move(entries);
  }

  void take_key(Open& parent, YamlNode node) {
    parent.has_key = true;
    // Not thrown yet: the bracket of an unterminated list also looks like a key, and then yaml-cpp's error is better.
    if (node.kind != YamlNode::Kind::kScalar) {
      if (!bad_key_) bad_key_ = std::move(node);
      return;
    }
    const auto [first, is_new] = parent.lines.emplace(node.text, node.at.line);
    if (!is_new) {
      fail(node.at,
           fmt::format("the key {} was already given on line {}, expected it once", quote(node.text), first->second),
           node.text == "<<" ? "merge several maps by one key: <<: [*one, *other]" : "keep one of the two");
    }
    parent.is_merge = node.text == "<<" && !node.quoted;
    parent.key = std::move(node.text);
    parent.key_at = std::move(node.at);
  }

  const Lines& lines_;
  YamlNode root_;
  std::optional<YamlNode> bad_key_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, YamlNode> anchors_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

// yaml-cpp guesses UTF-16 and UTF-32 from the first bytes and passes invalid bytes on. Both are rejected before it
// reads the text.
void check_characters(std::string_view text, const Lines& lines) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      fail(lines.at_byte(i), fmt::format("found the byte 0x{:02x}, which is not UTF-8 text", byte),
           "save the file as UTF-8");
    }
    const bool control = (byte < 0x20U && byte != '\t' && byte != '\n' && byte != '\r') || byte == 0x7FU;
    if (control) {
      fail(lines.at_byte(i), fmt::format("found the control character 0x{:02x}, which YAML does not allow", byte),
           "is this a YAML file? Remove the character");
    }
    i += length;
  }
}

}  // namespace

YamlNode parse_yaml(std::string_view text, const std::shared_ptr<const YamlSource>& source) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const Lines lines(text, source);
  check_characters(text, lines);
  // yaml-cpp reports an unterminated quote only if the text does not end with a line break.
  std::istringstream stream{std::string(text.substr(0, text.find_last_not_of(" \t\r\n") + 1))};
  TreeBuilder builder(lines);
  try {
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    if (!root.at.source) root.at = {source, 1, 1};
    TreeBuilder second(lines);
    if (parser.HandleNextDocument(second)) {
      fail(second.take().at, "a second YAML document starts here, expected one", "remove the '---' before it");
    }
    return root;
  } catch (const YAML::Exception& error) {
    fail(lines.at(error.mark), "not valid YAML: " + error.msg,
         "check the indentation, brackets and quotes of this line and the one before it");
  }
}

}  // namespace inferbench
