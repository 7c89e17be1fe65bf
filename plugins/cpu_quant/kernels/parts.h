// SPDX-License-Identifier: Apache-2.0
//
// Each kernel file fills its entries of an instruction set's table; select.cpp puts the tables together.
#pragma once

#include "kernels.h"

namespace inferbench::cpu_quant {

void add_matmul_generic(KernelTable* table);
void add_rows_generic(KernelTable* table);
void add_attention_generic(KernelTable* table);

void add_gemv_i8_avx2(KernelTable* table);
void add_gemm_i8_avx2(KernelTable* table);
void add_matmul_i4_avx2(KernelTable* table);
void add_rows_avx2(KernelTable* table);
void add_attention_avx2(KernelTable* table);

void add_matmul_i8_avxvnni(KernelTable* table);

// fetch_far: for a processor whose own prefetchers do not run far enough ahead of one stream.
void add_gemv_i8_avx512(KernelTable* table, bool fetch_far);
void add_gemv_i4_avx512(KernelTable* table, bool fetch_far);
void add_gemm_avx512(KernelTable* table);
void add_rows_avx512(KernelTable* table);
void add_attention_avx512(KernelTable* table);

void add_gemm_amx(KernelTable* table);

}  // namespace inferbench::cpu_quant
