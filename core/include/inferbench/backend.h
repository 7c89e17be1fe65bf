/* SPDX-License-Identifier: Apache-2.0
 *
 * inferbench backend ABI, major 1, minor 0.
 *
 * The only header that a backend needs. A backend is a shared object that exports one data symbol,
 *
 *     IB_EXPORT const ib_backend inferbench_backend_v1 = { IB_BACKEND_HEADER, ... };
 *
 * The host reads that table (magic, versions, struct_size) before it calls anything.
 *
 * Life of a backend, all calls by one host thread unless a comment says otherwise:
 *
 *     init -> context
 *       model_create(context, weights, precision, options) -> model
 *         session_create(model, slots) -> session
 *           forward / session_truncate, any number of times
 *         session_destroy
 *       model_destroy
 *     shutdown
 *
 * Rules for every function
 *   - No C++ exception and no Rust panic crosses this border; no exit(), abort() or signal handlers; nothing is
 *     written to stdout; CPU affinity is left alone; no silent fallback to another device, instruction set or
 *     precision: what cannot be done as asked returns IB_UNSUPPORTED.
 *   - A function that can fail returns an ib_status; other than IB_OK, it fills `error` (never NULL) with one line.
 *   - Out parameters are written only on IB_OK.
 *   - Pointers passed in are borrowed for the call, unless a comment says longer.
 *
 * Rules for growth
 *   - Same major: compatible. A host accepts any minor; a backend built against an older minor is completed with zeros.
 *   - Structs that start with `struct_size` (their own sizeof, set by whoever fills them) grow by appending; zero is
 *     each new field's default. Test with IB_HAS(), never with ==. They travel one way only, as const.
 *   - Structs without struct_size stand in arrays and are frozen for the life of major 1.
 *   - Codes are int32_t; unknown codes are IB_UNSUPPORTED, not a crash.
 *
 * "Since" notes say with which minor a field or function came; those without came with 1.0.
 */
#ifndef INFERBENCH_BACKEND_H
#define INFERBENCH_BACKEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IB_MAGIC UINT64_C(0x31444e4b43424249) /* "IBBCKND1", little-endian */
#define IB_ABI_MAJOR 1
#define IB_ABI_MINOR 0

#if defined(__GNUC__)
#define IB_EXPORT __attribute__((visibility("default")))
#else
#define IB_EXPORT
#endif

/* Is `field` inside the struct that `pointer` points to, by the size that its filler declared? */
#define IB_HAS(type, pointer, field) ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

/* ---- statuses ------------------------------------------------------------------------------------------- */

typedef int32_t ib_status;
#define IB_OK 0
#define IB_INVALID_ARGUMENT 1 /* the caller broke a rule of this header; nothing was changed */
#define IB_UNSUPPORTED 2      /* well-formed, but this backend or machine cannot do it */
#define IB_OUT_OF_MEMORY 3
#define IB_CANCELLED 4   /* the host's is_cancelled said so */
#define IB_DEVICE_LOST 5 /* the session is dead; destroy it */
#define IB_INTERNAL 6    /* a defect of the backend */

/* Owned by the caller; the callee writes a NUL-terminated UTF-8 line of at most 511 bytes. */
typedef struct ib_error {
  char message[512];
} ib_error;

/* ---- weights ---------------------------------------------------------------------------------------------- */

#define IB_DTYPE_F32 0
#define IB_DTYPE_F16 1  /* IEEE 754 binary16 */
#define IB_DTYPE_BF16 2 /* the upper half of a binary32 */

#define IB_MAX_RANK 4

/* A view of one weight tensor, little-endian. Frozen.
 * Element [i, j] is at data + (i * strides[0] + j * strides[1]) * size of an element. Strides are at least 1, and no
 * element is at two places. So a matrix may be stored either way round, or be a part of a wider one.
 * `data` is aligned to at least its element; it and `name` live until model_create returns. */
