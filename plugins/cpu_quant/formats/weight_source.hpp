// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::cpu_quant {

/// A weight matrix as the host mapped it, F32, F16 or BF16: (channel, input) is element channel * channel_stride +
/// input * input_stride of `data`. Borrowed.
struct WeightSource {
  const void* data = nullptr;
  std::int32_t dtype = IB_DTYPE_F32;
  std::int64_t n_channels = 0;
  std::int64_t n_inputs = 0;
  std::int64_t channel_stride = 0;
  std::int64_t input_stride = 1;
};

/// Of a checked tensor [channels, inputs].
WeightSource source_of(const ib_tensor& tensor);

/// Reads channels [channel, channel + n_channels) x inputs [input, input + n_inputs) as f32 into
/// out[n_channels][stride], along the dimension that is contiguous in memory. Every one of them exists; stride >=
/// n_inputs; values beyond n_inputs are left alone.
void read_block(const WeightSource& source, std::int64_t channel, std::int64_t n_channels, std::int64_t input,
                std::int64_t n_inputs, float* out, std::int64_t stride);

/// The channels of one packed matrix: matrices of the same inputs, each of which begins with a tile of its own.
struct WeightMatrix {
  std::vector<WeightSource> parts;
  bool interleaved = false;  ///< two parts of one size take turns tile by tile; else part follows part

  /// The channels of a tile.
  struct Tile {
    const WeightSource* part;
    std::int64_t first;
    std::int32_t n;  ///< at most kTile
  };
  Tile tile(std::int32_t index) const;
  std::int32_t n_tiles() const;
  std::int32_t n_inputs() const { return static_cast<std::int32_t>(parts.front().n_inputs); }
  /// The tile with which a part begins; interleaved parts go on with every second one.
  std::int32_t first_tile(std::size_t part) const;
};

}  // namespace inferbench::cpu_quant
