// SPDX-License-Identifier: Apache-2.0
#include "experiment/contenders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/endpoint_entry.hpp"
#include "experiment/section.hpp"
#include "experiment/yaml_value.hpp"
#include "plugin/backend_reference.hpp"
#include "plugin/options.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/shortage.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr const char* kListCure = "'inferbench backends' lists what each backend offers";

/// One entry of `backends` before its lists are multiplied out.
struct Entry {
  Position at;
  std::string name;  // empty: none given
  bool is_optional = false;
  BackendSchema schema;
  std::vector<std::string> precisions;
  std::vector<std::string> devices;  // as Contender::device
  bool names_device = false;         // in the contenders' names, even if it has only one
  std::vector<std::pair<std::string, std::vector<std::string>>> options;

  std::int64_t expansions() const {
    auto count = static_cast<std::int64_t>(precisions.size() * devices.size());
    for (const auto& [key, values] : options) count *= static_cast<std::int64_t>(values.size());
    return count;
  }
};

class ContenderReader {
 public:
  ContenderReader(const ExperimentLookups& lookups, const KeyTable& keys) : lookups_(lookups), keys_(keys) {}

  void read(const YamlNode& node) {
    if (node.kind == YamlNode::Kind::kMap && node.find("endpoint") != nullptr) return read_server(node);
    Entry entry = node.kind == YamlNode::Kind::kScalar ? read_short(node) : read_map(node);
    if (entry.precisions.empty() || entry.devices.empty()) return;  // left out
    for (const PrecisionDescription& precision : entry.schema.precisions) add_known_precision(precision.name);
    expand(entry);
  }

  ContenderList take() { return std::move(list_); }

 private:
  void read_server(const YamlNode& node) {
    if (keys_.find("backends", "endpoint") == nullptr) {
      fail(node.find("endpoint")->at,
           "backends.endpoint: a server's API has no operators to measure, expected a plugin",
           "inferbench run measures endpoints under load");
    }
    const Section entry(node, keys_, "backends");
    Contender contender = read_endpoint(entry);
    const YamlNode* name = entry.find("name");
    if (name != nullptr) contender.name = read_name(*name);
    check_count(static_cast<std::int64_t>(list_.contenders.size()) + 1, node.at);
    if (!list_.endpoint_at) list_.endpoint_at = node.at;
    add(std::move(contender), name == nullptr ? node.at : name->at, "{endpoint: ..., model: ..., name: ...}");
  }

  // PLUGIN[:PRECISION][@DEVICE]
  Entry read_short(const YamlNode& node) {
    const BackendReference wanted = read_reference(node);
    Entry entry;
    entry.at = node.at;
    entry.schema = find(wanted.plugin, node);
    if (wanted.precision.empty()) {
      entry.precisions.emplace_back(entry.schema.precisions.front().name);
    } else {
      entry.precisions.push_back(checked_precision(wanted.precision, node, entry.schema));
    }
    if (wanted.device.empty()) {
      entry.devices.push_back(default_device(entry.schema));
    } else {
      entry.names_device = true;
      add_device(entry, wanted.device, node);
    }
    return entry;
  }

  static BackendReference read_reference(const YamlNode& node) {
    try {
      return parse_backend_reference(read_text(node, "backends"));
    } catch (const Error& error) {
      fail_lookup(node.at, error, kListCure);
    }
  }

  Entry read_map(const YamlNode& node) {
    const Section map(node, keys_, "backends");
    refuse_endpoint_keys(node);
    const YamlNode* plugin = map.find("plugin");
    if (plugin == nullptr)
      fail(node.at, "backends: 'plugin' is missing, expected for example {plugin: cpu_ref}", "add it");
    Entry entry;
    entry.at = node.at;
    const std::string reference = read_text(*plugin, "backends.plugin");
    map.flag("optional", entry.is_optional);
    if (entry.is_optional && is_left_out(reference, *plugin)) return entry;
    entry.schema = find(reference, *plugin);
    if (const YamlNode* name = map.find("name")) {
      entry.name = read_name(*name);
      entry.at = name->at;
    }
    if (const YamlNode* precision = map.find("precision")) {
      for (const YamlNode* item : read_items(*precision, "backends.precision")) {
        add_precision(entry, read_text(*item, "backends.precision"), *item);
      }
    } else {
      entry.precisions.emplace_back(entry.schema.precisions.front().name);
    }
    read_devices(map.find("device"), entry);
    if (entry.devices.empty()) return entry;
    if (const YamlNode* options = map.find("options")) read_options(*options, entry);
    return entry;
  }

