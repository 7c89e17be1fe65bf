// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// Sizes far beyond those of any model, and small enough that the elements of all tensors count in 64 bits.
namespace config_limits {
inline constexpr std::int64_t kLayers = 4096;
inline constexpr std::int64_t kHeads = 1 << 16;
inline constexpr std::int64_t kHeadDim = 1 << 12;
inline constexpr std::int64_t kHidden = 1 << 20;
inline constexpr std::int64_t kIntermediate = 1 << 22;
inline constexpr std::int64_t kPositions = 1 << 24;
inline constexpr std::int64_t kVocab = 1 << 24;
}  // namespace config_limits

/// The values of one object of a config.json, checked as they are read. Every error names the file, the key and what is
/// accepted. Borrows the object.
class ConfigFields {
 public:
  /// `path` precedes each key in messages: "" or such as "text_config.".
  ConfigFields(const nlohmann::json& object, std::string file, std::string path = {});

  /// The value; null if the key is absent or null, which Hugging Face mostly treats alike.
  const nlohmann::json* find(const char* key) const;
  /// Whether the key is there with the value null.
  bool is_null(const char* key) const;

  [[noreturn]] void fail(std::string_view key, std::string_view what, std::string cure) const;
  [[noreturn]] void fail_missing(std::string_view key) const;

  /// An integer from `min` to `max`, which is at most INT32_MAX.
  std::int32_t integer(const char* key, const nlohmann::json& value, std::int64_t min, std::int64_t max) const;
  /// A size from 1 to `max`; without a fallback, the key must be there.
  std::int32_t size(const char* key, std::int64_t max, std::optional<std::int32_t> fallback = std::nullopt) const;
  /// A required size under either of two names, which must agree.
  std::int32_t aliased_size(const char* key, const char* alias, std::int64_t max) const;
  bool boolean(const char* key, bool fallback) const;
  /// A number above 0, at most `max`; without a fallback, the key must be there.
  double positive(const char* key, double max, std::optional<double> fallback = std::nullopt) const;
  /// A number from `min` to `max`; without a fallback, the key must be there.
  double number(const char* key, double min, double max, std::optional<double> fallback = std::nullopt) const;
  /// IB_ACTIVATION_* of one of the names that transformers gives to activations.
  std::int32_t activation(const char* key, std::int32_t fallback) const;
  /// The object under `key`, if there is one. Throws Error if the value is something else.
  std::optional<ConfigFields> object(const char* key) const;

  const nlohmann::json& json() const { return *json_; }
  const std::string& file() const { return file_; }
  const std::string& path() const { return path_; }

 private:
  const nlohmann::json* json_;
  std::string file_;
  std::string path_;
};

/// A value for a message: short, and never an entire subtree.
std::string shown(const nlohmann::json& value);

}  // namespace inferbench
