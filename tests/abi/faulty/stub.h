/* SPDX-License-Identifier: Apache-2.0
 *
 * A table that passes every check and does nothing. Each plugin in this folder breaks it in one place.
 * In the initializer of the table, STUB_TABLE(name, precisions, options) follows IB_BACKEND_HEADER.
 * The pieces in order: STUB_STRINGS, flags, STUB_FEATURES, STUB_ARRAYS, STUB_DRIVER_THREADS, init, STUB_FUNCTIONS.
 */
#ifndef INFERBENCH_TESTS_FAULTY_STUB_H
#define INFERBENCH_TESTS_FAULTY_STUB_H

#include <stddef.h>

#include "inferbench/backend.h"

#define STUB_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static ib_status stub_init(const ib_init_params* params, ib_context** context, ib_error* error) {
  (void)params, (void)context;
  error->message[0] = '\0';
  return IB_UNSUPPORTED;
}
static void stub_shutdown(ib_context* context) {
  (void)context;
}
static ib_status stub_model_create(ib_context* context, const ib_model_params* params, ib_model** model,
                                   ib_error* error) {
  (void)context, (void)params, (void)model;
  error->message[0] = '\0';
  return IB_UNSUPPORTED;
}
static void stub_model_destroy(ib_model* model) {
  (void)model;
}
// NOLINTBEGIN(modernize-use-nullptr,readability-identifier-naming): also read as C
static const ib_model_info* stub_model_info(const ib_model* model) {
  (void)model;
  return NULL;
}
static ib_status stub_session_create(ib_model* model, const ib_session_params* params, ib_session** session,
                                     ib_error* error) {
  (void)model, (void)params, (void)session;
  error->message[0] = '\0';
  return IB_UNSUPPORTED;
}
static void stub_session_destroy(ib_session* session) {
  (void)session;
}
static const ib_session_info* stub_session_info(const ib_session* session) {
  (void)session;
  return NULL;
}
static ib_status stub_forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  (void)session, (void)params;
  error->message[0] = '\0';
  return IB_UNSUPPORTED;
}
static ib_status stub_truncate(ib_session* session, int32_t slot, int32_t n_past, ib_error* error) {
  (void)session, (void)slot, (void)n_past;
  error->message[0] = '\0';
  return IB_UNSUPPORTED;
}

static const ib_precision_info stub_precisions[] = {{"fp32", "none", 32, 0}};
static const ib_option_info stub_options[] = {{"tile", IB_OPTION_INT, 0, "8", 1, 64, NULL, "none"}};

// NOLINTEND(modernize-use-nullptr,readability-identifier-naming)

#define STUB_STRINGS(name) name, "1.0.0", "test", "Apache-2.0", "a table of the tests"
#define STUB_ARRAYS(precisions, options) precisions, STUB_LENGTH(precisions), options, STUB_LENGTH(options)
#define STUB_FEATURES IB_FEATURES_GPT2
/* No threads of drivers, reserved, only the device "cpu". */
#define STUB_DRIVER_THREADS 0, 0, NULL
/* The functions after init. */
#define STUB_FUNCTIONS                                                                                              \
  stub_shutdown, stub_model_create, stub_model_destroy, stub_model_info, stub_session_create, stub_session_destroy, \
      stub_session_info, stub_forward, stub_truncate, NULL

#define STUB_TABLE(name, precisions, options) \
  STUB_STRINGS(name), 0, STUB_FEATURES, STUB_ARRAYS(precisions, options), STUB_DRIVER_THREADS, stub_init, STUB_FUNCTIONS

#endif /* INFERBENCH_TESTS_FAULTY_STUB_H */
