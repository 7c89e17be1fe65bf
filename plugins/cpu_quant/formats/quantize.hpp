// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

// All of these take finite weights; results depend on the weights only, not on the machine.

/// The scale S of an int8 channel whose largest magnitude is `most`: with multiplier 255 it reaches just there.
float int8_channel_scale(float most);

/// A group of one channel in 8 bits: weight i is about S * multiplier * values[i]. `weights`: kScaleGroup of them,
/// 16-byte aligned, zeros where the matrix has fewer; `scale`: the channel's S. No weight is clipped.
struct Int8Group {
  std::int8_t values[kScaleGroup];
  std::uint8_t multiplier;
};
void quantize_int8(const float* weights, float scale, Int8Group& group);

/// A super-block of one output channel in 4 or 5 bits: weight i is about scale * multipliers[i / kHalfGroup] *
/// (codes[i] - 8), or - 16; codes 0 to 15, or 31; multipliers 1 to 16. `weights`: kSuperBlock of them, 16-byte aligned,
/// zeros where the matrix has fewer.
struct CodeBlock {
  std::uint8_t codes[kSuperBlock];
  std::uint8_t multipliers[kSuperBlock / kHalfGroup];
  float scale;
};
template <int kBits>
void quantize_codes(const float* weights, CodeBlock& block);

/// The same, by registers of 256 bits (AVX2, which the processor must have) or of 128.
template <int kBits>
void quantize_codes(const float* weights, CodeBlock& block, bool wide);

}  // namespace inferbench::cpu_quant
