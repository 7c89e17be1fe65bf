/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums are double: slow, but close to the exact result whatever the sizes. A fast backend would be measured against it.
 */
#include "forward.h"

#include <math.h>
#include <stdlib.h>

int scratch_alloc(struct scratch* scratch, const struct ib_model* model, int32_t max_tokens) {
  const size_t hidden = (size_t)model->desc.hidden_size, intermediate = (size_t)model->desc.intermediate_size;
  const size_t of_query = (size_t)query_size(model);
  scratch->x = calloc(hidden, sizeof(float));
  scratch->normed = calloc(hidden, sizeof(float));
  scratch->queries = calloc(of_query, sizeof(float));
  scratch->attended = calloc(of_query, sizeof(float));
  scratch->gate = calloc(intermediate, sizeof(float));
  scratch->up = calloc(intermediate, sizeof(float));
  scratch->result = calloc(hidden, sizeof(float));
  scratch->scores = calloc((size_t)max_tokens, sizeof(double));
  return scratch->x != NULL && scratch->normed != NULL && scratch->queries != NULL && scratch->attended != NULL &&
         scratch->gate != NULL && scratch->up != NULL && scratch->result != NULL && scratch->scores != NULL;
}

void scratch_free(struct scratch* scratch) {
  free(scratch->x);
  free(scratch->normed);
  free(scratch->queries);
  free(scratch->attended);
  free(scratch->gate);
  free(scratch->up);
  free(scratch->result);
  free(scratch->scores);
}

uint64_t scratch_bytes(const struct ib_model* model, int32_t max_tokens) {
  const uint64_t hidden = (uint64_t)model->desc.hidden_size, intermediate = (uint64_t)model->desc.intermediate_size;
  const uint64_t n_floats = 3 * hidden + 2 * (uint64_t)query_size(model) + 2 * intermediate;
  return n_floats * sizeof(float) + (uint64_t)max_tokens * sizeof(double);
}

/* ---- operations ---- */

/* Eight sums side by side: compilers keep them in vector registers, and an addition waits for none of the others. */
static double dot(const float* a, const float* b, int32_t n) {
  double sums[8] = {0};
  int32_t i, j;
  for (i = 0; i + 8 <= n; i += 8) {
    for (j = 0; j < 8; ++j) sums[j] += (double)a[i + j] * b[i + j];
  }
  for (; i < n; ++i) sums[0] += (double)a[i] * b[i];
  return sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
}

/* y[n] = norm(x[n]) of kind IB_NORM_*; x and y may be the same. */
static void apply_norm(int32_t kind, const struct norm* norm, double epsilon, int32_t n, const float* x, float* y) {
  double mean = 0, squares = 0, scale;
  int32_t i;
  if (kind == IB_NORM_LAYER) {
    for (i = 0; i < n; ++i) mean += x[i];
    mean /= n;
  }
  for (i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  scale = 1 / sqrt(squares / n + epsilon);
  for (i = 0; i < n; ++i) {
    const float bias = kind == IB_NORM_LAYER ? norm->bias[i] : 0;
    y[i] = (float)((x[i] - mean) * scale * norm->weight[i] + bias);
  }
}

/* y[n_out] = x[n_in] * transpose(weight) + bias */
static void apply_linear(const struct linear* linear, const float* x, float* y) {
  int32_t i;
  for (i = 0; i < linear->n_out; ++i) {
    const float bias = linear->bias == NULL ? 0 : linear->bias[i];
    y[i] = (float)(dot(x, linear->weight + (size_t)i * (size_t)linear->n_in, linear->n_in) + bias);
  }
}

static double activate(int32_t activation, double x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))); /* sqrt(2/pi) */
    case IB_ACTIVATION_GELU_ERF:
      return 0.5 * x * (1 + erf(x * 0.7071067811865476)); /* 1/sqrt(2) */
    case IB_ACTIVATION_SILU:
      return x / (1 + exp(-x));
    default:
      return x > 0 ? x : 0;
  }
}