  // True if the backend does not load. Then a line in left_out says why.
  bool is_left_out(const std::string& reference, const YamlNode& node) {
    try {
      schemas_[{reference, node.at.source->folder}] = lookups_.backend(reference, node.at.source->folder);
      return false;
    } catch (const ShortageError&) {  // not the backend's fault
      throw;
    } catch (const Error& error) {
      list_.left_out.push_back(fmt::format("{}: {}", one_line(reference, kMaxNameBytes), one_line(error.what())));
      return true;
    }
  }

  void add_precision(Entry& entry, const std::string& precision, const YamlNode& node) {
    const auto& offered = entry.schema.precisions;
    const bool is_offered = std::any_of(offered.begin(), offered.end(),
                                        [&](const PrecisionDescription& info) { return precision == info.name; });
    if (entry.is_optional && !is_offered) {
      list_.left_out.push_back(
          fmt::format("{}:{}: the backend does not offer this precision here", entry.schema.name, one_line(precision)));
      return;
    }
    entry.precisions.push_back(checked_precision(precision, node, entry.schema));
  }

  // The CPU stays unnamed where it is the default, like everything that an experiment does not set.
  static std::string default_device(const BackendSchema& schema) {
    if (schema.devices.empty() || schema.devices.front().id == "cpu") return {};
    return schema.devices.front().id;
  }

  void read_devices(const YamlNode* node, Entry& entry) {
    if (entry.is_optional && !entry.schema.device_problem.empty()) {
      list_.left_out.push_back(
          fmt::format("{}: no device: {}", entry.schema.name, one_line(entry.schema.device_problem)));
      return;
    }
    if (node == nullptr) {
      entry.devices.push_back(default_device(entry.schema));
      return;
    }
    for (const YamlNode* item : read_items(*node, "backends.device")) {
      add_device(entry, read_text(*item, "backends.device"), *item);
    }
  }

  void add_device(Entry& entry, const std::string& device, const YamlNode& node) {
    std::vector<std::string> offered;
    for (const DeviceDescription& known : entry.schema.devices) offered.push_back(known.id);
    if (offered.empty() && entry.schema.device_problem.empty()) offered.emplace_back("cpu");
    if (std::find(offered.begin(), offered.end(), device) == offered.end()) {
      if (entry.is_optional) {
        list_.left_out.push_back(
            fmt::format("{}@{}: the backend does not offer this device here", entry.schema.name, one_line(device)));
        return;
      }
      fail(
          node.at,
          fmt::format("backend '{}' has no device {} here; {}", entry.schema.name, quote(device),
                      offered.empty() ? one_line(entry.schema.device_problem) : suggestion(device, "devices", offered)),
          kListCure);
    }
    entry.devices.push_back(device == "cpu" && default_device(entry.schema).empty() ? "" : device);
  }

  static std::string read_name(const YamlNode& node) {
    std::string name = read_text(node, "backends.name");
    if (name.size() > kMaxNameBytes || one_line(name) != name) {
      fail_type(node, "backends.name", fmt::format("at most {} bytes on one line", kMaxNameBytes));
    }
    return name;
  }

  BackendSchema find(const std::string& reference, const YamlNode& node) {
    const auto key = std::make_pair(reference, node.at.source->folder);
    if (const auto known = schemas_.find(key); known != schemas_.end()) return known->second;
    try {
      return schemas_[key] = lookups_.backend(reference, node.at.source->folder);
    } catch (const ShortageError&) {  // not the file's fault
      throw;
    } catch (const Error& error) {
      fail_lookup(node.at, error, kListCure);
    }
  }

  static std::string checked_precision(const std::string& precision, const YamlNode& node,
                                       const BackendSchema& schema) {
    std::vector<std::string> offered;
    for (const PrecisionDescription& info : schema.precisions) offered.emplace_back(info.name);
    if (std::find(offered.begin(), offered.end(), precision) != offered.end()) return precision;
    fail(node.at,
         fmt::format("backend '{}' has no precision {}; {}", schema.name, quote(precision),
                     suggestion(precision, "precisions", offered)),
         kListCure);
  }

  static const OptionDescription& find_option(const YamlEntry& entry, const BackendSchema& schema) {
    std::vector<std::string> known;
    for (const OptionDescription& option : schema.options) {
      if (entry.key == option.key) return option;
      known.emplace_back(option.key);
    }
    fail(entry.at,
         fmt::format("backend '{}' has no option {}; {}", schema.name, quote(entry.key),
                     suggestion(entry.key, "options", known)),
         kListCure);
  }

