/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ib_status fail(ib_error* error, ib_status status, const char* message) {
  snprintf(error->message, sizeof(error->message), "%s", message);
  return status;
}

int is_cancelled(const ib_host* host) {
  return host != NULL && IB_HAS(ib_host, host, is_cancelled) && host->is_cancelled != NULL &&
         host->is_cancelled(host->user) != 0;
}

static void report_progress(const ib_host* host, double fraction) {
  if (host != NULL && IB_HAS(ib_host, host, progress) && host->progress != NULL) host->progress(host->user, fraction);
}

int32_t query_size(const struct ib_model* model) {
  return model->desc.n_heads * model->desc.head_dim;
}

int32_t kv_size(const struct ib_model* model) {
  return model->desc.n_kv_heads * model->desc.head_dim;
}

/* ---- numbers ---- */

/* IEEE 754 binary16: 1 sign bit, 5 bits of exponent, 10 bits of fraction. */
static float half_to_float(uint16_t half) {
  const int sign = half >> 15;
  const int exponent = (half >> 10) & 0x1f;
  const int fraction = half & 0x3ff;
  double value;
  if (exponent == 0x1f) {
    value = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = ldexp(fraction, -24);
  } else {
    value = ldexp(1024 + fraction, exponent - 25);
  }
  return (float)(sign ? -value : value);
}

/* bfloat16 is the upper half of a binary32. */
static float bfloat_to_float(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof(value));
  return value;
}

static uint64_t bytes_of(int32_t dtype) {
  if (dtype == IB_DTYPE_F32) return 4;
  if (dtype == IB_DTYPE_F16 || dtype == IB_DTYPE_BF16) return 2;
  return 0; /* unknown */
}

/* The element that is `index` elements after the first one. */
static float element(const ib_tensor* tensor, int64_t index) {
  switch (tensor->dtype) {
    case IB_DTYPE_F32:
      return ((const float*)tensor->data)[index];
    case IB_DTYPE_F16:
      return half_to_float(((const uint16_t*)tensor->data)[index]);
    default:
      return bfloat_to_float(((const uint16_t*)tensor->data)[index]);
  }
}

/* ---- tensors by name ---- */

/* Takes tensors one after the other; after the first failure it does nothing more. */
struct loader {
  struct ib_model* model;
  const ib_model_desc* desc; /* the host's */
  ib_error* error;
  ib_status status;
  int32_t layer; /* -1: outside the layers */
};

/* The tensor `name`, with `part` after it, of `rows` x `columns`, or of rank 1 where `columns` is 0; else NULL. */
static const ib_tensor* find(struct loader* loader, const char* name, const char* part, int64_t rows, int64_t columns) {
  const ib_tensor* tensor = NULL;
  char full[96], message[200];
  uint64_t i, n;
  if (loader->layer < 0) {
    snprintf(full, sizeof(full), "%s%s", name, part);
  } else {
    snprintf(full, sizeof(full), "layer.%d.%s%s", loader->layer, name, part);
  }
  for (i = 0; i < loader->desc->n_tensors && tensor == NULL; ++i) {
    if (strcmp(loader->desc->tensors[i].name, full) == 0) tensor = &loader->desc->tensors[i];
  }
  if (tensor == NULL) {
    snprintf(message, sizeof(message), "tensor '%s' is missing", full);
    loader->status = fail(loader->error, IB_INVALID_ARGUMENT, message);
    return NULL;
  }
  if (bytes_of(tensor->dtype) == 0) {
    snprintf(message, sizeof(message), "tensor '%s' has an unknown dtype", full);
    loader->status = fail(loader->error, IB_UNSUPPORTED, message);
    return NULL;
  }
  /* Up to the end of the last element, as ib_tensor counts its bytes. */
  n = (uint64_t)(rows - 1) * (uint64_t)tensor->strides[0] + 1;
  if (columns > 0) n += (uint64_t)(columns - 1) * (uint64_t)tensor->strides[1];
  if (tensor->rank != (columns == 0 ? 1 : 2) || tensor->shape[0] != rows || tensor->shape[1] != columns ||
      tensor->n_bytes != n * bytes_of(tensor->dtype)) {
    snprintf(message, sizeof(message), "tensor '%s' has another shape than the model's sizes ask for", full);
    loader->status = fail(loader->error, IB_INVALID_ARGUMENT, message);
    return NULL;
  }
  return tensor;
}

