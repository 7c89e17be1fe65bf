// SPDX-License-Identifier: Apache-2.0
#include "vec_avx512.h"
// The order matters: attention.h is written over the Vec above.
#include "attention.h"
#include "parts.h"

namespace inferbench::cpu_quant {

void add_attention_avx512(KernelTable* table, FetchAhead ahead) {
  fill_attention(table, ahead);
}

}  // namespace inferbench::cpu_quant
