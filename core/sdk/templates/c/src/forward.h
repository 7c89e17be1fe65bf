/* SPDX-License-Identifier: Apache-2.0
 * GPT-2's forward pass, one token at a time, as inferbench/backend.h writes it down. */
#ifndef FORWARD_H
#define FORWARD_H

#include "model.h"

/* Work space for one token. */
struct scratch {
  float* x;          /* [width]: the residual stream */
  float* normed;     /* [width] */
  float* qkv;        /* [3 width] */
  float* attended;   /* [width] */
  float* hidden;     /* [inner] */
  double* sums;      /* [max(3 width, inner)] */
  double* attention; /* [max_tokens]: the weights of one head */
};

/* Returns 0 where memory is out; free all that it holds with scratch_free either way. */
int scratch_alloc(struct scratch* scratch, const struct ib_model* model, int32_t max_tokens);
void scratch_free(struct scratch* scratch);
uint64_t scratch_bytes(const struct ib_model* model, int32_t max_tokens);

/* Runs `token` at `position` through the layers; leaves ln_f's output in scratch->normed.
 * keys, values [n_layers, max_tokens, width] are of the token's sequence: positions before `position` are read, its own
 * is written. Returns 0 where the host cancelled. */
int run_token(const struct ib_model* model, int32_t token, int32_t position, int32_t max_tokens, float* keys,
              float* values, struct scratch* scratch);

/* logits[vocab] of the token that run_token ran last. */
void write_logits(const struct ib_model* model, const struct scratch* scratch, float* logits);

#endif
