/* SPDX-License-Identifier: Apache-2.0
 * The forward pass of a dense decoder, one token at a time, as inferbench/backend.h writes it down (ib_model_desc). */
#ifndef FORWARD_H
#define FORWARD_H

#include "model.h"

/* Work space for one token. */
struct scratch {
  float* x;        /* [hidden_size]: the residual stream */
  float* normed;   /* [hidden_size] */
  float* queries;  /* [n_heads * head_dim] */
  float* attended; /* [n_heads * head_dim] */
  float* gate;     /* [intermediate_size] */
  float* up;       /* [intermediate_size] */
  float* result;   /* [hidden_size]: of attention or MLP, to be added to x */
  double* scores;  /* [max_tokens]: attention of one head */
};

/* Returns 0 where memory is out; free all that it holds with scratch_free either way. */
int scratch_alloc(struct scratch* scratch, const struct ib_model* model, int32_t max_tokens);
void scratch_free(struct scratch* scratch);
uint64_t scratch_bytes(const struct ib_model* model, int32_t max_tokens);

/* Runs `token` at `position` through the layers; leaves the output of final_norm in scratch->normed.
 * keys, values [n_layers, max_tokens, n_kv_heads * head_dim] are of the token's sequence: positions before `position`
 * are read, its own is written. Returns 0 where the host cancelled. */
int run_token(const struct ib_model* model, int32_t token, int32_t position, int32_t max_tokens, float* keys,
              float* values, struct scratch* scratch);

/* logits[vocab_size] of the token that run_token ran last. */
void write_logits(const struct ib_model* model, const struct scratch* scratch, float* logits);

#endif
