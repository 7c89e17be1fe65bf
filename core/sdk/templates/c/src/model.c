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

static void copy_as_float(const ib_tensor* tensor, uint64_t n, float* to) {
  const uint16_t* halves = tensor->data;
  uint64_t i;
  if (tensor->dtype == IB_DTYPE_F32) {
    memcpy(to, tensor->data, n * sizeof(*to));
    return;
  }
  for (i = 0; i < n; ++i) {
    to[i] = tensor->dtype == IB_DTYPE_F16 ? half_to_float(halves[i]) : bfloat_to_float(halves[i]);
  }
}

/* ---- tensors by name ---- */

/* Takes tensors one after the other into the model's memory; after the first failure it does nothing more. */
struct loader {
  const ib_model_desc* desc;
  const ib_host* host;
  ib_error* error;
  ib_status status;
  float* next;
  uint64_t n_taken;
};

/* The tensor `name` of `rows` x `columns`, or of rank 1 where `columns` is 0. */
static const float* take(struct loader* loader, const char* name, int64_t rows, int64_t columns) {
  const int32_t rank = columns == 0 ? 1 : 2;
  const uint64_t n = (uint64_t)rows * (uint64_t)(columns == 0 ? 1 : columns);
  const ib_tensor* tensor = NULL;
  float* taken = loader->next;
  char message[200];
  uint64_t i;
  if (loader->status != IB_OK) return NULL;
  for (i = 0; i < loader->desc->n_tensors && tensor == NULL; ++i) {
    if (strcmp(loader->desc->tensors[i].name, name) == 0) tensor = &loader->desc->tensors[i];
  }
  if (tensor == NULL) {
    snprintf(message, sizeof(message), "tensor '%s' is missing", name);
    loader->status = fail(loader->error, IB_INVALID_ARGUMENT, message);
  } else if (bytes_of(tensor->dtype) == 0) {
    snprintf(message, sizeof(message), "tensor '%s' is of an unknown dtype", name);
    loader->status = fail(loader->error, IB_UNSUPPORTED, message);
  } else if (tensor->rank != rank || tensor->shape[0] != rows || tensor->shape[1] != columns ||
             tensor->n_bytes != n * bytes_of(tensor->dtype)) {
    snprintf(message, sizeof(message), "tensor '%s' is not of the shape that the sizes ask for", name);
    loader->status = fail(loader->error, IB_INVALID_ARGUMENT, message);
  } else if (is_cancelled(loader->host)) {
    loader->status = fail(loader->error, IB_CANCELLED, "cancelled by the host");
  }
  if (loader->status != IB_OK) return NULL;
  copy_as_float(tensor, n, taken);
  loader->next += n;
  loader->n_taken += 1;
  report_progress(loader->host, (double)loader->n_taken / (double)loader->desc->n_tensors);
  return taken;
}

static const float* take_of_layer(struct loader* loader, int32_t layer, const char* name, int64_t rows,
                                  int64_t columns) {
  char full[64];
  snprintf(full, sizeof(full), "h.%d.%s", layer, name);
  return take(loader, full, rows, columns);
}

static void take_layer(struct loader* loader, int32_t i, int64_t width, int64_t inner, struct layer* layer) {
  layer->ln_1_weight = take_of_layer(loader, i, "ln_1.weight", width, 0);
  layer->ln_1_bias = take_of_layer(loader, i, "ln_1.bias", width, 0);
  layer->c_attn_weight = take_of_layer(loader, i, "attn.c_attn.weight", width, 3 * width);
  layer->c_attn_bias = take_of_layer(loader, i, "attn.c_attn.bias", 3 * width, 0);
  layer->c_proj_weight = take_of_layer(loader, i, "attn.c_proj.weight", width, width);
  layer->c_proj_bias = take_of_layer(loader, i, "attn.c_proj.bias", width, 0);
  layer->ln_2_weight = take_of_layer(loader, i, "ln_2.weight", width, 0);
  layer->ln_2_bias = take_of_layer(loader, i, "ln_2.bias", width, 0);
  layer->c_fc_weight = take_of_layer(loader, i, "mlp.c_fc.weight", width, inner);
  layer->c_fc_bias = take_of_layer(loader, i, "mlp.c_fc.bias", inner, 0);
  layer->mlp_c_proj_weight = take_of_layer(loader, i, "mlp.c_proj.weight", inner, width);
  layer->mlp_c_proj_bias = take_of_layer(loader, i, "mlp.c_proj.bias", width, 0);
}

