// SPDX-License-Identifier: Apache-2.0
#include "plugin/description.hpp"

#include <algorithm>

#include "inferbench/op_bench.h"

namespace inferbench {

bool PluginDescription::has_precision(std::string_view precision) const {
  return std::any_of(precisions.begin(), precisions.end(), [&](const auto& info) { return info.name == precision; });
}

const std::vector<std::string>& known_extensions() {
  static const std::vector<std::string> kNames{IB_EXT_PROFILE_V1, IB_EXT_OP_BENCH_V1};
  return kNames;
}

OptionDescription describe_option(const ib_option_info& option) {
  OptionDescription described{option.key, option.type, option.default_value, option.min, option.max, {}, option.doc};
  if (option.type != IB_OPTION_CHOICE) return described;
  for (const char* const* choice = option.choices; choice != nullptr && *choice != nullptr; ++choice) {
    described.choices.emplace_back(*choice);
  }
  return described;
}

PluginDescription describe_table(const ib_backend& table, const std::filesystem::path& path) {
  PluginDescription described;
  described.path = path;
  described.name = table.name;
  described.version = table.version;
  described.build = table.build;
  described.license = table.license;
  described.doc = table.doc;
  described.abi_major = table.abi_major;
  described.abi_minor = table.abi_minor;
  described.flags = table.flags;
  for (std::uint64_t i = 0; i < table.n_precisions; ++i) {
    described.precisions.push_back({table.precisions[i].name, table.precisions[i].doc});
  }
  for (std::uint64_t i = 0; i < table.n_options; ++i) described.options.push_back(describe_option(table.options[i]));
  for (const std::string& extension : known_extensions()) {
    if (table.extension != nullptr && table.extension(extension.c_str()) != nullptr) {
      described.extensions.push_back(extension);
    }
  }
  return described;
}

}  // namespace inferbench
