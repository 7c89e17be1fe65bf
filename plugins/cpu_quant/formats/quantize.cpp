// SPDX-License-Identifier: Apache-2.0
#include "formats/quantize.hpp"

namespace inferbench::cpu_quant {

const Quantizer& quantizer() {
  static const bool kWide = __builtin_cpu_supports("avx2") != 0;
  return kWide ? kWideQuantizer : kNarrowQuantizer;
}

float int8_channel_scale(float most) {
  constexpr float kMostStep = 127.0F * 255.0F;
  return most / kMostStep;
}

}  // namespace inferbench::cpu_quant
