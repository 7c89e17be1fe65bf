// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/layout.h"

namespace inferbench::cpu_quant {

// All of these take finite weights, kSuperBlock of one output channel, zeros where the matrix has fewer; results depend
// on the weights only, not on the machine.

/// The scale S of an int8 channel whose largest magnitude is `most`: with multiplier 255 it reaches just there.
float int8_channel_scale(float most);

/// A super-block in 8 bits: weight i is about S * multipliers[i / kScaleGroup] * values[i].
struct Int8Block {
  std::int8_t values[kSuperBlock];
  std::uint8_t multipliers[kSuperBlock / kScaleGroup];
};

/// A super-block in 4 or 5 bits: weight i is about scale * multipliers[i / kHalfGroup] * (codes[i] - 8), or - 16; codes
/// 0 to 15, or 31; multipliers 1 to 16.
struct CodeBlock {
  std::uint8_t codes[kSuperBlock];
  std::uint8_t multipliers[kSuperBlock / kHalfGroup];
  float scale;
};

/// What quantizes a super-block.
struct Quantizer {
  /// `scale`: the channel's S. No weight is clipped.
  void (*int8)(const float* weights, float scale, Int8Block& block);
  void (*int4)(const float* weights, CodeBlock& block);
  void (*int5)(const float* weights, CodeBlock& block);
};

/// By registers of 128 bits, and of 256 (AVX2, which the processor must have): the same bits.
extern const Quantizer kNarrowQuantizer;
extern const Quantizer kWideQuantizer;

/// The widest that this processor runs.
const Quantizer& quantizer();

}  // namespace inferbench::cpu_quant
