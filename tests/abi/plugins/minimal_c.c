/* SPDX-License-Identifier: Apache-2.0
 *
 * A complete backend in plain C99, small enough to read in one go. It runs no model: after token t at position p (from
 * 0) the most likely next token is f = (t + step * (p + 1)) mod vocab_size, and the logit of v is -|v - f|, or
 * +|v - f| with option `order: far`. minimal_rust.rs gives the same numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inferbench/backend.h"

struct ib_context {
  const ib_host* host;
};

struct ib_model {
  ib_context* context;
  int32_t max_positions;
  int32_t vocab_size;
  int64_t step;
  int32_t far;
  ib_model_info info;
};

struct ib_session {
  const ib_model* model;
  int32_t n_slots;
  int32_t max_tokens;
  int64_t max_forward_tokens;
  int32_t* held; /* tokens per slot */
  ib_session_info info;
};

static ib_status fail(ib_error* error, ib_status status, const char* message) {
  snprintf(error->message, sizeof(error->message), "%s", message);
  return status;
}

static ib_status invalid(ib_error* error, const char* message) {
  return fail(error, IB_INVALID_ARGUMENT, message);
}

static int is_cancelled(const ib_host* host) {
  return host != NULL && IB_HAS(ib_host, host, is_cancelled) && host->is_cancelled != NULL &&
         host->is_cancelled(host->user) != 0;
}

static void report_progress(const ib_host* host, double fraction) {
  if (host != NULL && IB_HAS(ib_host, host, progress) && host->progress != NULL) host->progress(host->user, fraction);
}

static ib_status init(const ib_init_params* params, ib_context** context, ib_error* error) {
  ib_context* made;
  if (!IB_HAS(ib_init_params, params, device)) return invalid(error, "ib_init_params is too short");
  if (params->n_threads < 1) return invalid(error, "n_threads must be at least 1");
  if (strcmp(params->device, "cpu") != 0) return fail(error, IB_UNSUPPORTED, "the only device is 'cpu'");
  made = malloc(sizeof(*made));
  if (made == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  made->host = params->host;
  *context = made;
  return IB_OK;
}

static void shutdown_context(ib_context* context) {
  free(context);
}

static ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  ib_model* made;
  uint64_t i;
  if (!IB_HAS(ib_model_params, params, folder)) return invalid(error, "ib_model_params is too short");
  if (!IB_HAS(ib_model_desc, params->desc, n_tensors)) return invalid(error, "ib_model_desc is too short");
  if (strcmp(params->precision, "none") != 0) return fail(error, IB_UNSUPPORTED, "the only precision is 'none'");
  made = calloc(1, sizeof(*made));
  if (made == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  made->context = context;
  made->max_positions = params->desc->max_positions;
  made->vocab_size = params->desc->vocab_size;
  made->step = 1;
  for (i = 0; i < params->n_options; ++i) {
    const ib_option_value* option = &params->options[i];
    if (strcmp(option->key, "step") == 0) made->step = option->integer;
    if (strcmp(option->key, "order") == 0) made->far = strcmp(option->text, "far") == 0;
  }
  made->info.struct_size = sizeof(made->info);
  made->info.device = "cpu";
  made->info.kernels = "none";
  for (i = 0; i <= 10; ++i) {
    report_progress(context->host, (double)i / 10);
    if (is_cancelled(context->host)) {
      free(made);
      return fail(error, IB_CANCELLED, "cancelled by the host");
    }
  }
  *model = made;
  return IB_OK;
}

static void model_destroy(ib_model* model) {
  free(model);
}

static const ib_model_info* model_info(const ib_model* model) {
  return &model->info;
}

static ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session,
                                ib_error* error) {
  ib_session* made;
  if (!IB_HAS(ib_session_params, params, max_forward_tokens)) return invalid(error, "ib_session_params is too short");
  if (params->n_slots < 1) return invalid(error, "n_slots must be at least 1");
  if (params->max_tokens < 1 || params->max_tokens > model->max_positions) {
    return invalid(error, "max_tokens must be 1 to the model's positions");
  }
  if (params->max_forward_tokens < 0) return invalid(error, "max_forward_tokens is negative");
  made = calloc(1, sizeof(*made));
  if (made != NULL) made->held = calloc((size_t)params->n_slots, sizeof(*made->held));
  if (made == NULL || made->held == NULL) {
    free(made);
    return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  }
  made->model = model;
  made->n_slots = params->n_slots;
  made->max_tokens = params->max_tokens;
  made->max_forward_tokens = params->max_forward_tokens;
  if (made->max_forward_tokens == 0) made->max_forward_tokens = (int64_t)params->n_slots * params->max_tokens;
  made->info.struct_size = sizeof(made->info);
  made->info.kv_bytes = (uint64_t)params->n_slots * sizeof(*made->held);
  made->info.peak_bytes = made->info.kv_bytes + sizeof(*made);
  *session = made;
  return IB_OK;
}

static void session_destroy(ib_session* session) {
  if (session == NULL) return;
  free(session->held);
  free(session);
}

static const ib_session_info* session_info(const ib_session* session) {
  return &session->info;
}

