// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// A model as shown in tables: its reference (a full path, a hub name or synthetic:SHAPE) and its short name.
struct NamedModel {
  std::string reference;
  std::string name;
};

/// Makes the short names distinct: models that share a name each get the shortest suffix of their reference that no
/// other of them ends with, such as "v1/model" and "v2/model". In the given order. Equal references keep equal names.
std::vector<std::string> distinct_names(const std::vector<NamedModel>& models);

}  // namespace inferbench
