// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "inferbench/backend.h"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Formats of the output head.
constexpr std::int32_t kHeadInt8 = 0;
constexpr std::int32_t kHeadInt5 = 1;
constexpr std::int32_t kHeadAuto = 2;

/// What the experiment may choose of a model; the schema is in options.cpp.
struct Options {
  Isa isa = Isa::Auto;
  std::int32_t kv_type = kKvF16;  ///< kKv*
  std::int32_t head = 0;          ///< kHead*
  std::int32_t chunk = 512;       ///< rows that go through the layers together; bounds the scratch memory
};

/// The schema for the table of the backend.
extern const ib_option_info kOptionSchema[4];

/// Reads the values that the host passed. Throws Failure on a value that the schema does not have.
Options read_options(const ib_model_params& params);

}  // namespace inferbench::cpu_quant
