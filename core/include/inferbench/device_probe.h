/* SPDX-License-Identifier: Apache-2.0
 *
 * Extension "inferbench.device_probe.v1": what a device can do at best, so that a backend's speed can be compared with
 * it. Optional; a backend hands its table out by ib_backend.extension. The rules of backend.h hold here too. A host
 * measures its CPUs itself; it cannot run code on another device without that device's tools.
 */
#ifndef INFERBENCH_DEVICE_PROBE_H
#define INFERBENCH_DEVICE_PROBE_H

#include "inferbench/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IB_EXT_DEVICE_PROBE_V1 "inferbench.device_probe.v1"

/* What is measured. Each but the last is a rate per second; in operations, a multiply-add counts as two. */
#define IB_PROBE_READ 0        /* bytes: the device reads a buffer of `bytes` in its own memory, again and again */
#define IB_PROBE_FP32 1        /* operations, in binary32 */
#define IB_PROBE_BF16 2        /* operations: products of bfloat16, sums in binary32 */
#define IB_PROBE_INT8 3        /* operations: products of 8-bit integers, sums in 32 bits */
#define IB_PROBE_LAUNCH 4      /* starts of work that does nothing, one after the other without waiting for it */
#define IB_PROBE_ROUND_TRIP 5  /* the same, but each waits for the end of its work */
#define IB_PROBE_TO_DEVICE 6   /* bytes: copies of `bytes` from the host's memory */
#define IB_PROBE_FROM_DEVICE 7 /* bytes: copies of `bytes` to the host's memory */
#define IB_PROBE_CACHE 8       /* bytes of the last cache before the device's memory; nothing is timed */

typedef struct ib_device_probe_ext {
  uint64_t struct_size;
  /* Measures once, for some milliseconds after a warm-up, while no session of the context works. `bytes` is 0 for
   * probes that have no buffer. *rate is above 0; *how says what was run, such as "mma.sync", and lives as long as the
   * library.
   * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED (no such probe here), OUT_OF_MEMORY, DEVICE_LOST, INTERNAL. */
  ib_status (*run)(ib_context* context, int32_t probe, uint64_t bytes, double* rate, const char** how, ib_error* error);
} ib_device_probe_ext;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* INFERBENCH_DEVICE_PROBE_H */
