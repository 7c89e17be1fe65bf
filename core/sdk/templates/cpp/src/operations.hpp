// SPDX-License-Identifier: Apache-2.0
//
// The operations on one token. Sums are double: slow, but close to the exact result whatever the sizes. A fast backend
// would be measured against it.
#pragma once

#include <span>

#include "model.hpp"

/// y = norm(x) of kind IB_NORM_*; x and y may be the same.
void apply_norm(std::int32_t kind, const Norm& norm, double epsilon, std::span<const float> x, std::span<float> y);

/// y[n_out] = x[n_in] * transpose(weight) + bias.
void apply_linear(const Linear& linear, std::span<const float> x, std::span<float> y);

/// IB_ACTIVATION_* of one number.
double activate(std::int32_t activation, double x);

/// cap * tanh(x / cap), or x where `cap` is 0.
double soft_cap(double x, double cap);

/// Rotates one head to its position, by halves. frequencies: [head_dim / 2].
void rotate(std::span<float> head, std::int32_t position, std::span<const double> frequencies, double scale);

/// One head of queries: out = softmax(cap(scale * q keys^T)) values over `scores.size()` positions. Keys and values of
/// consecutive positions are `stride` floats apart. `scores` is work space.
void attend(std::span<const float> q, const float* keys, const float* values, std::size_t stride, double scale,
            double cap, std::span<double> scores, std::span<float> out);

/// logits[vocab_size] = cap(head[vocab_size, hidden_size] * x[hidden_size]).
void apply_head(std::span<const float> head, std::span<const float> x, double cap, std::span<float> logits);