typedef struct ib_tensor {
  const char* name;             /* canonical: see ib_model_desc */
  int32_t dtype;                /* IB_DTYPE_* */
  int32_t rank;                 /* 1 or 2 */
  int64_t shape[IB_MAX_RANK];   /* unused dimensions are 0 */
  int64_t strides[IB_MAX_RANK]; /* in elements; unused ones are 0 */
  const void* data;             /* element [0, 0] */
  uint64_t n_bytes;             /* from `data` to the end of the last element */
} ib_tensor;

#define IB_NORM_LAYER 0 /* (x - mean(x)) / sqrt(variance(x) + norm_epsilon) * weight + bias, biased variance */
#define IB_NORM_RMS 1   /* x / sqrt(mean(x^2) + norm_epsilon) * weight */

#define IB_ACTIVATION_GELU_TANH 0 /* "gelu_new": 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
#define IB_ACTIVATION_GELU_ERF 1  /* "gelu":     0.5 x (1 + erf(x / sqrt(2))) */
#define IB_ACTIVATION_RELU 2      /* "relu":     max(x, 0) */
#define IB_ACTIVATION_SILU 3      /* "silu":     x / (1 + exp(-x)) */

/* What differs from layer to layer. Frozen. */
typedef struct ib_layer_desc {
  int32_t window;         /* a token attends to at most this many positions, its own among them; 0: to all before it */
  int32_t rotary_table;   /* 0 to n_rotary_tables - 1; -1: queries and keys are not rotated */
  double attention_scale; /* the factor of q k^T, above 0 */
} ib_layer_desc;

/* All that determines the logits of a dense decoder.
 *
 *   x = embedding_scale * token_embedding[token]  + position_embedding[position] where learned_positions
 *   for each layer i (the tensors' prefix "layer.{i}." is left out here):
 *     y = norm(x; attn_norm)
 *     q = y * transpose(attn_q), k = y * transpose(attn_k), v = y * transpose(attn_v), each + its bias where qkv_bias
 *     where qk_norm: each head of q = rms_norm(head; attn_q_norm), each head of k = rms_norm(head; attn_k_norm)
 *     where layers[i].rotary_table >= 0: each head of q and k is rotated by its position, see below
 *     per head h of q, with head h / (n_heads / n_kv_heads) of k and v:
 *       s = cap(layers[i].attention_scale * q k^T; attention_soft_cap)
 *       a = softmax(s) v over the token's own position and those before it, the nearest layers[i].window of them
 *     a = concat(a) * transpose(attn_out), + its bias where attn_out_bias
 *     x = x + (post_norm ? norm(a; attn_post_norm) : a)
 *     y = norm(x; mlp_norm)
 *     m = activation(y * transpose(mlp_gate)) * (y * transpose(mlp_up)) where gated, element by element,
 *         else activation(y * transpose(mlp_up));  m = m * transpose(mlp_down);  each product + its bias where mlp_bias
 *     x = x + (post_norm ? norm(m; mlp_post_norm) : m)
 *   logits = cap(norm(x; final_norm) * transpose(tied_head ? token_embedding : head); logit_soft_cap)
 *
 *   cap(s; c) = c * tanh(s / c), or s where c is 0.   norm is `norm`; rms_norm is IB_NORM_RMS whatever `norm` says.
 *   Rotation of a head z at position p, with f = rotary_frequencies[table] and r = rotary_scales[table], for each
 *   j < head_dim / 2, by halves:
 *     z[j], z[j + head_dim/2] = r * (z[j] cos(p f[j]) - z[j + head_dim/2] sin(p f[j])),
 *                               r * (z[j + head_dim/2] cos(p f[j]) + z[j] sin(p f[j]))
 *
 * Tensors (names exact; order unspecified; none missing, none besides). Linear weights are [outputs, inputs]:
 *   token_embedding.weight [vocab_size, hidden_size]
 *   position_embedding.weight [max_positions, hidden_size]                             where learned_positions
 *   layer.{i}.attn_norm.weight [hidden_size]
 *   layer.{i}.attn_q.weight [n_heads head_dim, hidden_size]
 *   layer.{i}.attn_k.weight, layer.{i}.attn_v.weight [n_kv_heads head_dim, hidden_size]
 *   layer.{i}.attn_q_norm.weight, layer.{i}.attn_k_norm.weight [head_dim]              where qk_norm
 *   layer.{i}.attn_out.weight [hidden_size, n_heads head_dim]
 *   layer.{i}.attn_post_norm.weight [hidden_size]                                      where post_norm
 *   layer.{i}.mlp_norm.weight [hidden_size]
 *   layer.{i}.mlp_gate.weight [intermediate_size, hidden_size]                         where gated
 *   layer.{i}.mlp_up.weight [intermediate_size, hidden_size]
 *   layer.{i}.mlp_down.weight [hidden_size, intermediate_size]
 *   layer.{i}.mlp_post_norm.weight [hidden_size]                                       where post_norm
 *   final_norm.weight [hidden_size]
 *   head.weight [vocab_size, hidden_size]                                              unless tied_head
 * and .bias beside each .weight of a layer norm, and of attn_q, attn_k, attn_v (qkv_bias), attn_out (attn_out_bias),
 * mlp_gate, mlp_up and mlp_down (mlp_bias): a vector of the outputs. The host has checked shapes and byte counts. */
