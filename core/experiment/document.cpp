// SPDX-License-Identifier: Apache-2.0
#include "experiment/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::error_code problem;
  const std::filesystem::path absolute = std::filesystem::absolute(path, problem);
  return (problem ? path : absolute).lexically_normal();
}

namespace {

/// One file in a chain of `extends`.
struct Link {
  std::filesystem::path label;  // as messages name it
  std::filesystem::path file;   // absolute
};

YamlNode read_chain(const std::string& text, std::vector<Link>& chain, const ExperimentLookups& lookups);

[[noreturn]] void fail_cycle(const YamlNode& node, const std::vector<Link>& chain, const Link& next) {
  std::string way;
  for (const Link& link : chain) way += link.label.filename().string() + " -> ";
  way += next.label.filename().string();
  fail(node.at,
       fmt::format("extends: found {}, which leads back to itself ({}), expected a chain that ends", quote(node.text),
                   one_line(way)),
       "remove one 'extends' of the cycle");
}

YamlNode read_base(const YamlNode& node, std::vector<Link>& chain, const ExperimentLookups& lookups) {
  const std::string written = read_text(node, "extends");
  const Link& from = chain.back();
  Link next{(from.label.parent_path() / written).lexically_normal(),
            (from.file.parent_path() / written).lexically_normal()};
  const bool is_cycle =
      std::any_of(chain.begin(), chain.end(), [&](const Link& link) { return link.file == next.file; });
  if (is_cycle) fail_cycle(node, chain, next);
  if (chain.size() > kMaxExtends) {
    fail(node.at, fmt::format("extends: more than {} extend one another, expected fewer", counted(kMaxExtends, "file")),
         "merge some of them");
  }
  std::string text;
  try {
    text = lookups.read_file(next.file);
  } catch (const Error& error) {
    fail(node.at, fmt::format("extends: {}; expected an experiment file", error.what()), error.cure());
  }
  chain.push_back(std::move(next));
  YamlNode base = read_chain(text, chain, lookups);
  chain.pop_back();
  return base;
}

// The text of the chain's last file, merged into the files that it extends.
YamlNode read_chain(const std::string& text, std::vector<Link>& chain, const ExperimentLookups& lookups) {
  const Link& link = chain.back();
  const auto source =
      std::make_shared<const YamlSource>(YamlSource{one_line(link.label.string()), link.file.parent_path(), true});
  YamlNode root = parse_yaml(text, source);
  if (root.kind == YamlNode::Kind::kNull) {
    fail(root.at, "found an empty file, expected an experiment with at least 'backends' and 'models'",
         "start from one of the files in configs/");
  }
  if (root.kind != YamlNode::Kind::kMap) fail_type(root, "", "an experiment: a map with 'backends', 'models', ...");
  const auto extends =
      std::find_if(root.entries.begin(), root.entries.end(), [](const YamlEntry& e) { return e.key == "extends"; });
  if (extends == root.entries.end()) return root;
  const YamlNode node = std::move(extends->value);
  root.entries.erase(extends);
  if (node.kind == YamlNode::Kind::kNull) return root;
  YamlNode base = read_base(node, chain, lookups);
  merge_yaml(base, std::move(root));
  return base;
}

// ---- --set ----

[[noreturn]] void fail_override(const Position& at, const std::string& expected, const std::string& cure) {
  fail(at, expected, cure);
}

// The child of `node` that the next part of the path names; created if it is missing.
YamlNode& step(YamlNode& node, const std::string& part, const std::string& path, const Position& at) {
  if (node.kind == YamlNode::Kind::kNull) {
    node.kind = YamlNode::Kind::kMap;
    node.at = at;
  }
  if (node.kind == YamlNode::Kind::kMap) {
    if (YamlEntry* entry = node.find(part)) return entry->value;
    YamlNode missing;
    missing.at = at;
    node.entries.push_back({part, at, std::move(missing)});
    return node.entries.back().value;
  }
  if (node.kind == YamlNode::Kind::kList && !node.items.empty()) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (error == std::errc() && end == part.data() + part.size() && index < node.items.size()) return node.items[index];
    fail_override(at,
                  fmt::format("found {} in the path {}, expected an index from 0 to {}: there is a list", quote(part),
                              quote(path), node.items.size() - 1),
                  "or set the whole list");
  }
  fail_override(at, fmt::format("found {} in the path {}, but there is {}", quote(part), quote(path), describe(node)),
                "set that value itself");
}

void apply_override(YamlNode& root, const std::string& text, const std::filesystem::path& folder) {
  const auto source = std::make_shared<const YamlSource>(YamlSource{"--set " + one_line(text, 120), folder, false});
  const Position at{source, 1, 1};
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    fail_override(at, "expected KEY=VALUE", "for example --set sweep.batch=[1,8]");
  }
  const std::string path = text.substr(0, equals);
  YamlNode value = parse_yaml(std::string_view(text).substr(equals + 1), source);
  YamlNode* node = &root;
  std::size_t begin = 0;
  for (int depth = 1; begin <= path.size(); ++depth) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (part.empty() || depth > kMaxYamlDepth) {
      fail_override(at, fmt::format("found the path {}, expected keys joined by single dots", quote(path)),
                    "for example --set sweep.batch=[1,8]");
    }
    if (depth == 1 && part == "extends") {
      fail_override(at, "'extends' cannot be set from the command line, expected it in the file",
                    "write a file that extends the other");
    }
    // Errors about a key that an override names should point at the override.
    if (node->kind == YamlNode::Kind::kMap && node->find(part) != nullptr) node->find(part)->at = at;
    node = &step(*node, part, path, at);
    begin = end + 1;
  }
  merge_yaml(*node, std::move(value));
}

}  // namespace

YamlNode read_document(const std::string& text, const std::filesystem::path& path,
                       const std::vector<std::string>& overrides, const ExperimentLookups& lookups) {
  std::vector<Link> chain{{path, absolute_path(path)}};
  YamlNode root = read_chain(text, chain, lookups);
  std::error_code problem;
  const std::filesystem::path folder = std::filesystem::current_path(problem);
  for (const std::string& override_text : overrides) apply_override(root, override_text, folder);
  return root;
}

}  // namespace inferbench
