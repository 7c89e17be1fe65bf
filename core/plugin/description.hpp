// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend.h"
#include "support/precision.hpp"

namespace inferbench {

/// An owned copy of ib_precision_info.
struct PrecisionDescription {
  std::string name;
  std::string doc;
  std::int32_t weight_bits = 32;
  bool integer_products = false;

  friend bool operator==(const PrecisionDescription&, const PrecisionDescription&) = default;
};

/// An owned copy of ib_option_info.
struct OptionDescription {
  std::string key;
  std::int32_t type = IB_OPTION_TEXT;  ///< IB_OPTION_*
  std::string default_value;
  double min = 0;                    ///< INT and FLOAT only
  double max = 0;                    ///< INT and FLOAT only; less than min: unbounded
  std::vector<std::string> choices;  ///< CHOICE only; otherwise empty
  std::string doc;

  friend bool operator==(const OptionDescription&, const OptionDescription&) = default;
};

/// An owned copy of ib_device_info.
struct DeviceDescription {
  std::string id;
  std::string name;
  std::uint64_t memory_bytes = 0;  ///< 0: it works in the host's memory

  friend bool operator==(const DeviceDescription&, const DeviceDescription&) = default;
};

/// The self-description of a backend library, copied so that the host can use it without loading the library.
struct PluginDescription {
  std::filesystem::path path;  ///< absolute
  std::string name;
  std::string version;
  std::string build;
  std::string license;
  std::string doc;
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;
  std::uint64_t flags = 0;                       ///< IB_FLAG_*
  std::uint64_t features = 0;                    ///< IB_FEATURE_*
  std::int32_t n_driver_threads = 0;             ///< see ib_backend
  std::vector<PrecisionDescription> precisions;  ///< at least one; the first is the default
  std::vector<OptionDescription> options;
  std::vector<std::string> extensions;     ///< those of known_extensions() that the backend offers
  std::vector<DeviceDescription> devices;  ///< those of this machine, the default first; empty: see device_problem
  std::string device_problem;              ///< the backend's words for why this machine has no device for it

  bool has_precision(std::string_view precision) const;
  /// Throws Error, with a suggestion, if this machine has no such device for the backend; empty: its first.
  void require_device(std::string_view device) const;
  /// What the backend says of one of its precisions; empty: of the first. nullopt if it has none of that name.
  std::optional<PrecisionMeaning> meaning_of(std::string_view precision) const;

  friend bool operator==(const PluginDescription&, const PluginDescription&) = default;
};

/// The names of the extensions that this host uses.
const std::vector<std::string>& known_extensions();

OptionDescription describe_option(const ib_option_info& option);

/// The words for one of the features that `needed` has and `has` lacks (IB_FEATURE_*), for "has no ..."; empty if none
/// is missing.
std::string_view missing_feature(std::uint64_t needed, std::uint64_t has);

/// Describes a table that checked_table() returned. Asks the backend for its extensions and
/// devices, which runs backend code. Throws Error if what it says of its devices makes no sense.
PluginDescription describe_table(const ib_backend& table, const std::filesystem::path& path);

/// Time limit for loading a library, after which it counts as hanging.
inline constexpr std::chrono::milliseconds kLoadLimit{30'000};

/// Describes the backend at `path`. The library is loaded, checked and queried in a child process, which is then
/// killed: none of its code (static constructors and destructors, exit handlers) runs in this process. Throws Error
/// (path, fault, hint), also if the library throws, crashes, exits or hangs.
PluginDescription describe_plugin(const std::filesystem::path& path, std::chrono::milliseconds time_limit = kLoadLimit);

/// Serializes a description and reads it back. description_from_bytes throws Error for invalid bytes.
std::string description_bytes(const PluginDescription& description);
PluginDescription description_from_bytes(std::string_view bytes);

}  // namespace inferbench
