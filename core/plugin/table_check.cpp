// SPDX-License-Identifier: Apache-2.0
#include "plugin/table_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <set>

#include "plugin/options.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestText = 4096;
constexpr std::uint64_t kMostEntries = 1024;  // a larger count is garbage, and reading that far would crash

constexpr const char* kAuthor = "compare its table with the comments of inferbench/backend.h and build it again";

/// Collects the common beginning of all messages.
class TableCheck {
 public:
  TableCheck(const ib_backend& table, const std::string& path) : table_(table), path_(path) {}

  void strings() const {
    text(table_.name, "name");
    if (!is_well_formed_name(table_.name)) {
      fail(fmt::format("its name '{}' is not [a-z0-9_]+ of at most {} characters", one_line(table_.name, 80),
                       kLongestName));
    }
    text(table_.version, "version");
    text(table_.build, "build");
    text(table_.license, "license");
    text(table_.doc, "doc");
  }

  void functions() const {
    required(table_.init != nullptr, "init");
    required(table_.shutdown != nullptr, "shutdown");
    required(table_.model_create != nullptr, "model_create");
    required(table_.model_destroy != nullptr, "model_destroy");
    required(table_.model_info != nullptr, "model_info");
    required(table_.session_create != nullptr, "session_create");
    required(table_.session_destroy != nullptr, "session_destroy");
    required(table_.session_info != nullptr, "session_info");
    required(table_.forward != nullptr, "forward");
    required(table_.session_truncate != nullptr, "session_truncate");
  }

  void precisions() const {
    if (table_.n_precisions == 0) fail("it offers no precision");
    count(table_.n_precisions, table_.precisions != nullptr, "precisions");
    std::set<std::string_view> names;
    for (std::uint64_t i = 0; i < table_.n_precisions; ++i) {
      const ib_precision_info& precision = table_.precisions[i];
      text(precision.name, fmt::format("precisions[{}].name", i));
      name(precision.name, fmt::format("precisions[{}].name", i));
      text(precision.doc, fmt::format("precisions[{}].doc", i));
      if (!names.insert(precision.name).second) fail(fmt::format("it offers precision '{}' twice", precision.name));
      if (precision.weight_bits < 1 || precision.weight_bits > 64) {
        fail(fmt::format("precision '{}' has {} bits a weight, not 1 to 64", precision.name, precision.weight_bits));
      }
    }
  }

  void features() const {
    const auto has = [this](std::uint64_t features) { return (table_.features & features) != 0; };
    if (!has(IB_FEATURE_LAYER_NORM | IB_FEATURE_RMS_NORM)) fail("its features have neither layer_norm nor rms_norm");
    if (!has(IB_FEATURE_PLAIN_MLP | IB_FEATURE_GATED_MLP)) fail("its features have neither plain_mlp nor gated_mlp");
    if (!has(IB_FEATURE_LEARNED_POSITIONS | IB_FEATURE_ROTARY)) {
      fail("its features have neither learned_positions nor rotary");
    }
    if (!has(IB_FEATURE_GELU_TANH | IB_FEATURE_GELU_ERF | IB_FEATURE_RELU | IB_FEATURE_SILU)) {
      fail("its features have no activation");
    }
    if (table_.n_driver_threads < 0) fail("its n_driver_threads is negative");
  }

