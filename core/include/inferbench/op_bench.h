/* SPDX-License-Identifier: Apache-2.0
 *
 * Extension "inferbench.op_bench.v1": single operators of a backend, so that they can be compared and timed apart from
 * a model. Optional; a backend hands its table out by ib_backend.extension. The rules of backend.h hold here too: who
 * may call (the one host thread), statuses, growth of structs, what is forbidden.
 *
 * Life of an operator, within that of a context, whose threads it uses:
 *
 *     prepare(context, description) -> operator
 *       run(operator, copy), any number of times; output(operator, result) after a run
 *     destroy
 *
 * An operator is the backend's own: at that shape the same packed weights, kernels and threads that its forward uses,
 * with what forward also does to hand the result on (such as quantizing what a layer norm makes). What the backend
 * has no operator for by itself (such as a softmax that exists only inside its attention) is IB_UNSUPPORTED with the
 * reason as the message: prepare never puts something else in its place.
 */
#ifndef INFERBENCH_OP_BENCH_H
#define INFERBENCH_OP_BENCH_H

#include "inferbench/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

#define IB_EXT_OP_BENCH_V1 "inferbench.op_bench.v1"

/* What an operator computes, of the input x. Its sizes, flags and weights are those of the one layer of a description
 * (ib_model_desc with n_layers 1), which has only the tensors that the operator uses, under the names that they have
 * there, such as "layer.0.mlp_up.weight". Matrices are row-major and dense; hidden is hidden_size, inner
 * intermediate_size, q n_heads head_dim, kv n_kv_heads head_dim.
 *
 *   NORM        x [rows, hidden] -> [rows, hidden]      norm(x; attn_norm)
 *   LINEAR      x [rows, hidden] -> [rows, inner]       x * transpose(mlp_up), + its bias where mlp_bias
 *   ATTENTION   x [rows, q + 2 kv] -> [rows, q]         rows are the queries, keys and values of consecutive positions
 *               `past` to past + rows - 1 of one sequence, as the projections hand them on: what the layer does between
 *               them and attn_out, that is qk_norm, rotation, storing keys and values in the cache, soft cap, window.
 *               Weights: attn_q_norm and attn_k_norm where qk_norm
 *   ACTIVATION  x [rows, inner] -> [rows, inner]        activation(x); where gated x [rows, 2 inner], the gate's
 *               columns before the up projection's: activation(gate) * up. No weights
 *   SOFTMAX     x [rows, hidden] -> [rows, hidden]      exp(x) / sum of the row's exp(x); no weights
 *   MLP         x [rows, hidden] -> [rows, hidden]      mlp_up, mlp_gate where gated, activation, mlp_down, with their
 *               biases where mlp_bias
 *   LAYER       x [rows, hidden] -> [rows, hidden]      the whole layer at positions `past` to past + rows - 1, sums
 *               with the residual stream included; all of the layer's weights
 *   ROTARY      x [rows, q + kv] -> [rows, q + kv]      queries and keys of those positions, rotated; no weights
 */
#define IB_OP_NORM 0
#define IB_OP_LINEAR 1
#define IB_OP_ATTENTION 2
#define IB_OP_ACTIVATION 3
#define IB_OP_SOFTMAX 4
#define IB_OP_MLP 5
#define IB_OP_LAYER 6
#define IB_OP_ROTARY 7

/* All that determines an operator. */
typedef struct ib_op_desc {
  uint64_t struct_size;
  int32_t op;   /* IB_OP_*; an unknown one is IB_UNSUPPORTED */
  int32_t rows; /* at least 1 */
  int32_t past; /* ATTENTION, LAYER, ROTARY: positions before x, at least 0; else 0 */
  /* Weights and past keys and values are held n_copies times, each in its own memory, at least 1: run() is told which
   * to use. Going through more of them than the caches hold makes each run read its weights from memory, as decoding
   * does. Input, result and work space are there once. */
  int32_t n_copies;
  const ib_model_desc* desc;      /* one layer; its vocab_size may be 0, its other sizes make sense */
  const char* precision;          /* one of the table's precisions */
  const ib_option_value* options; /* n_options of them: all of the schema */
  uint64_t n_options;
  const float* input; /* x */
  /* ATTENTION, LAYER with past > 0: [past, 2 kv], each row's keys, then its values, as the cache holds them: keys after
   * qk_norm and rotation. */
  const float* past_kv;
} ib_op_desc;

/* What an operator is, once prepared. Owned by the operator; lives until destroy. */
typedef struct ib_op_info {
  uint64_t struct_size;
  uint64_t
      weights_bytes;   /* of one copy, as one run reads them: packed, scales and padding included; 0 without weights */
  uint64_t kv_bytes;   /* of one copy: keys and values that one run reads, as the cache stores them; 0 without */
  const char* kernels; /* what was chosen, such as "avx512vnni"; lives as long as the library */
} ib_op_info;

typedef struct ib_op ib_op; /* packed weights, input, result, work space */

typedef struct ib_op_bench_ext {
  uint64_t struct_size;

  /* Copies and packs what `desc` points to, which may be gone when it returns, and makes all that run needs: run should
   * allocate as little as forward does. Several operators of a context may live at once; one of them runs at a time.
   * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED (an operator that the backend does not have, also at this shape or
   * precision: `error` says why), OUT_OF_MEMORY, DEVICE_LOST, INTERNAL. */
  ib_status (*prepare)(ib_context* context, const ib_op_desc* desc, ib_op** op, ib_error* error);

  /* Never NULL. */
  const ib_op_info* (*info)(const ib_op* op);

  /* Computes the operator once, of the input, with copy 0 to n_copies - 1. Synchronous, as forward is. It leaves input
   * and past positions as they were, so that every run of every copy gives the same result.
   * Returns: OK, INVALID_ARGUMENT (no such copy), DEVICE_LOST, INTERNAL. */
  ib_status (*run)(ib_op* op, int32_t copy, ib_error* error);

  /* Writes the result of the latest run as fp32, dense, to `result` of `capacity` floats; never timed. Where the
   * backend hands the result on in another form, that form is converted.
   * Returns: OK, INVALID_ARGUMENT (too small, or nothing was run), DEVICE_LOST, INTERNAL. */
  ib_status (*output)(ib_op* op, float* result, uint64_t capacity, ib_error* error);

  void (*destroy)(ib_op* op);
} ib_op_bench_ext;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* INFERBENCH_OP_BENCH_H */
