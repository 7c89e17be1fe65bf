/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums are double: slow, but close to the exact result whatever the width. A fast backend would be measured against it.
 */
#include "forward.h"

#include <math.h>
#include <stdlib.h>

int scratch_alloc(struct scratch* scratch, const struct ib_model* model, int32_t max_tokens) {
  const size_t width = (size_t)model->width, inner = (size_t)model->inner;
  const size_t widest = 3 * width > inner ? 3 * width : inner;
  scratch->x = calloc(width, sizeof(float));
  scratch->normed = calloc(width, sizeof(float));
  scratch->qkv = calloc(3 * width, sizeof(float));
  scratch->attended = calloc(width, sizeof(float));
  scratch->hidden = calloc(inner, sizeof(float));
  scratch->sums = calloc(widest, sizeof(double));
  scratch->attention = calloc((size_t)max_tokens, sizeof(double));
  return scratch->x != NULL && scratch->normed != NULL && scratch->qkv != NULL && scratch->attended != NULL &&
         scratch->hidden != NULL && scratch->sums != NULL && scratch->attention != NULL;
}

void scratch_free(struct scratch* scratch) {
  free(scratch->x);
  free(scratch->normed);
  free(scratch->qkv);
  free(scratch->attended);
  free(scratch->hidden);
  free(scratch->sums);
  free(scratch->attention);
}

uint64_t scratch_bytes(const struct ib_model* model, int32_t max_tokens) {
  const uint64_t width = (uint64_t)model->width, inner = (uint64_t)model->inner;
  const uint64_t widest = 3 * width > inner ? 3 * width : inner;
  return (6 * width + inner) * sizeof(float) + (widest + (uint64_t)max_tokens) * sizeof(double);
}

/* ---- operations ---- */

/* y[width] = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias */
static void layer_norm(const struct ib_model* model, const float* x, const float* weight, const float* bias, float* y) {
  const int32_t n = model->width;
  double mean = 0, variance = 0, scale;
  int32_t i;
  for (i = 0; i < n; ++i) mean += x[i];
  mean /= n;
  for (i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= n;
  scale = 1 / sqrt(variance + model->layer_norm_epsilon);
  for (i = 0; i < n; ++i) y[i] = (float)((x[i] - mean) * scale * weight[i] + bias[i]);
}

/* sums[n_out] = x[n_in] * weight[n_in, n_out] + bias[n_out] */
static void linear(const float* x, const float* weight, const float* bias, int32_t n_in, int32_t n_out, double* sums) {
  int32_t i, j;
  for (j = 0; j < n_out; ++j) sums[j] = bias[j];
  for (i = 0; i < n_in; ++i) {
    const double xi = x[i];
    const float* row = weight + (size_t)i * (size_t)n_out;
    for (j = 0; j < n_out; ++j) sums[j] += xi * row[j];
  }
}

static double activate(int32_t activation, double x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); /* sqrt(2/pi) */
    case IB_ACTIVATION_GELU_ERF:
      return 0.5 * x * (1 + erf(x * 0.7071067811865476)); /* 1/sqrt(2) */
    default:
      return x > 0 ? x : 0;
  }
}

/* a[0 .. n-1] = softmax(a) */
static void softmax(double* a, int32_t n) {
  double most = a[0], sum = 0;
  int32_t i;
  for (i = 1; i < n; ++i) most = a[i] > most ? a[i] : most;
  for (i = 0; i < n; ++i) sum += a[i] = exp(a[i] - most);
  for (i = 0; i < n; ++i) a[i] /= sum;
}

/* One head: out[n] = softmax(scale * q keys^T) values, over positions 0 to n_positions - 1, `stride` apart. */
static void attend(const float* q, const float* keys, const float* values, int32_t n, int32_t n_positions,
                   size_t stride, double scale, double* weights, float* out) {
  int32_t i, p;
  for (p = 0; p < n_positions; ++p) {
    const float* key = keys + (size_t)p * stride;
    double sum = 0;
    for (i = 0; i < n; ++i) sum += (double)q[i] * key[i];
    weights[p] = sum * scale;
  }
  softmax(weights, n_positions);
  for (i = 0; i < n; ++i) {
    double sum = 0;
    for (p = 0; p < n_positions; ++p) sum += weights[p] * values[(size_t)p * stride + (size_t)i];
    out[i] = (float)sum;
  }
}