typedef struct ib_model_desc {
  uint64_t struct_size;
  int32_t n_layers;
  int32_t n_heads;
  int32_t n_kv_heads; /* divides n_heads */
  int32_t head_dim;   /* even where a layer is rotated */
  int32_t hidden_size;
  int32_t intermediate_size; /* of the MLP */
  int32_t max_positions;     /* most tokens that a sequence may have */
  int32_t vocab_size;
  int32_t norm;       /* IB_NORM_* */
  int32_t activation; /* IB_ACTIVATION_* */
  /* 0 or 1: */
  int32_t learned_positions;
  int32_t qkv_bias;
  int32_t attn_out_bias;
  int32_t mlp_bias;
  int32_t qk_norm;
  int32_t post_norm;
  int32_t gated;
  int32_t tied_head;
  double norm_epsilon; /* of all norms, above 0 */
  double embedding_scale;
  double attention_soft_cap;        /* 0: none */
  double logit_soft_cap;            /* 0: none */
  const ib_layer_desc* layers;      /* [n_layers] */
  const double* rotary_frequencies; /* [n_rotary_tables, head_dim / 2], radians a position */
  const double* rotary_scales;      /* [n_rotary_tables] */
  int32_t n_rotary_tables;          /* 0: no layer is rotated, both are NULL */
  int32_t reserved;
  const ib_tensor* tensors;
  uint64_t n_tensors;
} ib_model_desc;

/* ---- features ---------------------------------------------------------------------------------------------- */

/* Parts of ib_model_desc that a backend may lack. A table declares those that it computes; the host refuses a model
 * that needs another one before the backend sees it. Whether a model needs one is said with each. */
#define IB_FEATURE_LAYER_NORM (UINT64_C(1) << 0)          /* norm is IB_NORM_LAYER */
#define IB_FEATURE_RMS_NORM (UINT64_C(1) << 1)            /* norm is IB_NORM_RMS */
#define IB_FEATURE_LEARNED_POSITIONS (UINT64_C(1) << 2)   /* learned_positions */
#define IB_FEATURE_ROTARY (UINT64_C(1) << 3)              /* n_rotary_tables is not 0 */
#define IB_FEATURE_GROUPED_HEADS (UINT64_C(1) << 4)       /* n_kv_heads is not n_heads */
#define IB_FEATURE_FREE_HEAD_DIM (UINT64_C(1) << 5)       /* n_heads head_dim is not hidden_size */
#define IB_FEATURE_PLAIN_MLP (UINT64_C(1) << 6)           /* not gated */
#define IB_FEATURE_GATED_MLP (UINT64_C(1) << 7)           /* gated */
#define IB_FEATURE_LINEAR_BIAS (UINT64_C(1) << 8)         /* qkv_bias, attn_out_bias or mlp_bias */
#define IB_FEATURE_QK_NORM (UINT64_C(1) << 9)             /* qk_norm */
#define IB_FEATURE_POST_NORM (UINT64_C(1) << 10)          /* post_norm */
#define IB_FEATURE_WINDOW (UINT64_C(1) << 11)             /* a layer's window is not 0 and below max_positions */
#define IB_FEATURE_ATTENTION_SOFT_CAP (UINT64_C(1) << 12) /* attention_soft_cap is not 0 */
#define IB_FEATURE_LOGIT_SOFT_CAP (UINT64_C(1) << 13)     /* logit_soft_cap is not 0 */
#define IB_FEATURE_EMBEDDING_SCALE (UINT64_C(1) << 14)    /* embedding_scale is not 1 */
#define IB_FEATURE_GELU_TANH (UINT64_C(1) << 32)          /* activation is IB_ACTIVATION_GELU_TANH, and so on */
#define IB_FEATURE_GELU_ERF (UINT64_C(1) << 33)
#define IB_FEATURE_RELU (UINT64_C(1) << 34)
#define IB_FEATURE_SILU (UINT64_C(1) << 35)