  static void read_options(const YamlNode& node, Entry& entry) {
    if (node.kind != YamlNode::Kind::kMap) fail_type(node, "backends.options", "a map of option: value");
    for (const YamlEntry& given : node.entries) {
      const OptionDescription& option = find_option(given, entry.schema);
      const std::string what = fmt::format("backends.options.{}", given.key);
      std::vector<std::string> values;
      for (const YamlNode* item : read_items(given.value, what)) {
        if (item->kind != YamlNode::Kind::kScalar) fail_type(*item, what, "a value or a list of values");
        try {
          check_option(option, item->text);
        } catch (const Error& error) {
          fail_lookup(item->at, Error(fmt::format("backend '{}': {}", entry.schema.name, error.what()), error.cure()),
                      kListCure);
        }
        values.push_back(item->text);
      }
      entry.options.emplace_back(given.key, std::move(values));
      check_count(entry.expansions(), entry.at);
    }
  }

  static void check_count(std::int64_t count, const Position& at) {
    if (count <= kMaxContenders) return;
    fail(at, fmt::format("backends: more than {}, expected fewer", counted(kMaxContenders, "contender")),
         "shorten the lists of precisions, devices and option values: they multiply");
  }

  void expand(const Entry& entry) {
    const std::int64_t count = entry.expansions();
    check_count(count + static_cast<std::int64_t>(list_.contenders.size()), entry.at);
    for (std::int64_t index = 0; index < count; ++index) {
      add(expansion(entry, index), entry.at, "{plugin: ..., name: ...}");
    }
  }

  void add(Contender contender, const Position& at, const char* form) {
    const auto [taken, is_new] = names_.emplace(contender.name, at);
    if (!is_new) {
      fail(at,
           fmt::format("the contender name {} is already taken at {}, expected distinct names", quote(contender.name),
                       taken->second.text_beside(at)),
           fmt::format("give one of them another name: {}", form));
    }
    list_.contenders.push_back(std::move(contender));
  }

  // The index-th of entry.expansions(); the last option varies fastest.
  static Contender expansion(const Entry& entry, std::int64_t index) {
    Contender contender;
    contender.plugin = entry.schema.reference;
    std::string varying;
    for (auto option = entry.options.rbegin(); option != entry.options.rend(); ++option) {
      const auto n = static_cast<std::int64_t>(option->second.size());
      const std::string& value = option->second[static_cast<std::size_t>(index % n)];
      index /= n;
      contender.options[option->first] = value;
      if (n > 1) varying = fmt::format("/{}={}{}", option->first, one_line(value, kMaxNameBytes), varying);
    }
    const auto n_devices = static_cast<std::int64_t>(entry.devices.size());
    contender.device = entry.devices[static_cast<std::size_t>(index % n_devices)];
    contender.precision = entry.precisions[static_cast<std::size_t>(index / n_devices)];
    contender.name = entry.name.empty() ? entry.schema.name : entry.name;
    if (entry.name.empty() || entry.precisions.size() > 1) contender.name += ":" + contender.precision;
    if (n_devices > 1 || entry.names_device)
      contender.name += "@" + (contender.device.empty() ? "cpu" : contender.device);
    contender.name += varying;
    return contender;
  }

  void add_known_precision(const std::string& name) {
    if (std::find(list_.precisions.begin(), list_.precisions.end(), name) == list_.precisions.end()) {
      list_.precisions.push_back(name);
    }
  }

  const ExperimentLookups& lookups_;
  const KeyTable& keys_;
  std::map<std::pair<std::string, std::filesystem::path>, BackendSchema> schemas_;
  std::map<std::string, Position> names_;
  ContenderList list_;
};

}  // namespace

ContenderList read_contenders(const YamlNode& backends, const ExperimentLookups& lookups, const KeyTable& keys) {
  ContenderReader reader(lookups, keys);
  for (const YamlNode* entry : read_items(backends, "backends")) reader.read(*entry);
  ContenderList list = reader.take();
  if (list.contenders.empty()) {
    fail(backends.at, fmt::format("backends: every contender is left out, expected at least one; {}", list.left_out[0]),
         "add a contender that is not optional: {plugin: cpu_ref}");
  }
  return list;
}

std::string read_baseline(const YamlNode& root, const std::vector<Contender>& contenders) {
  const YamlNode* node = optional_value(root, "baseline");
  if (node == nullptr) return contenders.front().name;
  std::string name = read_text(*node, "baseline");
  const std::vector<std::string> known = contender_names(contenders);
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    fail(node->at,
         fmt::format("baseline: unknown contender {}; {}", quote(name), suggestion(name, "contenders", known)),
         "name one of them, or leave 'baseline' out to take the first");
  }
  return name;
}

std::vector<std::string> contender_names(const std::vector<Contender>& contenders) {
  std::vector<std::string> names;
  names.reserve(contenders.size());
  for (const Contender& contender : contenders) names.push_back(contender.name);
  return names;
}

}  // namespace inferbench
