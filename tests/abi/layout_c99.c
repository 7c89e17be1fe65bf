/* SPDX-License-Identifier: Apache-2.0
 * backend.h and op_bench.h as strict C99, and their layout. All checks happen at compile time. */
#include "inferbench/op_bench.h"

/* C99 has no static assertion, so this uses an array of negative size, which does not compile. */
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define HOLDS(condition) typedef char JOIN(holds_, __LINE__)[(condition) ? 1 : -1]

#define SIZE(type, bytes) HOLDS(sizeof(type) == (bytes));
#define FIELD(type, field, offset, bytes) \
  HOLDS(offsetof(type, field) == (offset) && sizeof(((type*)0)->field) == (bytes));
#define VALUE(macro, value) HOLDS((macro) == (value));
#include "layout.inc"

/* In a struct of an older minor version, IB_HAS reports the newer fields as missing. */
int layout_c99_has_fields(void);
int layout_c99_has_fields(void) {
  ib_session_info info = {0};
  info.struct_size = offsetof(ib_session_info, peak_bytes);
  return IB_HAS(ib_session_info, &info, scratch_bytes) && !IB_HAS(ib_session_info, &info, peak_bytes);
}
