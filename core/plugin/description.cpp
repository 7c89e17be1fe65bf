// SPDX-License-Identifier: Apache-2.0
#include "plugin/description.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "inferbench/device_probe.h"
#include "inferbench/op_bench.h"
#include "plugin/table_check.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {

bool PluginDescription::has_precision(std::string_view precision) const {
  return std::any_of(precisions.begin(), precisions.end(), [&](const auto& info) { return info.name == precision; });
}

void PluginDescription::require_device(std::string_view device) const {
  if (device.empty()) return;
  std::vector<std::string> known;
  for (const DeviceDescription& one : devices) known.push_back(one.id);
  if (std::find(known.begin(), known.end(), device) != known.end()) return;
  throw Error(
      fmt::format("backend {} has no device '{}' here{}", name, one_line(device, 100),
                  device_problem.empty() ? "" : ": " + device_problem),
      known.empty() ? "inferbench backends shows what each backend needs" : suggestion(device, "devices", known));
}

std::optional<PrecisionMeaning> PluginDescription::meaning_of(std::string_view precision) const {
  for (const PrecisionDescription& info : precisions) {
    if (precision.empty() || info.name == precision) return PrecisionMeaning{info.weight_bits, info.integer_products};
  }
  return std::nullopt;
}

const std::vector<std::string>& known_extensions() {
  static const std::vector<std::string> kNames{IB_EXT_PROFILE_V1, IB_EXT_OP_BENCH_V1, IB_EXT_DEVICE_PROBE_V1};
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

std::string_view missing_feature(std::uint64_t needed, std::uint64_t has) {
  for (const decoder::FeatureName& known : decoder::kFeatureNames) {
    if ((needed & ~has & known.feature) != 0) return known.noun;
  }
  return (needed & ~has) == 0 ? std::string_view() : "a feature that this host has no name for";
}

namespace {

void describe_devices(const ib_backend& table, PluginDescription& described) {
  if (table.devices == nullptr) {
    described.devices.push_back({"cpu", "", 0});
    return;
  }
  const ib_device_info* devices = nullptr;
  std::uint64_t n = 0;
  ib_error error{};
  const ib_status status = table.devices(&devices, &n, &error);
  if (status != IB_OK) {
    error.message[sizeof(error.message) - 1] = '\0';
    described.device_problem = error.message[0] == '\0' ? "it gives no reason" : one_line(error.message);
    return;
  }
  const std::string path = described.path.string();
  for (const ib_device_info& device : checked_devices(devices, n, path)) {
    described.devices.push_back({device.id, device.name, device.memory_bytes});
  }
}

}  // namespace

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
  described.features = table.features;
  described.n_driver_threads = table.n_driver_threads;
  for (std::uint64_t i = 0; i < table.n_precisions; ++i) {
    const ib_precision_info& precision = table.precisions[i];
    described.precisions.push_back(
        {precision.name, precision.doc, precision.weight_bits, precision.integer_products != 0});
  }
  for (std::uint64_t i = 0; i < table.n_options; ++i) described.options.push_back(describe_option(table.options[i]));
  for (const std::string& extension : known_extensions()) {
    if (table.extension != nullptr && table.extension(extension.c_str()) != nullptr) {
      described.extensions.push_back(extension);
    }
  }
  describe_devices(table, described);
  return described;
}

}  // namespace inferbench