static double soft_cap(double x, double cap) {
  return cap == 0 ? x : cap * tanh(x / cap);
}

/* Rotates one head to its position, by halves; frequencies[head_dim / 2]. */
static void rotate(float* head, int32_t head_dim, int32_t position, const double* frequencies, double scale) {
  const int32_t half = head_dim / 2;
  int32_t i;
  for (i = 0; i < half; ++i) {
    const double sine = scale * sin(position * frequencies[i]), cosine = scale * cos(position * frequencies[i]);
    const double a = head[i], b = head[i + half];
    head[i] = (float)(a * cosine - b * sine);
    head[i + half] = (float)(b * cosine + a * sine);
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

/* One head of queries, as the model's sizes say: out[head_dim] = softmax(cap(scale * q keys^T)) values over
 * `n_positions`. Keys and values of consecutive positions are kv_size floats apart. */
static void attend(const struct ib_model* model, const float* q, const float* keys, const float* values,
                   int32_t n_positions, double scale, double* scores, float* out) {
  const int32_t n = model->desc.head_dim;
  const size_t stride = (size_t)kv_size(model);
  int32_t i, p;
  for (p = 0; p < n_positions; ++p) {
    scores[p] = soft_cap(scale * dot(q, keys + (size_t)p * stride, n), model->desc.attention_soft_cap);
  }
  softmax(scores, n_positions);
  for (i = 0; i < n; ++i) {
    double sum = 0;
    for (p = 0; p < n_positions; ++p) sum += scores[p] * values[(size_t)p * stride + (size_t)i];
    out[i] = (float)sum;
  }
}

/* ---- a layer ---- */

/* normed = norm(x) */
static void normalize(const struct ib_model* model, const struct norm* norm, struct scratch* scratch) {
  const ib_model_desc* desc = &model->desc;
  apply_norm(desc->norm, norm, desc->norm_epsilon, desc->hidden_size, scratch->x, scratch->normed);
}

/* x += result, which has a norm of its own where post_norm */
static void add_to_residual(const struct ib_model* model, const struct norm* post_norm, struct scratch* scratch) {
  const ib_model_desc* desc = &model->desc;
  int32_t i;
  if (desc->post_norm) {
    apply_norm(desc->norm, post_norm, desc->norm_epsilon, desc->hidden_size, scratch->result, scratch->result);
  }
  for (i = 0; i < desc->hidden_size; ++i) scratch->x[i] += scratch->result[i];
}

/* What happens to queries, and to keys before they are stored. */
static void prepare_heads(const struct ib_model* model, const struct norm* norm, int32_t rotary_table, int32_t position,
                          int32_t n_heads, float* heads) {
  const int32_t head_dim = model->desc.head_dim;
  int32_t i;
  for (i = 0; i < n_heads; ++i) {
    float* head = heads + (size_t)i * (size_t)head_dim;
    if (model->desc.qk_norm) apply_norm(IB_NORM_RMS, norm, model->desc.norm_epsilon, head_dim, head, head);
    if (rotary_table >= 0) {
      const double* frequencies = model->rotary_frequencies + (size_t)rotary_table * (size_t)(head_dim / 2);
      rotate(head, head_dim, position, frequencies, model->rotary_scales[rotary_table]);
    }
  }
}

/* x += attention(norm(x)); keys and values are of this layer. */
static void attention_block(const struct ib_model* model, const struct layer* layer, int32_t position, float* keys,
                            float* values, struct scratch* scratch) {
  const ib_model_desc* desc = &model->desc;
  const int32_t window = layer->desc.window, table = layer->desc.rotary_table;
  const int32_t first = window > 0 && position + 1 > window ? position + 1 - window : 0; /* position that is seen */
  const size_t stride = (size_t)kv_size(model);
  float* new_keys = keys + (size_t)position * stride;
  float* new_values = values + (size_t)position * stride;
  int32_t h;

  normalize(model, &layer->attn_norm, scratch);
  apply_linear(&layer->attn_q, scratch->normed, scratch->queries);
  apply_linear(&layer->attn_k, scratch->normed, new_keys);
  apply_linear(&layer->attn_v, scratch->normed, new_values);
  prepare_heads(model, &layer->attn_q_norm, table, position, desc->n_heads, scratch->queries);
  prepare_heads(model, &layer->attn_k_norm, table, position, desc->n_kv_heads, new_keys);
  for (h = 0; h < desc->n_heads; ++h) {
    const int32_t kv_head = h / (desc->n_heads / desc->n_kv_heads);
    const size_t of_head = (size_t)h * (size_t)desc->head_dim;
    const size_t seen = (size_t)first * stride + (size_t)kv_head * (size_t)desc->head_dim;
    attend(model, scratch->queries + of_head, keys + seen, values + seen, position + 1 - first,
           layer->desc.attention_scale, scratch->scores, scratch->attended + of_head);
  }
  apply_linear(&layer->attn_out, scratch->attended, scratch->result);
  add_to_residual(model, &layer->attn_post_norm, scratch);
}

/* x += mlp(norm(x)) */
static void mlp_block(const struct ib_model* model, const struct layer* layer, struct scratch* scratch) {
  const ib_model_desc* desc = &model->desc;
  float* up = scratch->up;
  int32_t i;
  normalize(model, &layer->mlp_norm, scratch);
  apply_linear(&layer->mlp_up, scratch->normed, up);
  if (desc->gated) {
    apply_linear(&layer->mlp_gate, scratch->normed, scratch->gate);
    for (i = 0; i < desc->intermediate_size; ++i) {
      up[i] = (float)(activate(desc->activation, scratch->gate[i]) * up[i]);
    }
  } else {
    for (i = 0; i < desc->intermediate_size; ++i) up[i] = (float)activate(desc->activation, up[i]);
  }
  apply_linear(&layer->mlp_down, up, scratch->result);
  add_to_residual(model, &layer->mlp_post_norm, scratch);
}

/* ---- the model ---- */

static void embed(const struct ib_model* model, int32_t token, int32_t position, float* x) {
  const size_t hidden = (size_t)model->desc.hidden_size;
  const float* of_token = model->token_embedding + (size_t)token * hidden;
  size_t i;
  for (i = 0; i < hidden; ++i) x[i] = (float)(model->desc.embedding_scale * of_token[i]);
  if (model->desc.learned_positions) {
    const float* of_position = model->position_embedding + (size_t)position * hidden;
    for (i = 0; i < hidden; ++i) x[i] += of_position[i];
  }
}

int run_token(const struct ib_model* model, int32_t token, int32_t position, int32_t max_tokens, float* keys,
              float* values, struct scratch* scratch) {
  const size_t of_layer = (size_t)max_tokens * (size_t)kv_size(model);
  int32_t i;
  embed(model, token, position, scratch->x);
  for (i = 0; i < model->desc.n_layers; ++i) {
    const size_t offset = (size_t)i * of_layer;
    if (is_cancelled(model->host)) return 0;
    attention_block(model, &model->layers[i], position, keys + offset, values + offset, scratch);
    mlp_block(model, &model->layers[i], scratch);
  }
  normalize(model, &model->final_norm, scratch);
  return 1;
}

void write_logits(const struct ib_model* model, const struct scratch* scratch, float* logits) {
  const int32_t hidden = model->desc.hidden_size;
  int32_t v;
  for (v = 0; v < model->desc.vocab_size; ++v) {
    const double logit = dot(scratch->normed, model->head + (size_t)v * (size_t)hidden, hidden);
    logits[v] = (float)soft_cap(logit, model->desc.logit_soft_cap);
  }
}