/* All that GPT-2 models need, and all that Llama, Mistral and Qwen models need. */
#define IB_FEATURES_GPT2                                                                                  \
  (IB_FEATURE_LAYER_NORM | IB_FEATURE_LEARNED_POSITIONS | IB_FEATURE_PLAIN_MLP | IB_FEATURE_LINEAR_BIAS | \
   IB_FEATURE_GELU_TANH | IB_FEATURE_GELU_ERF | IB_FEATURE_RELU)
#define IB_FEATURES_LLAMA                                                                          \
  (IB_FEATURE_RMS_NORM | IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_FREE_HEAD_DIM | \
   IB_FEATURE_GATED_MLP | IB_FEATURE_LINEAR_BIAS | IB_FEATURE_QK_NORM | IB_FEATURE_WINDOW | IB_FEATURE_SILU)
/* All that Gemma 2 and 3 models need. */
#define IB_FEATURES_GEMMA                                                                          \
  (IB_FEATURE_RMS_NORM | IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_FREE_HEAD_DIM | \
   IB_FEATURE_GATED_MLP | IB_FEATURE_QK_NORM | IB_FEATURE_POST_NORM | IB_FEATURE_WINDOW |          \
   IB_FEATURE_ATTENTION_SOFT_CAP | IB_FEATURE_LOGIT_SOFT_CAP | IB_FEATURE_EMBEDDING_SCALE | IB_FEATURE_GELU_TANH)

/* ---- what a backend offers -------------------------------------------------------------------------------- */

/* A precision that model_create accepts by name, such as "fp32", "int8", "int4". Frozen. */
typedef struct ib_precision_info {
  const char* name;         /* [a-z0-9_]+ */
  const char* doc;          /* one line: format of weights, of activations, of accumulation */
  int32_t weight_bits;      /* of one weight of a linear layer, its share of scales left out: 32, 16, 8, 4, ... */
  int32_t integer_products; /* 0 or 1: linear layers multiply integers */
} ib_precision_info;

#define IB_OPTION_BOOL 0   /* "true" or "false" */
#define IB_OPTION_INT 1    /* int64, within [min, max] */
#define IB_OPTION_FLOAT 2  /* double, within [min, max] */
#define IB_OPTION_CHOICE 3 /* one of `choices` */
#define IB_OPTION_TEXT 4   /* any UTF-8 string */

/* The schema of one option. Frozen. All strings live as long as the library. */
typedef struct ib_option_info {
  const char* key; /* [a-z0-9_]+ */
  int32_t type;    /* IB_OPTION_* */
  int32_t reserved;
  const char* default_value;  /* as text, in the form that a YAML file would give */
  double min;                 /* INT and FLOAT */
  double max;                 /* INT and FLOAT; max < min means unbounded */
  const char* const* choices; /* CHOICE: NULL-terminated; else NULL */
  const char* doc;            /* one line */
} ib_option_info;

/* A checked value for one option: the field that the option's type names is set. Frozen.
 * The host passes every option of the schema exactly once, in the schema's order, defaults filled in. */
