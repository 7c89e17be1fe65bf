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

/* What an operator computes, of the input x; see ib_model_desc for layer_norm and activation. Matrices are row-major
 * and dense. A weight is named as below; where a layer of ib_model_desc has it, that is its name without "h.{i}.".
 *
 *   LAYER_NORM  x [rows, width] -> [rows, width]     layer_norm(x); weight, bias [width]
 *   LINEAR      x [rows, width] -> [rows, outputs]   x * weight + bias; weight [width, outputs], bias [outputs]
 *   ATTENTION   x [rows, 3 width] -> [rows, width]   rows are the queries, keys and values (width each) of consecutive
 *               positions `past` to past + rows - 1 of one sequence; per head of width / heads columns:
 *               softmax(q k^T / sqrt(width / heads), causal) v, over the `past` positions and those of x up to its own.
 *               Storing x's keys and values in the cache is a part of it. No weights
 *   GELU        x [rows, width] -> [rows, width]     activation(x), as `activation` says (ReLU too); no weights
 *   SOFTMAX     x [rows, width] -> [rows, width]     exp(x) / sum of the row's exp(x); no weights
 *   MLP         x [rows, width] -> [rows, width]     activation(x * c_fc.weight + c_fc.bias) * c_proj.weight +
 *               c_proj.bias; shapes as in ib_model_desc, with `inner`
 *   BLOCK       x [rows, width] -> [rows, width]     a whole layer of ib_model_desc at positions `past` to
 *               past + rows - 1, residual sums included; its weights are ln_1.weight to mlp.c_proj.bias, twelve
 */
#define IB_OP_LAYER_NORM 0
#define IB_OP_LINEAR 1
#define IB_OP_ATTENTION 2
#define IB_OP_GELU 3
#define IB_OP_SOFTMAX 4
#define IB_OP_MLP 5
#define IB_OP_BLOCK 6

/* All that determines an operator. What its operator does not use is 0 or NULL. */
typedef struct ib_op_desc {
  uint64_t struct_size;
  int32_t op;         /* IB_OP_*; an unknown one is IB_UNSUPPORTED */
  int32_t rows;       /* at least 1 */
  int32_t width;      /* at least 1; ATTENTION, BLOCK: a multiple of heads */
  int32_t outputs;    /* LINEAR */
  int32_t inner;      /* MLP, BLOCK */
  int32_t heads;      /* ATTENTION, BLOCK */
  int32_t past;       /* ATTENTION, BLOCK: positions in the cache before x, at least 0 */
  int32_t activation; /* GELU, MLP, BLOCK: IB_ACTIVATION_* */
  /* Weights and past keys and values are held n_copies times, each in its own memory, at least 1: run() is told which
   * to use. Going through more of them than the caches hold makes each run read its weights from memory, as decoding
   * does. Input, result and work space are there once. */
  int32_t n_copies;
  int32_t reserved;
  double layer_norm_epsilon;      /* LAYER_NORM, BLOCK; above 0 */
  const char* precision;          /* one of the table's precisions */
  const ib_option_value* options; /* n_options of them: all of the schema */
  uint64_t n_options;
  const ib_tensor* tensors; /* the weights: n_tensors of them, any dtype of backend.h, order unspecified */
  uint64_t n_tensors;
  const float* input;   /* x; ATTENTION: 3 * width columns */
  const float* past_kv; /* ATTENTION, BLOCK with past > 0: [past, 2 width], each row's keys, then its values */
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
