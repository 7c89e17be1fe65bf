/* SPDX-License-Identifier: Apache-2.0
 *
 * A function with every struct of backend.h and op_bench.h in its signature, so that the debug information describes
 * all of them. The table reaches most structs, but not the profile events, the profile extension's table, and the
 * structs of the operator extension. */
#include "inferbench/op_bench.h"

IB_EXPORT int32_t inferbench_abi_surface(const ib_backend* table, const ib_tensor* tensor, const ib_model_desc* desc,
                                         const ib_option_value* value, const ib_host* host,
                                         const ib_profile_ext* profile, const ib_profile_event* event,
                                         const ib_sequence* sequence, const ib_op_bench_ext* op_bench,
                                         const ib_op_desc* op_desc, const ib_op_info* op_info);

int32_t inferbench_abi_surface(const ib_backend* table, const ib_tensor* tensor, const ib_model_desc* desc,
                               const ib_option_value* value, const ib_host* host, const ib_profile_ext* profile,
                               const ib_profile_event* event, const ib_sequence* sequence,
                               const ib_op_bench_ext* op_bench, const ib_op_desc* op_desc, const ib_op_info* op_info) {
  return table != 0 && tensor != 0 && desc != 0 && value != 0 && host != 0 && profile != 0 && event != 0 &&
         sequence != 0 && op_bench != 0 && op_desc != 0 && op_info != 0;
}