typedef struct ib_option_value {
  const char* key;
  int32_t type;
  int32_t boolean;  /* BOOL: 0 or 1 */
  int64_t integer;  /* INT */
  double number;    /* FLOAT */
  const char* text; /* CHOICE, TEXT; else NULL */
} ib_option_value;

/* A device that a backend can use here. Frozen. Strings live as long as the library. */
typedef struct ib_device_info {
  const char* id;        /* [a-z0-9_]+(:[0-9]+)?, such as "cpu", "cuda:0" */
  const char* name;      /* such as "NVIDIA H200" */
  uint64_t memory_bytes; /* of the device; 0: it works in the host's memory */
} ib_device_info;

/* ---- the host's side ------------------------------------------------------------------------------------- */

#define IB_LOG_DEBUG 0
#define IB_LOG_INFO 1
#define IB_LOG_WARNING 2

/* Callbacks of the host; any function may be NULL. They may be called only from the thread that is inside a call
 * of the backend, and only during that call. */
typedef struct ib_host {
  uint64_t struct_size;
  void* user; /* handed back to each callback */
  void (*log)(void* user, int32_t level, const char* message);
  /* Work done of the present call, 0 to 1; model_create should report at least ten times. */
  void (*progress)(void* user, double fraction);
  /* Non-zero: stop soon and return IB_CANCELLED. Poll at least once a layer in model_create and forward. */
  int32_t (*is_cancelled)(void* user);
} ib_host;

typedef struct ib_init_params {
  uint64_t struct_size;
  const ib_host* host; /* lives until shutdown returns */
  /* Compute threads, the calling one included: at least 1. The backend never runs more at once, its table's
   * n_driver_threads left aside. The host sets the
   * process's affinity before init; threads inherit it. */
  int32_t n_threads;
  int32_t reserved;
  const char* device; /* one of `devices`, for all of the context's models; lives until shutdown returns */
} ib_init_params;

typedef struct ib_model_params {
  uint64_t struct_size;
  const ib_model_desc* desc;
  const char* precision;          /* one of the table's precisions */
  const ib_option_value* options; /* n_options of them: all of the schema */
  uint64_t n_options;
  /* The folder of the model's files (config.json, *.safetensors, tokenizer), or the model's GGUF file, for engines that
   * read files themselves; NULL where there is none, as for synthetic models. Lives until model_create returns. */
  const char* folder;
} ib_model_params;

/* What a model is, once created. Owned by the model; lives until model_destroy. */
typedef struct ib_model_info {
  uint64_t struct_size;
  uint64_t weights_bytes;        /* all weights resident, scales and padding included */
  uint64_t decode_weights_bytes; /* weight bytes that one decode step of one sequence reads */
  const char* device;            /* such as "cpu" */
  const char* kernels;           /* what was chosen, such as "avx512vnni" */
} ib_model_info;

typedef struct ib_session_params {
  uint64_t struct_size;
  int32_t n_slots;    /* sequences held at once, at least 1 */
  int32_t max_tokens; /* KV-cache positions per slot, 1 to max_positions */
  /* Most tokens of one forward call, summed over its sequences; 0 means n_slots * max_tokens. A backend may size
   * scratch memory by it; a forward call that exceeds it is IB_INVALID_ARGUMENT. */
  int32_t max_forward_tokens;
  int32_t reserved;
} ib_session_params;

/* Memory of a session now. Owned by the session; valid until the next call with that session. */
typedef struct ib_session_info {
  uint64_t struct_size;
  uint64_t kv_bytes;      /* KV cache reserved */
  uint64_t scratch_bytes; /* activations and other work space */
  uint64_t peak_bytes;    /* most that backend, model and this session ever held at once on the host */
  uint64_t device_bytes;  /* held on a device other than the host; 0 for CPU backends */
} ib_session_info;

/* ---- forward --------------------------------------------------------------------------------------------- */

/* `n_tokens` new tokens for the sequence in `slot`, appended after those it holds. Frozen. */
typedef struct ib_sequence {
  int32_t slot;          /* 0 to n_slots - 1; at most once in a call */
  int32_t n_tokens;      /* at least 1 */
  const int32_t* tokens; /* each 0 to vocab_size - 1 */
  int32_t output;        /* IB_OUTPUT_*: what the caller wants of this sequence */
  int32_t reserved;
} ib_sequence;

