// SPDX-License-Identifier: Apache-2.0
#include "vec_generic.h"
// The order matters: rows.h is written over the Vec above.
#include "parts.h"
#include "rows.h"

namespace inferbench::cpu_quant {

void add_rows_generic(KernelTable* table) {
  fill_rows(table);
}

}  // namespace inferbench::cpu_quant
