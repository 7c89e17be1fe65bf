// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "measure/energy.hpp"
#include "measure/nvml.hpp"

namespace inferbench {

/// Where the counters of this machine's devices are.
struct CounterPlaces {
  std::string nvml = kNvmlLibrary;
  std::string powercap = kPowercapFolder;
};

}  // namespace inferbench
