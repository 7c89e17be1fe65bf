// SPDX-License-Identifier: Apache-2.0
#include "lanes_sse2.h"
// The order matters: these are written over the Lanes above.
#include "quantize_codes.h"
#include "quantize_int8.h"

namespace inferbench::cpu_quant {

const Quantizer kNarrowQuantizer = {quantize_int8, quantize_codes<4>, quantize_codes<5>};

}  // namespace inferbench::cpu_quant
