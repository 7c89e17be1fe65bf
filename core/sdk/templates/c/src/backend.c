/* SPDX-License-Identifier: Apache-2.0
 * The backend's side of inferbench/backend.h: checks, handles, and the table. The arithmetic is in forward.c. */
#include <stdlib.h>
#include <string.h>

#include "forward.h"

struct ib_context {
  const ib_host* host;
};

struct ib_session {
  const struct ib_model* model;
  int32_t n_slots, max_tokens;
  int64_t max_forward_tokens;
  int32_t* held;  /* [n_slots]: tokens that each slot holds */
  float* keys;    /* [n_slots, n_layers, max_tokens, n_kv_heads * head_dim] */
  float* values;  /* the same */
  float* logits;  /* [vocab_size], for IB_OUTPUT_GREEDY */
  size_t of_slot; /* floats of one slot in keys, and in values */
  struct scratch scratch;
  ib_session_info info;
};

static ib_status invalid(ib_error* error, const char* message) {
  return fail(error, IB_INVALID_ARGUMENT, message);
}

static ib_status init(const ib_init_params* params, ib_context** context, ib_error* error) {
  ib_context* made;
  if (!IB_HAS(ib_init_params, params, device)) return invalid(error, "ib_init_params is too short");
  if (params->n_threads < 1) return invalid(error, "n_threads must be at least 1");
  if (strcmp(params->device, "cpu") != 0) return fail(error, IB_UNSUPPORTED, "the only device is 'cpu'");
  made = malloc(sizeof(*made)); /* one thread is never more than n_threads */
  if (made == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  made->host = params->host;
  *context = made;
  return IB_OK;
}

static void shutdown_context(ib_context* context) {
  free(context);
}

/* ---- models ---- */

static void model_destroy(ib_model* model) {
  if (model == NULL) return;
  model_free(model);
  free(model);
}

static ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  ib_model* made;
  ib_status status;
  if (!IB_HAS(ib_model_params, params, folder)) return invalid(error, "ib_model_params is too short");
  if (!IB_HAS(ib_model_desc, params->desc, n_tensors)) return invalid(error, "ib_model_desc is too short");
  if (strcmp(params->precision, "fp32") != 0) return fail(error, IB_UNSUPPORTED, "the only precision is 'fp32'");
  made = calloc(1, sizeof(*made));
  if (made == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  made->host = context->host;
  status = model_load(made, params->desc, error);
  if (status != IB_OK) {
    model_destroy(made);
    return status;
  }
  *model = made;
  return IB_OK;
}

static const ib_model_info* model_info(const ib_model* model) {
  return &model->info;
}

/* ---- sessions ---- */

static void session_destroy(ib_session* session) {
  if (session == NULL) return;
  free(session->held);
  free(session->keys);
  free(session->values);
  free(session->logits);
  scratch_free(&session->scratch);
  free(session);
}

static ib_status check_session(const ib_model* model, const ib_session_params* params, ib_error* error) {
  if (!IB_HAS(ib_session_params, params, max_forward_tokens)) return invalid(error, "ib_session_params is too short");
  if (params->n_slots < 1) return invalid(error, "n_slots must be at least 1");
  if (params->max_tokens < 1 || params->max_tokens > model->desc.max_positions) {
    return invalid(error, "max_tokens must be 1 to the model's positions");
  }
  if (params->max_forward_tokens < 0) return invalid(error, "max_forward_tokens is negative");
  return IB_OK;
}

static ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session,
                                ib_error* error) {
  const ib_status status = check_session(model, params, error);
  size_t n_slots;
  ib_session* made;
  int good;
  if (status != IB_OK) return status;
  made = calloc(1, sizeof(*made));
  if (made == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  n_slots = (size_t)params->n_slots;
  made->model = model;
  made->n_slots = params->n_slots;
  made->max_tokens = params->max_tokens;
  made->max_forward_tokens = params->max_forward_tokens;
  if (made->max_forward_tokens == 0) made->max_forward_tokens = (int64_t)params->n_slots * params->max_tokens;
  made->of_slot = (size_t)model->desc.n_layers * (size_t)params->max_tokens * (size_t)kv_size(model);
  made->held = calloc(n_slots, sizeof(*made->held));
  made->keys = calloc(n_slots, made->of_slot * sizeof(float));
  made->values = calloc(n_slots, made->of_slot * sizeof(float));
  made->logits = calloc((size_t)model->desc.vocab_size, sizeof(float));
  good = scratch_alloc(&made->scratch, model, params->max_tokens);
  if (!good || made->held == NULL || made->keys == NULL || made->values == NULL || made->logits == NULL) {
    session_destroy(made);
    return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  }
  made->info.struct_size = sizeof(made->info);
  made->info.kv_bytes = 2 * n_slots * made->of_slot * sizeof(float);
  made->info.scratch_bytes =
      scratch_bytes(model, params->max_tokens) + (uint64_t)model->desc.vocab_size * sizeof(float);
  made->info.peak_bytes = model->info.weights_bytes + made->info.kv_bytes + made->info.scratch_bytes;
  *session = made;
  return IB_OK;
}

static const ib_session_info* session_info(const ib_session* session) {
  return &session->info;
}

/* ---- forward ---- */

static ib_status check_sequence(const ib_session* session, const ib_sequence* sequence, ib_error* error) {
  int32_t i;
  if (sequence->slot < 0 || sequence->slot >= session->n_slots) return invalid(error, "no such slot");
  if (sequence->n_tokens < 1 || sequence->tokens == NULL) return invalid(error, "a sequence has no tokens");
  if ((int64_t)session->held[sequence->slot] + sequence->n_tokens > session->max_tokens) {
    return invalid(error, "more tokens than max_tokens");
  }
  for (i = 0; i < sequence->n_tokens; ++i) {
    if (sequence->tokens[i] < 0 || sequence->tokens[i] >= session->model->desc.vocab_size) {
      return invalid(error, "a token is outside the vocabulary");
    }
  }
  return IB_OK;
}

/* Each sequence takes its part of the caller's buffers: rows of logits, or an id. */
static ib_status check_output(const ib_session* session, const ib_forward_params* params, ib_error* error) {
  const uint64_t vocab_size = (uint64_t)session->model->desc.vocab_size;
  uint64_t n_rows = 0, n_ids = 0;
  int32_t i;
  for (i = 0; i < params->n_sequences; ++i) {
    const ib_sequence* sequence = &params->sequences[i];
    switch (sequence->output) {
      case IB_OUTPUT_NONE:
        break;
      case IB_OUTPUT_LAST_LOGITS:
        n_rows += 1;
        break;
      case IB_OUTPUT_ALL_LOGITS:
        n_rows += (uint64_t)sequence->n_tokens;
        break;
      case IB_OUTPUT_GREEDY:
        n_ids += 1;
        break;
      default:
        return fail(error, IB_UNSUPPORTED, "unknown output");
    }
  }
  if (n_rows > 0 && (params->logits == NULL || params->logits_capacity < n_rows * vocab_size)) {
    return invalid(error, "the buffer for logits is too small");
  }
  if (n_ids > 0 && (params->ids == NULL || params->ids_capacity < n_ids)) {
    return invalid(error, "the buffer for ids is too small");
  }
  return IB_OK;
}

/* Everything that the header calls IB_INVALID_ARGUMENT, before anything changes. */
static ib_status check_forward(const ib_session* session, const ib_forward_params* params, ib_error* error) {
  int64_t n_tokens = 0;
  int32_t i, j;
  if (!IB_HAS(ib_forward_params, params, ids_capacity)) return invalid(error, "ib_forward_params is too short");
  if (params->n_sequences < 1 || params->sequences == NULL) return invalid(error, "there are no sequences");
  for (i = 0; i < params->n_sequences; ++i) {
    const ib_status status = check_sequence(session, &params->sequences[i], error);
    if (status != IB_OK) return status;
    for (j = 0; j < i; ++j) {
      if (params->sequences[j].slot == params->sequences[i].slot) return invalid(error, "a slot comes twice");
    }
    n_tokens += params->sequences[i].n_tokens;
  }
  if (n_tokens > session->max_forward_tokens) return invalid(error, "more tokens than max_forward_tokens");
  return check_output(session, params, error);
}

static int32_t argmax(const float* values, int32_t n) {
  int32_t best = 0, i;
  for (i = 1; i < n; ++i) {
    if (values[i] > values[best]) best = i; /* the lowest id where equal */
  }
  return best;
}

static ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const struct ib_model* model = session->model;
  float* logits = params->logits; /* where the next row of logits, and the next id, go */
  int32_t* ids = params->ids;
  int32_t i, j;
  const ib_status status = check_forward(session, params, error);
  if (status != IB_OK) return status;
  for (i = 0; i < params->n_sequences; ++i) {
    const ib_sequence* sequence = &params->sequences[i];
    float* keys = session->keys + (size_t)sequence->slot * session->of_slot;
    float* values = session->values + (size_t)sequence->slot * session->of_slot;
    for (j = 0; j < sequence->n_tokens; ++j) {
      const int is_last = j == sequence->n_tokens - 1;
      const int32_t position = session->held[sequence->slot] + j;
      if (!run_token(model, sequence->tokens[j], position, session->max_tokens, keys, values, &session->scratch)) {
        return fail(error, IB_CANCELLED, "cancelled by the host");
      }
      if (sequence->output == IB_OUTPUT_ALL_LOGITS || (is_last && sequence->output == IB_OUTPUT_LAST_LOGITS)) {
        write_logits(model, &session->scratch, logits);
        logits += model->desc.vocab_size;
      }
      if (is_last && sequence->output == IB_OUTPUT_GREEDY) {
        write_logits(model, &session->scratch, session->logits);
        *ids++ = argmax(session->logits, model->desc.vocab_size);
      }
    }
  }
  /* Only now: after a cancelled call each slot holds what it held before. */
  for (i = 0; i < params->n_sequences; ++i) {
    session->held[params->sequences[i].slot] += params->sequences[i].n_tokens;
  }
  return IB_OK;
}