/* A copy of that tensor, dense: [rows, columns], or [rows]. */
static const float* take(struct loader* loader, const char* name, const char* part, int64_t rows, int64_t columns) {
  struct ib_model* model = loader->model;
  const int64_t n_columns = columns == 0 ? 1 : columns;
  const ib_tensor* tensor;
  float* taken;
  int64_t i, j;
  if (loader->status != IB_OK) return NULL;
  tensor = find(loader, name, part, rows, columns);
  if (tensor == NULL) return NULL;
  if (is_cancelled(model->host)) {
    loader->status = fail(loader->error, IB_CANCELLED, "cancelled by the host");
    return NULL;
  }
  taken = malloc((size_t)rows * (size_t)n_columns * sizeof(*taken));
  if (taken == NULL) {
    loader->status = fail(loader->error, IB_OUT_OF_MEMORY, "out of memory");
    return NULL;
  }
  model->weights[model->n_weights++] = taken; /* each tensor is taken once, so there is room */
  for (i = 0; i < rows; ++i) {
    for (j = 0; j < n_columns; ++j) {
      taken[i * n_columns + j] = element(tensor, i * tensor->strides[0] + j * tensor->strides[1]);
    }
  }
  model->info.weights_bytes += (uint64_t)rows * (uint64_t)n_columns * sizeof(*taken);
  report_progress(model->host, (double)model->n_weights / (double)loader->desc->n_tensors);
  return taken;
}

static struct norm take_norm(struct loader* loader, const char* name) {
  struct norm norm = {NULL, NULL};
  norm.weight = take(loader, name, ".weight", loader->desc->hidden_size, 0);
  if (loader->desc->norm == IB_NORM_LAYER) norm.bias = take(loader, name, ".bias", loader->desc->hidden_size, 0);
  return norm;
}

static struct linear take_linear(struct loader* loader, const char* name, int32_t n_out, int32_t n_in, int has_bias) {
  struct linear linear = {n_out, n_in, NULL, NULL};
  linear.weight = take(loader, name, ".weight", n_out, n_in);
  if (has_bias) linear.bias = take(loader, name, ".bias", n_out, 0);
  return linear;
}

static void take_layer(struct loader* loader, int32_t index, struct layer* layer) {
  const ib_model_desc* desc = loader->desc;
  const int32_t hidden = desc->hidden_size, intermediate = desc->intermediate_size;
  const int32_t of_query = query_size(loader->model), of_kv = kv_size(loader->model);
  loader->layer = index;
  layer->desc = desc->layers[index];
  layer->attn_norm = take_norm(loader, "attn_norm");
  layer->attn_q = take_linear(loader, "attn_q", of_query, hidden, desc->qkv_bias);
  layer->attn_k = take_linear(loader, "attn_k", of_kv, hidden, desc->qkv_bias);
  layer->attn_v = take_linear(loader, "attn_v", of_kv, hidden, desc->qkv_bias);
  if (desc->qk_norm) {
    layer->attn_q_norm.weight = take(loader, "attn_q_norm", ".weight", desc->head_dim, 0);
    layer->attn_k_norm.weight = take(loader, "attn_k_norm", ".weight", desc->head_dim, 0);
  }
  layer->attn_out = take_linear(loader, "attn_out", hidden, of_query, desc->attn_out_bias);
  if (desc->post_norm) layer->attn_post_norm = take_norm(loader, "attn_post_norm");
  layer->mlp_norm = take_norm(loader, "mlp_norm");
  if (desc->gated) layer->mlp_gate = take_linear(loader, "mlp_gate", intermediate, hidden, desc->mlp_bias);
  layer->mlp_up = take_linear(loader, "mlp_up", intermediate, hidden, desc->mlp_bias);
  layer->mlp_down = take_linear(loader, "mlp_down", hidden, intermediate, desc->mlp_bias);
  if (desc->post_norm) layer->mlp_post_norm = take_norm(loader, "mlp_post_norm");
  loader->layer = -1;
}

/* ---- the model ---- */

