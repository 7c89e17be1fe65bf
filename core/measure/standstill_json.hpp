// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "measure/standstill.hpp"

namespace inferbench {

/// Adds stalled_ms and suspended_ms (null where unknown), traced and stopped to `object`.
void put_standstill(nlohmann::json& object, const Standstill& standstill);

/// The reverse. Throws nlohmann's exceptions.
Standstill standstill_from(const nlohmann::json& object);

}  // namespace inferbench
