/* SPDX-License-Identifier: Apache-2.0
 * GPT-2's weights as fp32, copied from the host's tensors. */
#ifndef MODEL_H
#define MODEL_H

#include "inferbench/backend.h"

struct layer {
  const float *ln_1_weight, *ln_1_bias;
  const float *c_attn_weight, *c_attn_bias; /* [width, 3 width], [3 width] */
  const float *c_proj_weight, *c_proj_bias; /* [width, width], [width] */
  const float *ln_2_weight, *ln_2_bias;
  const float *c_fc_weight, *c_fc_bias;             /* [width, inner], [inner] */
  const float *mlp_c_proj_weight, *mlp_c_proj_bias; /* [inner, width], [width] */
};

struct ib_model {
  const ib_host* host;
  int32_t n_layers, n_heads, width, inner, context, vocab;
  int32_t activation; /* IB_ACTIVATION_* */
  int32_t scale_attn_weights, scale_attn_by_inverse_layer;
  double layer_norm_epsilon;
  const float* wte;  /* [vocab, width] */
  const float* wpe;  /* [context, width] */
  const float* head; /* [vocab, width]; wte where the model is tied */
  const float *ln_f_weight, *ln_f_bias;
  struct layer* layers;
  float* weights; /* what all of the above point into */
  ib_model_info info;
};

/* Fills `model`, which is all zero but for `host`. After a failure, too, model_free frees what it holds.
 * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY, CANCELLED. */
ib_status model_load(struct ib_model* model, const ib_model_desc* desc, ib_error* error);

void model_free(struct ib_model* model);

/* Writes the message and returns the status. */
ib_status fail(ib_error* error, ib_status status, const char* message);

int is_cancelled(const ib_host* host);

#endif
