// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_functions.hpp"

#define INFERBENCH_TEXT_OF(name) #name
#define INFERBENCH_TEXT(name) INFERBENCH_TEXT_OF(name)

namespace inferbench::cpu_ref::INFERBENCH_ISA {

const Kernels kKernels = {
    .name = INFERBENCH_TEXT(INFERBENCH_ISA),
    .tile_rows = kTileRows,
    .linear_tile = linear_tile,
    .softmax = softmax,
    .soft_cap = soft_cap,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .rotate = rotate,
    .gelu_tanh = gelu_tanh,
    .gelu_erf = gelu_erf,
    .relu = relu,
    .silu = silu,
    .multiply_by = multiply_by,
    .argmax = argmax,
};

}  // namespace inferbench::cpu_ref::INFERBENCH_ISA
