// SPDX-License-Identifier: Apache-2.0
// The child that loads the library sends the description as MessagePack: a backend's strings need not be UTF-8, and
// bounds may be infinite.
#include <nlohmann/json.hpp>

#include "plugin/description.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

}  // namespace

std::string description_bytes(const PluginDescription& description) {
  Json json = {{"path", description.path.string()},
               {"name", description.name},
               {"version", description.version},
               {"build", description.build},
               {"license", description.license},
               {"doc", description.doc},
               {"abi_major", description.abi_major},
               {"abi_minor", description.abi_minor},
               {"flags", description.flags},
               {"features", description.features},
               {"n_driver_threads", description.n_driver_threads},
               {"precisions", Json::array()},
               {"options", Json::array()},
               {"extensions", description.extensions},
               {"devices", Json::array()},
               {"device_problem", description.device_problem}};
  for (const PrecisionDescription& precision : description.precisions) {
    json["precisions"].push_back({{"name", precision.name},
                                  {"doc", precision.doc},
                                  {"weight_bits", precision.weight_bits},
                                  {"integer_products", precision.integer_products}});
  }
  for (const DeviceDescription& device : description.devices) {
    json["devices"].push_back({{"id", device.id}, {"name", device.name}, {"memory_bytes", device.memory_bytes}});
  }
  for (const OptionDescription& option : description.options) {
    json["options"].push_back({{"key", option.key},
                               {"type", option.type},
                               {"default", option.default_value},
                               {"min", option.min},
                               {"max", option.max},
                               {"choices", option.choices},
                               {"doc", option.doc}});
  }
  std::string bytes;
  Json::to_msgpack(json, bytes);
  return bytes;
}

PluginDescription description_from_bytes(std::string_view bytes) {
  try {
    const Json json = Json::from_msgpack(bytes.begin(), bytes.end());
    PluginDescription description;
    description.path = json.at("path").get<std::string>();
    json.at("name").get_to(description.name);
    json.at("version").get_to(description.version);
    json.at("build").get_to(description.build);
    json.at("license").get_to(description.license);
    json.at("doc").get_to(description.doc);
    json.at("abi_major").get_to(description.abi_major);
    json.at("abi_minor").get_to(description.abi_minor);
    json.at("flags").get_to(description.flags);
    json.at("features").get_to(description.features);
    json.at("n_driver_threads").get_to(description.n_driver_threads);
    json.at("device_problem").get_to(description.device_problem);
    json.at("extensions").get_to(description.extensions);
    for (const Json& precision : json.at("precisions")) {
      description.precisions.push_back(
          {precision.at("name"), precision.at("doc"), precision.at("weight_bits"), precision.at("integer_products")});
    }
    for (const Json& device : json.at("devices")) {
      description.devices.push_back({device.at("id"), device.at("name"), device.at("memory_bytes")});
    }
    for (const Json& option : json.at("options")) {
      description.options.push_back({option.at("key"), option.at("type"), option.at("default"), option.at("min"),
                                     option.at("max"), option.at("choices"), option.at("doc")});
    }
    if (description.precisions.empty()) throw Error("a description without precisions");
    return description;
  } catch (const Json::exception& error) {
    throw Error(std::string("not a backend's description: ") + error.what());
  }
}

}  // namespace inferbench