/* ---- the model ---- */

static ib_status check_sizes(const ib_model_desc* desc, ib_error* error) {
  if (desc->n_layers < 1 || desc->n_heads < 1 || desc->width < 1 || desc->inner < 1 || desc->context < 1 ||
      desc->vocab < 1) {
    return fail(error, IB_INVALID_ARGUMENT, "layers, heads, width, inner, context and vocab must be at least 1");
  }
  if (desc->width % desc->n_heads != 0) {
    return fail(error, IB_INVALID_ARGUMENT, "width is not a multiple of the heads");
  }
  if (desc->activation < IB_ACTIVATION_GELU_TANH || desc->activation > IB_ACTIVATION_RELU) {
    return fail(error, IB_UNSUPPORTED, "unknown activation");
  }
  return IB_OK;
}

static void describe(struct ib_model* model, uint64_t n_floats) {
  const uint64_t row = (uint64_t)model->width * sizeof(float);
  const int tied = model->head == model->wte;
  model->info.struct_size = sizeof(model->info);
  model->info.weights_bytes = n_floats * sizeof(float);
  /* A step reads all but the embeddings, of which it reads one row; a tied head reads all of wte. */
  model->info.decode_weights_bytes = model->info.weights_bytes - (uint64_t)(model->context - 1) * row;
  if (!tied) model->info.decode_weights_bytes -= (uint64_t)(model->vocab - 1) * row;
  model->info.device = "cpu";
  model->info.kernels = "plain C, one thread";
}

ib_status model_load(struct ib_model* model, const ib_model_desc* desc, ib_error* error) {
  const uint64_t width = (uint64_t)desc->width, inner = (uint64_t)desc->inner;
  const uint64_t of_layer = 4 * width * width + 2 * width * inner + 9 * width + inner;
  uint64_t n_floats;
  struct loader loader = {desc, model->host, error, IB_OK, NULL, 0};
  const ib_status status = check_sizes(desc, error);
  int32_t i;
  if (status != IB_OK) return status;
  model->n_layers = desc->n_layers;
  model->n_heads = desc->n_heads;
  model->width = desc->width;
  model->inner = desc->inner;
  model->context = desc->context;
  model->vocab = desc->vocab;
  model->activation = desc->activation;
  model->scale_attn_weights = desc->scale_attn_weights;
  model->scale_attn_by_inverse_layer = desc->scale_attn_by_inverse_layer;
  model->layer_norm_epsilon = desc->layer_norm_epsilon;
  n_floats = (uint64_t)desc->n_layers * of_layer + 2 * width +
             ((uint64_t)desc->context + (desc->tied_head ? 1 : 2) * (uint64_t)desc->vocab) * width;
  model->layers = calloc((size_t)desc->n_layers, sizeof(*model->layers));
  model->weights = malloc(n_floats * sizeof(float));
  if (model->layers == NULL || model->weights == NULL) return fail(error, IB_OUT_OF_MEMORY, "out of memory");
  loader.next = model->weights;
  model->wte = take(&loader, "wte.weight", desc->vocab, desc->width);
  model->wpe = take(&loader, "wpe.weight", desc->context, desc->width);
  for (i = 0; i < desc->n_layers; ++i) take_layer(&loader, i, desc->width, desc->inner, &model->layers[i]);
  model->ln_f_weight = take(&loader, "ln_f.weight", desc->width, 0);
  model->ln_f_bias = take(&loader, "ln_f.bias", desc->width, 0);
  model->head = desc->tied_head ? model->wte : take(&loader, "lm_head.weight", desc->vocab, desc->width);
  describe(model, n_floats);
  return loader.status;
}

void model_free(struct ib_model* model) {
  free(model->layers);
  free(model->weights);
}
