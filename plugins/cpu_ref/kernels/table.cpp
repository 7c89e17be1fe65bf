// SPDX-License-Identifier: Apache-2.0
#include "kernels/kernel_functions.hpp"

#define INFERBENCH_TEXT_OF(name) #name
#define INFERBENCH_TEXT(name) INFERBENCH_TEXT_OF(name)

namespace inferbench::cpu_ref::INFERBENCH_ISA {

const Kernels kKernels = {
    INFERBENCH_TEXT(INFERBENCH_ISA), kTileRows, linear_tile, softmax, layer_norm, gelu_tanh, gelu_erf, relu, argmax,
};

}  // namespace inferbench::cpu_ref::INFERBENCH_ISA
