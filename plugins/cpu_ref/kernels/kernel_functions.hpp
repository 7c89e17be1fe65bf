// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.hpp"

// INFERBENCH_ISA is the namespace of the instruction set that the file is compiled for; see kernels.hpp for contracts.
namespace inferbench::cpu_ref::INFERBENCH_ISA {

#if defined(__AVX512F__)
constexpr int64_t kTileRows = 12;  // 24 of 32 registers hold sums
#else
constexpr int64_t kTileRows = 6;  // 12 of 16
#endif

void linear_tile(int64_t rows, const float* x, int64_t ldx, const float* panel, int64_t depth, float* y, int64_t ldy);
void softmax(float* scores, int64_t n, int64_t padded, float scale);
void soft_cap(float* x, int64_t n, float scale, float cap);
void layer_norm(const float* x, const float* weight, const float* bias, int64_t n, float epsilon, float* y);
void rms_norm(const float* x, const float* weight, int64_t n, float epsilon, float* y);
void rotate(float* head, const float* cosines, const float* sines, int64_t half);
void gelu_tanh(float* x, int64_t n);
void gelu_erf(float* x, int64_t n);
void relu(float* x, int64_t n);
void silu(float* x, int64_t n);
void multiply_by(float* x, const float* factors, int64_t n);
int64_t argmax(const float* x, int64_t n);

}  // namespace inferbench::cpu_ref::INFERBENCH_ISA