/* Checks for everything that the header calls IB_INVALID_ARGUMENT, before any state changes. */
static ib_status check_forward(const ib_session* session, const ib_forward_params* params, ib_error* error) {
  const int32_t vocab_size = session->model->vocab_size;
  int64_t n_tokens = 0;
  uint64_t n_rows = 0, n_ids = 0; /* of logits, of ids */
  int32_t i, j;
  if (!IB_HAS(ib_forward_params, params, ids_capacity)) return invalid(error, "ib_forward_params is too short");
  if (params->n_sequences < 1 || params->sequences == NULL) return invalid(error, "there are no sequences");
  for (i = 0; i < params->n_sequences; ++i) {
    const ib_sequence* sequence = &params->sequences[i];
    if (sequence->slot < 0 || sequence->slot >= session->n_slots) return invalid(error, "no such slot");
    for (j = 0; j < i; ++j) {
      if (params->sequences[j].slot == sequence->slot) return invalid(error, "a slot comes twice");
    }
    if (sequence->n_tokens < 1 || sequence->tokens == NULL) return invalid(error, "a sequence has no tokens");
    if ((int64_t)session->held[sequence->slot] + sequence->n_tokens > session->max_tokens) {
      return invalid(error, "more tokens than max_tokens");
    }
    for (j = 0; j < sequence->n_tokens; ++j) {
      if (sequence->tokens[j] < 0 || sequence->tokens[j] >= vocab_size) {
        return invalid(error, "a token is outside the vocabulary");
      }
    }
    n_tokens += sequence->n_tokens;
    switch (sequence->output) {
      case IB_OUTPUT_NONE:
        break;
      case IB_OUTPUT_LAST_LOGITS:
        ++n_rows;
        break;
      case IB_OUTPUT_ALL_LOGITS:
        n_rows += (uint64_t)sequence->n_tokens;
        break;
      case IB_OUTPUT_GREEDY:
        ++n_ids;
        break;
      default:
        return fail(error, IB_UNSUPPORTED, "unknown output");
    }
  }
  if (n_tokens > session->max_forward_tokens) return invalid(error, "more tokens than max_forward_tokens");
  if (n_rows > 0 && (params->logits == NULL || params->logits_capacity < n_rows * (uint64_t)vocab_size)) {
    return invalid(error, "the buffer for logits is too small");
  }
  if (n_ids > 0 && (params->ids == NULL || params->ids_capacity < n_ids)) {
    return invalid(error, "the buffer for ids is too small");
  }
  return IB_OK;
}

/* The most likely token after `token` at `position`. */
static int32_t favourite(const ib_model* model, int32_t token, int32_t position) {
  return (int32_t)((token + model->step * ((int64_t)position + 1)) % model->vocab_size);
}

static void write_logits(const ib_model* model, int32_t token, int32_t position, float* logits) {
  const int32_t best = favourite(model, token, position);
  int32_t v;
  for (v = 0; v < model->vocab_size; ++v) {
    const float distance = (float)(v > best ? v - best : best - v);
    logits[v] = model->far ? distance : -distance;
  }
}

static int32_t greedy(const ib_model* model, int32_t token, int32_t position) {
  const int32_t best = favourite(model, token, position);
  if (!model->far) return best;
  return best >= model->vocab_size - 1 - best ? 0 : model->vocab_size - 1; /* the lowest id if logits are equal */
}

static ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const ib_model* model = session->model;
  float* logits = params->logits; /* where the next row, and the next id, of the call go */
  int32_t* ids = params->ids;
  int32_t i, j;
  const ib_status status = check_forward(session, params, error);
  if (status != IB_OK) return status;
  if (is_cancelled(model->context->host)) return fail(error, IB_CANCELLED, "cancelled by the host");
  for (i = 0; i < params->n_sequences; ++i) {
    const ib_sequence* sequence = &params->sequences[i];
    const int32_t past = session->held[sequence->slot];
    for (j = 0; j < sequence->n_tokens; ++j) {
      const int is_last = j == sequence->n_tokens - 1;
      if (sequence->output == IB_OUTPUT_ALL_LOGITS || (is_last && sequence->output == IB_OUTPUT_LAST_LOGITS)) {
        write_logits(model, sequence->tokens[j], past + j, logits);
        logits += model->vocab_size;
      }
      if (is_last && sequence->output == IB_OUTPUT_GREEDY) *ids++ = greedy(model, sequence->tokens[j], past + j);
    }
    session->held[sequence->slot] = past + sequence->n_tokens;
  }
  return IB_OK;
}

static ib_status session_truncate(ib_session* session, int32_t slot, int32_t n_past, ib_error* error) {
  if (slot < 0 || slot >= session->n_slots) return invalid(error, "no such slot");
  if (n_past < 0 || n_past > session->held[slot]) return invalid(error, "n_past is beyond what the slot holds");
  session->held[slot] = n_past;
  return IB_OK;
}

static const ib_precision_info kPrecisions[] = {{"none", "no weights are read", 32, 0}};

static const char* const kOrders[] = {"near", "far", NULL};
static const ib_option_info kOptions[] = {
    {"step", IB_OPTION_INT, 0, "1", 0, 1000, NULL, "how far the likeliest token moves with each position"},
    {"order", IB_OPTION_CHOICE, 0, "near", 0, 0, kOrders, "whether near or far tokens are likely"},
};

IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER,
    "minimal_c",
    "1.0.0",
    "C99, " __VERSION__,
    "Apache-2.0",
    "the smallest whole backend in plain C; runs no model",
    0,
    IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA, /* it runs no model, so it accepts any */
    kPrecisions,
    sizeof(kPrecisions) / sizeof(kPrecisions[0]),
    kOptions,
    sizeof(kOptions) / sizeof(kOptions[0]),
    0,    /* threads of drivers */
    0,    /* reserved */
    NULL, /* devices: only "cpu" */
    init,
    shutdown_context,
    model_create,
    model_destroy,
    model_info,
    session_create,
    session_destroy,
    session_info,
    forward,
    session_truncate,
    NULL,
};