static ib_status check_desc(const ib_model_desc* desc, ib_error* error) {
  int32_t i;
  if (desc->n_layers < 1 || desc->n_heads < 1 || desc->n_kv_heads < 1 || desc->head_dim < 1 || desc->hidden_size < 1 ||
      desc->intermediate_size < 1 || desc->max_positions < 1 || desc->vocab_size < 1) {
    return fail(error, IB_INVALID_ARGUMENT, "all sizes must be at least 1");
  }
  if (desc->n_heads % desc->n_kv_heads != 0) {
    return fail(error, IB_INVALID_ARGUMENT, "n_heads is not a multiple of n_kv_heads");
  }
  for (i = 0; i < desc->n_layers; ++i) {
    const int32_t table = desc->layers[i].rotary_table;
    if (table < -1 || table >= desc->n_rotary_tables || (table >= 0 && desc->head_dim % 2 != 0)) {
      return fail(error, IB_INVALID_ARGUMENT, "a layer has no such rotary table, or its heads have an odd size");
    }
  }
  /* Codes that this backend does not know may come from a later ABI. */
  if (desc->norm < IB_NORM_LAYER || desc->norm > IB_NORM_RMS) return fail(error, IB_UNSUPPORTED, "unknown norm");
  if (desc->activation < IB_ACTIVATION_GELU_TANH || desc->activation > IB_ACTIVATION_SILU) {
    return fail(error, IB_UNSUPPORTED, "unknown activation");
  }
  return IB_OK;
}

/* Our copy of the host's description: sizes, flags and rotary tables. Returns 0 where memory is out. */
static int copy_desc(struct ib_model* model, const ib_model_desc* desc) {
  const size_t n_tables = (size_t)desc->n_rotary_tables;
  const size_t n_frequencies = n_tables * (size_t)(desc->head_dim / 2);
  model->desc = *desc;
  model->desc.layers = NULL;
  model->desc.rotary_frequencies = model->desc.rotary_scales = NULL;
  model->desc.tensors = NULL;
  model->layers = calloc((size_t)desc->n_layers, sizeof(*model->layers));
  model->weights = calloc((size_t)desc->n_tensors, sizeof(*model->weights));
  if (model->layers == NULL || model->weights == NULL) return 0;
  if (n_tables == 0) return 1;
  model->rotary_frequencies = malloc(n_frequencies * sizeof(double));
  model->rotary_scales = malloc(n_tables * sizeof(double));
  if (model->rotary_frequencies == NULL || model->rotary_scales == NULL) return 0;
  memcpy(model->rotary_frequencies, desc->rotary_frequencies, n_frequencies * sizeof(double));
  memcpy(model->rotary_scales, desc->rotary_scales, n_tables * sizeof(double));
  return 1;
}

static void describe(struct ib_model* model) {
  const uint64_t row = (uint64_t)model->desc.hidden_size * sizeof(float);
  model->info.struct_size = sizeof(model->info);
  model->info.device = "cpu";
  model->info.kernels = "plain C, one thread";
  /* A step reads all weights, but one row of each embedding. A tied head reads all of token_embedding. */
  model->info.decode_weights_bytes = model->info.weights_bytes;
  if (model->desc.learned_positions) {
    model->info.decode_weights_bytes -= (uint64_t)(model->desc.max_positions - 1) * row;
  }
  if (!model->desc.tied_head) model->info.decode_weights_bytes -= (uint64_t)(model->desc.vocab_size - 1) * row;
}

ib_status model_load(struct ib_model* model, const ib_model_desc* desc, ib_error* error) {
  struct loader loader = {model, desc, error, IB_OK, -1};
  const ib_status status = check_desc(desc, error);
  int32_t i;
  if (status != IB_OK) return status;
  if (!copy_desc(model, desc)) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  model->token_embedding = take(&loader, "token_embedding", ".weight", desc->vocab_size, desc->hidden_size);
  if (desc->learned_positions) {
    model->position_embedding = take(&loader, "position_embedding", ".weight", desc->max_positions, desc->hidden_size);
  }
  for (i = 0; i < desc->n_layers; ++i) take_layer(&loader, i, &model->layers[i]);
  model->final_norm = take_norm(&loader, "final_norm");
  model->head =
      desc->tied_head ? model->token_embedding : take(&loader, "head", ".weight", desc->vocab_size, desc->hidden_size);
  if (loader.status == IB_OK) describe(model);
  return loader.status;
}

void model_free(struct ib_model* model) {
  uint64_t i;
  for (i = 0; i < model->n_weights; ++i) free(model->weights[i]);
  free(model->weights);
  free(model->layers);
  free(model->rotary_frequencies);
  free(model->rotary_scales);
}
