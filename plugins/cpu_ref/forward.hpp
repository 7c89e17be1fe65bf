// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "session.hpp"

namespace inferbench::cpu_ref {

/// As backend.h describes `forward`; `params` is checked already. Where the host cancels, throws Failure, and no
/// sequence has advanced.
void run_forward(Session& session, const ib_forward_params& params);

/// The first n_rows rows of session.x [rows, width] through layer `i`, in place; session.plan says whose they are.
void run_layer(Session& session, std::int64_t i, std::int64_t n_rows);

// ---- its operations, one file each ---------------------------------------------------------------------------

/// x[r] = embedding[token of r] + position_embedding[position of r], for the rows of session.plan
void embed(Session& session);

/// y[r] = layer_norm(x[r]); both [rows, width].
void layer_norm(const Model& model, const Norm& norm, const Rows& x, const Rows& y);

/// What linear does with y's old values.
enum class Into { kReplace, kAdd };

/// y = x * weight + bias, or y += that; a null bias is none. x [rows, inputs], y [rows, outputs].
void linear(const Engine& engine, const PackedMatrix& weight, const float* bias, const Rows& x, const Rows& y,
            Into into);

/// y[rows, columns] += x[rows, depth] * panel[depth, 32]; rows any, columns at most 32. The depth is summed in
/// stretches of kDepth, each from zero, whatever the number of rows: that makes results the same bits in any batch.
void panel_product(const Kernels& kernels, const Rows& x, const float* panel, std::int64_t depth, const Rows& y,
                   std::int64_t columns);

/// Stores keys and values of `qkv` [rows, 3 width] in the cache, then, for each row and head, softmax(q k^T) v over the
/// row's position and those before it: out [rows, width].
void attention(Session& session, std::int64_t layer, const Rows& qkv, const Rows& out);

/// The model's activation of n values, in place.
using Activation = void (*)(float* x, std::int64_t n);
Activation activation_of(const Model& model);

/// The model's activation on each element, in place; x [rows, inner].
void activate(const Model& model, const Rows& x);

}  // namespace inferbench::cpu_ref
