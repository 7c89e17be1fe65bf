// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "formats/weight_source.hpp"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

enum class WeightFormat : std::int32_t {
  Int8,        ///< stored as value + 128, for signed activations
  Int8Signed,  ///< stored as it is, for unsigned activations
  Int4,
  Int5,  ///< has kernels for few rows only: kernels/int5.h
};

/// Bytes of a packed matrix with n output channels of k inputs, as kernels.h lays it out; a multiple of 64.
std::int64_t packed_bytes(WeightFormat format, std::int32_t n, std::int32_t k);

/// Bytes of one tile of kTile channels.
std::int64_t packed_tile_bytes(WeightFormat format, std::int32_t k);

/// Quantizes tiles [tile_begin, tile_end) and writes them where they belong in `packed`, which holds the whole matrix.
/// `sums`, unless null: the sum of each existing channel's weights as quantized, from channel tile_begin * kTile on;
/// the others' entries are left alone.
/// A channel with a weight that is not finite gets NaN for a scale, so that what the model computes is NaN as with the
/// weights themselves.
void pack_tiles(const WeightMatrix& matrix, WeightFormat format, std::int32_t tile_begin, std::int32_t tile_end,
                std::uint8_t* packed, float* sums);

}  // namespace inferbench::cpu_quant
