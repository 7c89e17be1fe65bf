// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/yaml_tree.hpp"

namespace inferbench {

class Error;

// Typed access to YamlNodes. `what` names the value in messages, such as "sweep.batch". All functions throw Error with
// one line: "position: what: found ..., expected ...".

/// Throws Error with the position, then `what`.
[[noreturn]] void fail(const Position& at, const std::string& what, const std::string& cure = {});

/// fail() with a lookup's error. The error's hint goes on the same line, because it contains the nearest known name.
[[noreturn]] void fail_lookup(const Position& at, const Error& error, const std::string& cure);

/// 'text' with control characters removed and long text truncated, so that a message stays on one line.
std::string quote(std::string_view text);

/// "a list", "a map", "nothing", "the text 'x'" (quoted in YAML), "'x'".
std::string describe(const YamlNode& node);

/// fail(): "what: found ..., expected ...".
[[noreturn]] void fail_type(const YamlNode& node, std::string_view what, std::string_view expected);

/// The value of `key`, or null if the key is missing or has no value (`key:` or `key: null`).
const YamlNode* optional_value(const YamlNode& map, std::string_view key);

std::string read_text(const YamlNode& node, std::string_view what);
/// "true" or "false".
bool read_flag(const YamlNode& node, std::string_view what);
std::int64_t read_integer(const YamlNode& node, std::string_view what, std::int64_t min, std::int64_t max);
std::uint64_t read_seed(const YamlNode& node, std::string_view what);
/// A finite number within [min, max].
double read_number(const YamlNode& node, std::string_view what, double min, double max);
/// "8GiB", "500 MB", "1048576" (bytes). At least 1 byte, below 2^53.
std::uint64_t read_bytes(const YamlNode& node, std::string_view what);
/// The path, made absolute from the folder of the file it is written in.
std::filesystem::path read_path(const YamlNode& node, std::string_view what);

/// The items of a list, or the single value itself. An empty list and a missing value are errors.
std::vector<const YamlNode*> read_items(const YamlNode& node, std::string_view what);

// The same for plain text. Returns false if the text does not match.
bool parse_number(std::string_view text, double& value);
/// A number with an optional unit: B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024).
bool parse_bytes(std::string_view text, double& bytes);

}  // namespace inferbench
