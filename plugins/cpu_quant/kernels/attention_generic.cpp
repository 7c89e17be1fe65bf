// SPDX-License-Identifier: Apache-2.0
#include "vec_generic.h"
// The order matters: attention.h is written over the Vec above.
#include "attention.h"
#include "parts.h"

namespace inferbench::cpu_quant {

void add_attention_generic(KernelTable* table) {
  fill_attention(table, FetchAhead::Nowhere);
}

}  // namespace inferbench::cpu_quant