#define IB_OUTPUT_NONE 0        /* nothing; the KV cache advances */
#define IB_OUTPUT_LAST_LOGITS 1 /* one row of logits: after the last token */
#define IB_OUTPUT_ALL_LOGITS 2  /* n_tokens rows of logits: after each token */
#define IB_OUTPUT_GREEDY 3      /* one id: argmax of the last logits; the lowest id where equal */

typedef struct ib_forward_params {
  uint64_t struct_size;
  const ib_sequence* sequences; /* n_sequences of them, at least 1 */
  int32_t n_sequences;
  int32_t reserved;
  /* The caller's buffers. Rows of logits [vocab_size] of the sequences that want logits follow each other in the order
   * of the call, and so do the ids of those that want an id. Unused: NULL, 0. Too small is IB_INVALID_ARGUMENT. */
  float* logits;
  uint64_t logits_capacity; /* in floats */
  int32_t* ids;
  uint64_t ids_capacity; /* in ids */
} ib_forward_params;

/* ---- the table ------------------------------------------------------------------------------------------- */

typedef struct ib_context ib_context; /* threads, device handles */
typedef struct ib_model ib_model;     /* packed weights; immutable once created */
typedef struct ib_session ib_session; /* KV caches and scratch */

/* Two sessions may be inside forward at the same time, from two threads. */
#define IB_FLAG_CONCURRENT_SESSIONS UINT64_C(1)
/* forward may answer a prompt, or the beginning of one, from what it computed for an earlier sequence of the process.
 * Without this flag every token that is fed is computed. */
#define IB_FLAG_PROMPT_CACHE UINT64_C(2)
/* The features are not computed in every combination, but only in those that a published family has (GPT-2, Llama,
 * Qwen 2 and 3, Gemma 2 and 3): model_create of another one is IB_UNSUPPORTED. For engines that have whole graphs. */
#define IB_FLAG_WHOLE_FAMILIES UINT64_C(4)

