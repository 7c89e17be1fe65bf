// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// A model for tables: its reference (a whole path, a hub name or synthetic:SHAPE) and its short name.
struct NamedModel {
  std::string reference;
  std::string name;
};

/// The short names, made distinct: where two models share one, each gets the shortest end of its reference that no
/// other of them ends with, such as "v1/model" and "v2/model". In the order given. Equal references keep equal names.
std::vector<std::string> distinct_names(const std::vector<NamedModel>& models);

}  // namespace inferbench
