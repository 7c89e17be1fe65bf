// SPDX-License-Identifier: Apache-2.0
#include "report/serving_settings.hpp"

#include <memory>

#include "experiment/serving.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

Serving serving_of(const RunInfo& info) {
  const auto source = std::make_shared<const YamlSource>(YamlSource{"the experiment in run.json", {}, true});
  const YamlNode tree = parse_yaml(info.resolved_yaml, source);
  const YamlEntry* part = tree.kind == YamlNode::Kind::kMap ? tree.find("serving") : nullptr;
  return read_serving(part == nullptr ? nullptr : &part->value);
}

}  // namespace inferbench
