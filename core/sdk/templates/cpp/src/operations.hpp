// SPDX-License-Identifier: Apache-2.0
//
// GPT-2's operations on one token. Sums are double: slow, but close to the exact result whatever the width. A fast
// backend would be measured against it.
#pragma once

#include <span>

#include "model.hpp"

/// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias; all of the same length.
void layer_norm(std::span<const float> x, const LayerNorm& norm, double epsilon, std::span<float> y);

/// sums[n_out] = x[n_in] * weight + bias.
void apply(const Linear& linear, std::span<const float> x, std::span<double> sums);

/// IB_ACTIVATION_* of one number.
double activate(std::int32_t activation, double x);

/// One head: out[n] = softmax(scale * q keys^T) values over `weights.size()` positions, `stride` floats apart.
void attend(std::span<const float> q, const float* keys, const float* values, std::size_t stride, double scale,
            std::span<double> weights, std::span<float> out);

/// logits[vocab] = head[vocab, width] * x[width].
void apply_head(std::span<const float> head, std::span<const float> x, std::span<float> logits);
