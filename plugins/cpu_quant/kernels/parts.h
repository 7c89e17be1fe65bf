// SPDX-License-Identifier: Apache-2.0
//
// Each kernel file fills its entries of an instruction set's table; select.cpp puts the tables together.
#pragma once

#include "kernels.h"

namespace inferbench::cpu_quant {

// Where a stream of weights is fetched ahead of its use: nowhere, where a processor's own prefetchers run far enough
// ahead of it; 8 KiB into the L1 cache; 16 KiB into the L2 cache, where the L1 cache waits for few lines at a time.
enum class FetchAhead { Nowhere, IntoL1, IntoL2 };

void add_matmul_generic(KernelTable* table);
void add_rows_generic(KernelTable* table);
void add_attention_generic(KernelTable* table);

void add_gemv_i8_avx2(KernelTable* table, FetchAhead ahead);
void add_gemm_i8_avx2(KernelTable* table);
void add_matmul_i4_avx2(KernelTable* table);
void add_rows_avx2(KernelTable* table);
void add_attention_avx2(KernelTable* table, FetchAhead ahead);

void add_matmul_avxvnni(KernelTable* table, FetchAhead ahead);

void add_gemv_i8_avx512(KernelTable* table, FetchAhead ahead);
void add_gemv_i4_avx512(KernelTable* table, FetchAhead ahead);
void add_gemm_avx512(KernelTable* table);
void add_rows_avx512(KernelTable* table);
void add_attention_avx512(KernelTable* table, FetchAhead ahead);

void add_gemm_amx(KernelTable* table);
void add_rows_amx(KernelTable* table);
void add_attention_amx(KernelTable* table);

}  // namespace inferbench::cpu_quant
