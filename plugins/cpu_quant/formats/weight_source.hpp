// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "inferbench/backend.h"

namespace inferbench::cpu_quant {

/// A weight matrix as the host mapped it: F32, F16 or BF16, and which of its axes is the output channel.
struct WeightSource {
  const void* data = nullptr;
  std::int32_t dtype = IB_DTYPE_F32;
  std::int64_t n_inputs = 0;
  std::int64_t n_channels = 0;
  /// Channels are the rows, as in [vocab, width]; else the columns, as in a linear weight [in, out].
  bool channels_are_rows = false;
};

/// Reads channels [channel, channel + n_channels) x inputs [input, input + n_inputs) as f32 into
/// out[n_channels][stride]. Every one of them exists; stride >= n_inputs; values beyond n_inputs are left alone.
void read_block(const WeightSource& source, std::int64_t channel, std::int64_t n_channels, std::int64_t input,
                std::int64_t n_inputs, float* out, std::int64_t stride);

}  // namespace inferbench::cpu_quant