/* ---- a layer ---- */

/* x += attention(ln_1(x)); keys and values are of this layer. */
static void attention_block(const struct ib_model* model, int32_t index, int32_t position, float* keys, float* values,
                            struct scratch* scratch) {
  const struct layer* layer = &model->layers[index];
  const int32_t width = model->width, head = width / model->n_heads;
  const size_t stride = (size_t)width;
  double scale = model->scale_attn_weights ? 1 / sqrt(head) : 1;
  int32_t i;
  if (model->scale_attn_by_inverse_layer) scale /= index + 1;
  layer_norm(model, scratch->x, layer->ln_1_weight, layer->ln_1_bias, scratch->normed);
  linear(scratch->normed, layer->c_attn_weight, layer->c_attn_bias, width, 3 * width, scratch->sums);
  for (i = 0; i < width; ++i) {
    scratch->qkv[i] = (float)scratch->sums[i];
    keys[(size_t)position * stride + (size_t)i] = (float)scratch->sums[width + i];
    values[(size_t)position * stride + (size_t)i] = (float)scratch->sums[2 * width + i];
  }
  for (i = 0; i < width; i += head) {
    attend(scratch->qkv + i, keys + i, values + i, head, position + 1, stride, scale, scratch->attention,
           scratch->attended + i);
  }
  linear(scratch->attended, layer->c_proj_weight, layer->c_proj_bias, width, width, scratch->sums);
  for (i = 0; i < width; ++i) scratch->x[i] = (float)(scratch->x[i] + scratch->sums[i]);
}

/* x += mlp(ln_2(x)) */
static void mlp_block(const struct ib_model* model, const struct layer* layer, struct scratch* scratch) {
  const int32_t width = model->width, inner = model->inner;
  int32_t i;
  layer_norm(model, scratch->x, layer->ln_2_weight, layer->ln_2_bias, scratch->normed);
  linear(scratch->normed, layer->c_fc_weight, layer->c_fc_bias, width, inner, scratch->sums);
  for (i = 0; i < inner; ++i) scratch->hidden[i] = (float)activate(model->activation, scratch->sums[i]);
  linear(scratch->hidden, layer->mlp_c_proj_weight, layer->mlp_c_proj_bias, inner, width, scratch->sums);
  for (i = 0; i < width; ++i) scratch->x[i] = (float)(scratch->x[i] + scratch->sums[i]);
}

/* ---- the model ---- */

int run_token(const struct ib_model* model, int32_t token, int32_t position, int32_t max_tokens, float* keys,
              float* values, struct scratch* scratch) {
  const size_t width = (size_t)model->width;
  const float* of_token = model->wte + (size_t)token * width;
  const float* of_position = model->wpe + (size_t)position * width;
  int32_t i;
  for (i = 0; i < model->width; ++i) scratch->x[i] = of_token[i] + of_position[i];
  for (i = 0; i < model->n_layers; ++i) {
    const size_t offset = (size_t)i * (size_t)max_tokens * width;
    if (is_cancelled(model->host)) return 0;
    attention_block(model, i, position, keys + offset, values + offset, scratch);
    mlp_block(model, &model->layers[i], scratch);
  }
  layer_norm(model, scratch->x, model->ln_f_weight, model->ln_f_bias, scratch->normed);
  return 1;
}

void write_logits(const struct ib_model* model, const struct scratch* scratch, float* logits) {
  int32_t v, i;
  for (v = 0; v < model->vocab; ++v) {
    const float* row = model->head + (size_t)v * (size_t)model->width;
    double sum = 0;
    for (i = 0; i < model->width; ++i) sum += (double)scratch->normed[i] * row[i];
    logits[v] = (float)sum;
  }
}
