// SPDX-License-Identifier: Apache-2.0
#include "experiment/key_reference.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiment/keys.hpp"

namespace inferbench {

namespace {

constexpr const char* kIntroduction = R"(# Experiment reference

This page lists every key of an experiment file. `inferbench schema --markdown` generates it from the table that the parser
uses, and a test compares the two. [Write an experiment](write_an_experiment.md) explains how the keys work together.

Editors with YAML support complete and check the keys with the JSON Schema:

```sh
inferbench schema >experiment.schema.json
inferbench schema --ops >operators.schema.json
```

Editors that use yaml-language-server find the schema through the first line of the file:

```yaml
# yaml-language-server: $schema=experiment.schema.json
```

- A key without a value (`blocks:`) gets its default.
- Where a list is allowed, a single value is a list of one.
- Relative paths are relative to the folder of the file that contains them.
- Bytes have an optional unit: `KB`, `MB`, `GB`, `TB` (powers of 1000), `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024).
- Anchors, aliases and merge keys (`&a`, `*a`, `<<: *a`) work as in YAML 1.1: a map's own keys take precedence over merged
  ones, and earlier maps of a list over later ones.
- `--set KEY=VALUE` sets any key, such as `--set measure.blocks=9` or `--set backends.0.precision=[int8]`.
)";

// Escapes '|', which would end a table cell.
std::string reference_cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

std::string limit_text(double value) {
  return fmt::format("{}", value);
}

std::string range_text(const Key& key) {
  return key.most == 0 ? fmt::format("{} to the CPUs that the process may use", limit_text(key.least))
                       : fmt::format("{} to {}", limit_text(key.least), limit_text(key.most));
}

std::string choices_text(const Key& key) {
  std::string text;
  for (const std::string& choice : key.choices) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", choice);
  return text;
}

std::string type_text(const Key& key) {
  switch (key.type) {
    case KeyType::kMap:
      return key.short_form.empty() ? "map" : fmt::format("map, or text `{}`", key.short_form);
    case KeyType::kText:
      return "text";
    case KeyType::kPath:
      return "path";
    case KeyType::kChoice:
      return choices_text(key);
    case KeyType::kFlag:
      return "`true`, `false`";
    case KeyType::kInteger:
      return fmt::format("integer, {}{}{}", range_text(key), key.choices.empty() ? "" : "; ", choices_text(key));
    case KeyType::kSeed:
      return "integer, 0 to 2^64 - 1";
    case KeyType::kNumber:
      return fmt::format("number, {}", range_text(key));
    case KeyType::kShare:
      return fmt::format("number or percentage, {}", range_text(key));
    case KeyType::kBytes:
      return "bytes";
    case KeyType::kBound:
      return "number above 0, bytes or ratio";
    case KeyType::kCpus:
      return "CPU numbers and ranges (`0-3,8`), `performance`, `node:N`";
    case KeyType::kScalar:
      return "what the option takes";
    case KeyType::kAnything:
      break;
  }
  return "anything";
}

std::string default_text(const Key& key) {
  if (key.required) return "required";
  if (!key.fallback_words.empty()) return key.fallback_words;
  return key.fallback.empty() ? "-" : fmt::format("`{}`", key.fallback);
}

std::string reference_row(const Key& key) {
  return fmt::format("| `{}` | {}{} | {} | {} | {} | `{}` |\n", key.name(), reference_cell(type_text(key)),
                     key.list ? "; or a list" : "", key.unit.empty() ? "-" : key.unit,
                     reference_cell(default_text(key)), reference_cell(key.meaning), reference_cell(key.example));
}

// Writes the table of the keys below `path`, then those of the maps among them.
void write_section(std::string& text, const KeyTable& keys, const std::string& path, const KeyTable* known) {
  std::string rows;
  std::string same;
  for (const Key* key : keys.below(path)) {
    const auto is_same = [&](const Key& other) { return other == *key; };
    if (known != nullptr && std::any_of(known->rows().begin(), known->rows().end(), is_same)) {
      same += fmt::format("{}`{}`", same.empty() ? "" : ", ", key->path);
    } else {
      rows += reference_row(*key);
    }
  }
  text += path.empty() ? "\n### The file\n\n" : fmt::format("\n### `{}`\n\n", path);
  if (!rows.empty()) {
    text += "| key | type | unit | default | meaning | example |\n|---|---|---|---|---|---|\n" + rows;
  }
  if (!same.empty()) text += fmt::format("{}Same as for `inferbench run`: {}.\n", rows.empty() ? "" : "\n", same);
  for (const Key* key : keys.below(path)) {
    if (keys.below(key->path).empty()) continue;
    // A section that is the same in the other kind of file was already written.
    const auto below = keys.below(key->path);
    const auto told = [&](const Key* child) {
      return known != nullptr && std::find(known->rows().begin(), known->rows().end(), *child) != known->rows().end();
    };
    if (!std::all_of(below.begin(), below.end(), told)) write_section(text, keys, key->path, known);
  }
}

}  // namespace

std::string experiment_reference() {
  std::string text = kIntroduction;
  text += "\n## Experiments for `inferbench run`\n";
  write_section(text, experiment_keys(), "", nullptr);
  text += "\n## Experiments for `inferbench ops`\n";
  write_section(text, operator_experiment_keys(), "", &experiment_keys());
  return text;
}

}  // namespace inferbench
