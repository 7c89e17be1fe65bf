// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "experiment/experiment.hpp"

namespace inferbench {

/// "shakespeare: prompt 16, generate 12, batch 1, threads 2": the form of a point in every table and message.
std::string point_title(const std::string& model_name, const Point& point);

}  // namespace inferbench