  void options() const {
    count(table_.n_options, table_.n_options == 0 || table_.options != nullptr, "options");
    std::set<std::string_view> keys;
    for (std::uint64_t i = 0; i < table_.n_options; ++i) {
      const ib_option_info& option = table_.options[i];
      text(option.key, fmt::format("options[{}].key", i));
      name(option.key, fmt::format("options[{}].key", i));
      if (!keys.insert(option.key).second) fail(fmt::format("it has option '{}' twice", option.key));
      one_option(option);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& fault, const char* cure = kAuthor) const {
    throw Error(fmt::format("{}: {}", path_, fault), cure);
  }

  void required(bool present, const char* field) const {
    if (!present) fail(fmt::format("its required function '{}' is null", field));
  }

  void text(const char* string, const std::string& field) const {
    if (string == nullptr) fail(fmt::format("its required string '{}' is null", field));
    if (strnlen(string, kLongestText + 1) > kLongestText) {
      fail(fmt::format("its string '{}' is longer than {} bytes", field, kLongestText));
    }
  }

  void name(const char* string, const std::string& field) const {
    if (is_well_formed_name(string)) return;
    fail(fmt::format("its {} '{}' is not [a-z0-9_]+ of at most {} characters", field, one_line(string, 80),
                     kLongestName));
  }

  void count(std::uint64_t n, bool present, const char* field) const {
    if (n > kMostEntries) fail(fmt::format("its n_{} is {}, more than {}", field, n, kMostEntries));
    if (!present) fail(fmt::format("its n_{} is {}, but '{}' is null", field, n, field));
  }

  void one_option(const ib_option_info& option) const {
    const std::string where = fmt::format("option '{}'", option.key);
    text(option.default_value, where + " default_value");
    text(option.doc, where + " doc");
    if (option_type_name(option.type).empty()) fail(fmt::format("{} has the unknown type {}", where, option.type));
    const bool number = option.type == IB_OPTION_INT || option.type == IB_OPTION_FLOAT;
    if (number && (std::isnan(option.min) || std::isnan(option.max))) fail(where + " has a bound that is not a number");
    if (option.type == IB_OPTION_CHOICE) choices(option, where);
    try {
      check_option(describe_option(option), option.default_value);
    } catch (const Error& error) {
      fail(fmt::format("it refuses its own default: {}", error.what()));
    }
  }

  void choices(const ib_option_info& option, const std::string& where) const {
    if (option.choices == nullptr || option.choices[0] == nullptr) fail(where + " has no choices");
    std::set<std::string_view> seen;
    for (std::uint64_t i = 0; option.choices[i] != nullptr; ++i) {
      if (i == kMostEntries) fail(where + " has choices without a final NULL");
      text(option.choices[i], where + " choice");
      if (!seen.insert(option.choices[i]).second) {
        fail(fmt::format("{} has choice '{}' twice", where, one_line(option.choices[i], 80)));
      }
    }
  }

  const ib_backend& table_;
  const std::string& path_;
};

struct Field {
  const char* name;
  std::size_t end;
};

#define FIELD(name)                                              \
  Field {                                                        \
#name, offsetof(ib_backend, name) + sizeof(ib_backend::name) \
  }
// The fields that a table of ABI 1.0 must include. `extension` may be null, so it may also be missing.
// NOLINTBEGIN(bugprone-sizeof-expression): fields that are pointers have a pointer's size
constexpr std::array kFields{
    FIELD(name),
    FIELD(version),
    FIELD(build),
    FIELD(license),
    FIELD(doc),
    FIELD(flags),
    FIELD(features),
    FIELD(precisions),
    FIELD(n_precisions),
    FIELD(options),
    FIELD(n_options),
    FIELD(n_driver_threads),
    FIELD(devices),
    FIELD(init),
    FIELD(shutdown),
    FIELD(model_create),
    FIELD(model_destroy),
    FIELD(model_info),
    FIELD(session_create),
    FIELD(session_destroy),
    FIELD(session_info),
    FIELD(forward),
    FIELD(session_truncate),
};
// NOLINTEND(bugprone-sizeof-expression)
#undef FIELD

void check_header(const ib_backend& raw, const std::string& path) {
  if (raw.magic != IB_MAGIC) {
    throw Error(fmt::format("{}: its table starts with {:#018x}, not with the magic number {:#018x}", path, raw.magic,
                            IB_MAGIC),
                "start the table with IB_BACKEND_HEADER of inferbench/backend.h");
  }
  if (raw.abi_major != IB_ABI_MAJOR) {
    throw Error(fmt::format("{}: it was built for ABI {}.{}, this inferbench has ABI {}.{}", path, raw.abi_major,
                            raw.abi_minor, IB_ABI_MAJOR, IB_ABI_MINOR),
                fmt::format("build it against the inferbench/backend.h of ABI {}, or use the inferbench that it was "
                            "made for",
                            IB_ABI_MAJOR));
  }
  for (const Field& field : kFields) {
    if (raw.struct_size >= field.end) continue;
    throw Error(fmt::format("{}: its table says that it has {} bytes, too few to hold the required '{}'", path,
                            raw.struct_size, field.name),
                "start the table with IB_BACKEND_HEADER, which sets struct_size to sizeof(ib_backend)");
  }
}

}  // namespace

bool is_well_formed_name(std::string_view name) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), good);
}

std::span<const ib_device_info> checked_devices(const ib_device_info* devices, std::uint64_t n,
                                                const std::string& path) {
  const auto fail = [&path](const std::string& fault) { throw Error(fmt::format("{}: {}", path, fault), kAuthor); };
  if (n == 0) fail("devices returned ok, but no device");
  if (n > kMostEntries) fail(fmt::format("devices returned {}, more than {}", n, kMostEntries));
  if (devices == nullptr) fail("devices returned ok, but its array is null");
  std::set<std::string_view> ids;
  for (const ib_device_info& device : std::span(devices, n)) {
    if (device.id == nullptr || device.name == nullptr) fail("a device has no id or no name");
    if (strnlen(device.name, kLongestText + 1) > kLongestText) fail("the name of a device is too long");
    if (!is_device_id(device.id)) {
      fail(fmt::format("device '{}' is not named like cpu or cuda:0", one_line(device.id, 80)));
    }
    if (!ids.insert(device.id).second) fail(fmt::format("it has device '{}' twice", device.id));
  }
  return {devices, n};
}

bool is_device_id(std::string_view id) {
  const auto colon = id.find(':');
  if (!is_well_formed_name(id.substr(0, colon))) return false;
  if (colon == std::string_view::npos) return true;
  const std::string_view number = id.substr(colon + 1);
  return !number.empty() && number.size() <= 9 &&
         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

ib_backend checked_table(const ib_backend* raw, const std::string& path) {
  check_header(*raw, path);
  ib_backend table{};
  std::memcpy(&table, raw, std::min<std::size_t>(raw->struct_size, sizeof(table)));
  const TableCheck check(table, path);
  check.strings();
  check.functions();
  check.features();
  check.precisions();
  check.options();
  return table;
}

}  // namespace inferbench
