// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

namespace inferbench::cpu_ref {

/// What a product does with the old values of its result.
enum class Into { kReplace, kAdd };

/// As backend.h describes `forward`; `params` is checked already. Where the host cancels, throws Failure, and no
/// sequence has advanced.
void run_forward(Session& session, const ib_forward_params& params);

/// The first n_rows rows of session.x [rows, hidden_size] through layer `i`, in place; session.plan says whose they
/// are.
void run_layer(Session& session, std::int64_t i, std::int64_t n_rows);

/// What layer `i` does between the projections and attn_out, for `qkv` [rows, qkv_size], whose queries and keys it
/// changes in place where they are normed or rotated: out [rows, query_size].
void run_attention(Session& session, std::int64_t i, const Rows& qkv, const Rows& out);

/// y = the MLP of x, or y += that; x and y [rows, hidden_size]. `hidden` [rows, mlp_in_size] is work space.
void run_mlp(const Model& model, const Layer& layer, const Rows& x, const Rows& hidden, const Rows& y, Into into);

// ---- its operations, one file each ---------------------------------------------------------------------------

/// x[r] = embedding_scale * token_embedding[token of r] + position_embedding[position of r], for the rows of
/// session.plan
void embed(Session& session);

/// y[r] = norm(x[r]); both [rows, hidden_size]. y may be x.
void norm(const Model& model, const Norm& norm, const Rows& x, const Rows& y);
void norm_row(const Model& model, const Norm& norm, const float* x, float* y);

/// x[r] += norm(y[r]), and y is replaced by its norm.
void add_normed(const Model& model, const Norm& norm, const Rows& y, const Rows& x);

/// Inputs that a product sums at a time, each stretch from zero: a panel's stretch is 32 KiB.
constexpr std::int64_t kDepth = 256;

/// y = x * weight + bias, or y += that; a null bias is none. x [rows, inputs], y [rows, outputs].
void linear(const Engine& engine, const PackedMatrix& weight, const float* bias, const Rows& x, const Rows& y,
            Into into);

/// y[rows, columns] += x[rows, depth] * panel[depth, 32]; rows any, columns at most 32. The depth is summed in
/// stretches of kDepth, whatever the number of rows: that makes results the same bits in any batch.
void panel_product(const Kernels& kernels, const Rows& x, const float* panel, std::int64_t depth, const Rows& y,
                   std::int64_t columns);

/// Each head of queries and keys of `qkv` [rows, qkv_size] := its RMS norm, by the layer's weights.
void norm_heads(const Session& session, const Layer& layer, const Rows& qkv);

/// Each head of queries and keys of `qkv` [rows, qkv_size] is rotated by its row's position, which
/// session.rotary has reached.
void rotate_heads(const Session& session, const Layer& layer, const Rows& qkv);
/// One row [query_size + kv_size].
void rotate_row(const Session& session, const Layer& layer, std::int64_t position, float* row);

/// Stores keys and values of `qkv` [rows, qkv_size] in the cache, then, for each row and head, softmax(q k^T) v over
/// the row's position and those before it that the layer's window leaves: out [rows, query_size].
void attend(Session& session, std::int64_t layer, const Rows& qkv, const Rows& out);

/// The model's activation of each row's first intermediate_size values, in place; where the MLP is gated, times the
/// values after them. x [rows, mlp_in_size].
void activate(const Model& model, const Rows& x);
void activate_row(const Model& model, float* row);

/// The head for the rows of the present pass that the caller wants, and what the caller wants of it.
void write_outputs(Session& session, const ib_forward_params& params);

}  // namespace inferbench::cpu_ref
