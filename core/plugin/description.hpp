// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench {

/// ib_precision_info, owned.
struct PrecisionDescription {
  std::string name;
  std::string doc;

  friend bool operator==(const PrecisionDescription&, const PrecisionDescription&) = default;
};

/// ib_option_info, owned.
struct OptionDescription {
  std::string key;
  std::int32_t type = IB_OPTION_TEXT;  ///< IB_OPTION_*
  std::string default_value;
  double min = 0;                    ///< of INT and FLOAT
  double max = 0;                    ///< of INT and FLOAT; below min: unbounded
  std::vector<std::string> choices;  ///< of CHOICE; else empty
  std::string doc;

  friend bool operator==(const OptionDescription&, const OptionDescription&) = default;
};

/// What a backend library says about itself. Owned, so that the host can use it without loading the library.
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
  std::vector<PrecisionDescription> precisions;  ///< at least one; the first is the default
  std::vector<OptionDescription> options;
  std::vector<std::string> extensions;  ///< those of known_extensions() that it offers

  bool has_precision(std::string_view precision) const;

  friend bool operator==(const PluginDescription&, const PluginDescription&) = default;
};

/// The names of the extensions that this host uses.
const std::vector<std::string>& known_extensions();

OptionDescription describe_option(const ib_option_info& option);

/// Of a table that checked_table() returned. Asks it for its extensions, which runs code of the backend.
PluginDescription describe_table(const ib_backend& table, const std::filesystem::path& path);

/// How long a library may take to load before it counts as hanging.
inline constexpr std::chrono::milliseconds kLoadLimit{30'000};

/// Describes the backend at `path`. The library is loaded, checked and asked in a child process, which is then killed:
/// none of its code (static constructors and destructors, exit handlers) runs in this process. Throws Error (path,
/// fault, hint), also where the library throws, crashes, exits or hangs.
PluginDescription describe_plugin(const std::filesystem::path& path, std::chrono::milliseconds time_limit = kLoadLimit);

/// A description as bytes, and back. The second throws Error for anything else.
std::string description_bytes(const PluginDescription& description);
PluginDescription description_from_bytes(std::string_view bytes);

}  // namespace inferbench
