/* SPDX-License-Identifier: Apache-2.0
 * The weights as fp32, copied from the host's tensors. */
#ifndef MODEL_H
#define MODEL_H

#include "inferbench/backend.h"

/* y = x * transpose(weight) + bias */
struct linear {
  int32_t n_out, n_in;
  const float* weight; /* [n_out, n_in] */
  const float* bias;   /* [n_out], or NULL: none */
};

struct norm {
  const float* weight;
  const float* bias; /* of a layer norm, else NULL */
};

struct layer {
  ib_layer_desc desc; /* window, rotary table, attention scale */
  struct norm attn_norm;
  struct linear attn_q, attn_k, attn_v;
  struct norm attn_q_norm, attn_k_norm; /* [head_dim], where qk_norm */
  struct linear attn_out;
  struct norm attn_post_norm; /* where post_norm */
  struct norm mlp_norm;
  struct linear mlp_gate; /* where gated */
  struct linear mlp_up, mlp_down;
  struct norm mlp_post_norm; /* where post_norm */
};

struct ib_model {
  const ib_host* host;
  ib_model_desc desc;              /* sizes and flags; its pointers are gone */
  const float* token_embedding;    /* [vocab_size, hidden_size] */
  const float* position_embedding; /* [max_positions, hidden_size], where learned_positions */
  struct layer* layers;            /* [n_layers] */
  struct norm final_norm;
  const float* head;          /* [vocab_size, hidden_size]; token_embedding where tied_head */
  double* rotary_frequencies; /* [n_rotary_tables, head_dim / 2] */
  double* rotary_scales;      /* [n_rotary_tables] */
  float** weights;            /* [n_weights]: the memory that all of the above point into */
  uint64_t n_weights;
  ib_model_info info;
};

/* Values of one token's queries, and of its keys in one layer. */
int32_t query_size(const struct ib_model* model);
int32_t kv_size(const struct ib_model* model);

/* Fills `model`, which is all zero but for `host`. After a failure, too, model_free frees what it holds.
 * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY, CANCELLED. */
ib_status model_load(struct ib_model* model, const ib_model_desc* desc, ib_error* error);

void model_free(struct ib_model* model);

/* Writes the message and returns the status. */
ib_status fail(ib_error* error, ib_status status, const char* message);

int is_cancelled(const ib_host* host);

#endif