typedef struct ib_backend {
  uint64_t magic;       /* IB_MAGIC */
  uint32_t abi_major;   /* IB_ABI_MAJOR */
  uint32_t abi_minor;   /* IB_ABI_MINOR */
  uint64_t struct_size; /* sizeof(ib_backend) */

  /* Strings and arrays live as long as the library (it is never unloaded). */
  const char* name;                    /* [a-z0-9_]+, such as "cpu_ref" */
  const char* version;                 /* of the backend */
  const char* build;                   /* compiler, flags, libraries: whatever tells two builds apart */
  const char* license;                 /* SPDX expression */
  const char* doc;                     /* one line */
  uint64_t flags;                      /* IB_FLAG_* */
  uint64_t features;                   /* IB_FEATURE_*: what it computes, at every precision and on every device */
  const ib_precision_info* precisions; /* at least one; the first is the default */
  uint64_t n_precisions;
  const ib_option_info* options;
  uint64_t n_options;
  /* Threads that libraries or drivers below the backend keep for themselves, beside n_threads: most at any time. They
   * compute nothing. */
  int32_t n_driver_threads;
  int32_t reserved;

  /* The devices that this machine offers to the backend, the default first. May be called before init and at any time
   * later, by the host's thread. The array lives as long as the library. May be NULL: only "cpu".
   * Returns: OK, UNSUPPORTED (this machine has none, or lacks a driver: `error` says what), INTERNAL. */
  ib_status (*devices)(const ib_device_info** devices, uint64_t* n_devices, ib_error* error);

  /* Starts the backend. May be called again after shutdown, and while another context lives.
   * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED (no such device; this machine lacks what it needs), OUT_OF_MEMORY,
   * INTERNAL. */
  ib_status (*init)(const ib_init_params* params, ib_context** context, ib_error* error);

  /* Frees the context and joins all of its threads before it returns. Its models are destroyed before. */
  void (*shutdown)(ib_context* context);

  /* Builds a model from the caller's tensors, which may be unmapped when it returns.
   * Returns: OK, INVALID_ARGUMENT, UNSUPPORTED (shape, dtype, precision, option on this machine),
   * OUT_OF_MEMORY, CANCELLED, DEVICE_LOST, INTERNAL. */
  ib_status (*model_create)(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error);

  /* Its sessions are destroyed before. */
  void (*model_destroy)(ib_model* model);

  /* Never NULL. Any thread. */
  const ib_model_info* (*model_info)(const ib_model* model);

  /* Returns: OK, INVALID_ARGUMENT, UNSUPPORTED, OUT_OF_MEMORY, DEVICE_LOST, INTERNAL. */
  ib_status (*session_create)(ib_model* model, const ib_session_params* params, ib_session** session, ib_error* error);

  void (*session_destroy)(ib_session* session);

  /* Never NULL. */
  const ib_session_info* (*session_info)(const ib_session* session);

  /* Advances sequences and writes the wanted output. Synchronous: when it returns, results are on the host and no
   * thread of the backend works on. Sequences of one call do not influence each other; feeding tokens in several
   * calls gives the same logits as in one, up to rounding.
   * INVALID_ARGUMENT (bad slot, slot twice, token outside the vocabulary, beyond max_tokens, buffer too small)
   * changes nothing. After any other failure but DEVICE_LOST, session_truncate each slot of the call to at most what
   * it held before; then the session is usable as if the call had not been made.
   * Returns: OK, INVALID_ARGUMENT, OUT_OF_MEMORY, CANCELLED, DEVICE_LOST, INTERNAL. */
  ib_status (*forward)(ib_session* session, const ib_forward_params* params, ib_error* error);

  /* Forgets what `slot` holds from position n_past on; 0 empties it. Allocates nothing. n_past beyond what it holds is
   * INVALID_ARGUMENT. Logits computed after it equal, bit for bit, those of a session that never saw the rest.
   * Returns: OK, INVALID_ARGUMENT, DEVICE_LOST. */
  ib_status (*session_truncate)(ib_session* session, int32_t slot, int32_t n_past, ib_error* error);

  /* May be NULL. The named extension's table (a const struct that starts with struct_size), or NULL where the backend
   * has none of that name. It lives as long as the library. */
  const void* (*extension)(const char* name);
} ib_backend;

/* The one symbol that a host looks up. */
#define IB_BACKEND_SYMBOL "inferbench_backend_v1"
extern IB_EXPORT const ib_backend inferbench_backend_v1;

/* The first four fields of the table. */
#define IB_BACKEND_HEADER IB_MAGIC, IB_ABI_MAJOR, IB_ABI_MINOR, sizeof(ib_backend)

/* ---- extension: profile ---------------------------------------------------------------------------------- */

#define IB_EXT_PROFILE_V1 "inferbench.profile.v1"

/* One operation on one thread. Times are CLOCK_MONOTONIC. Frozen. */
typedef struct ib_profile_event {
  const char* operation; /* such as "attn_qkv"; lives as long as the library */
  int32_t layer;         /* -1 outside the layers */
  int32_t thread;        /* 0 to n_threads - 1 */
  uint64_t begin_ns;
  uint64_t end_ns;
  uint64_t bytes; /* weight and KV bytes that this thread's part must read, 0 if unknown */
  uint64_t flops; /* arithmetic operations of this thread's part (a multiply-add is two), 0 if unknown */
} ib_profile_event;

typedef struct ib_profile_ext {
  uint64_t struct_size;
  /* Begins recording in `session`, keeping the first `capacity` events; allocates before it returns. */
  ib_status (*start)(ib_session* session, uint64_t capacity, ib_error* error);
  /* Ends recording. *events is owned by the session and lives until the next start or session_destroy.
   * *n_dropped counts events beyond the capacity. */
  ib_status (*stop)(ib_session* session, const ib_profile_event** events, uint64_t* n_events, uint64_t* n_dropped,
                    ib_error* error);
} ib_profile_ext;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* INFERBENCH_BACKEND_H */