static ib_status session_truncate(ib_session* session, int32_t slot, int32_t n_past, ib_error* error) {
  if (slot < 0 || slot >= session->n_slots) return invalid(error, "no such slot");
  if (n_past < 0 || n_past > session->held[slot]) return invalid(error, "n_past is beyond what the slot holds");
  session->held[slot] = n_past; /* later positions are overwritten before they are read */
  return IB_OK;
}

/* ---- the table ---- */

/* Name, one line about it, bits of a weight, whether linear layers multiply integers. */
static const ib_precision_info kPrecisions[] = {{"fp32", "fp32 weights and activations, double sums", 32, 0}};

IB_EXPORT const ib_backend inferbench_backend_v1 = {
    IB_BACKEND_HEADER, "@NAME@", "0.1.0", "C99, " __VERSION__, "Apache-2.0",
    "dense decoders in plain C, one thread, a token at a time",
    IB_FLAG_CONCURRENT_SESSIONS, /* a session has its own scratch; the model is only read */
    /* All of ABI 1.0. Leave out what you do not compute: the host then refuses the models that need it. */
    IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA, kPrecisions, sizeof(kPrecisions) / sizeof(kPrecisions[0]),
    NULL, /* options */
    0, 0, /* threads of drivers */
    0,    /* reserved */
    NULL, /* devices: only "cpu" */
    init, shutdown_context, model_create, model_destroy, model_info, session_create, session_destroy, session_info,
    forward, session_truncate, NULL, /* extension */
};
