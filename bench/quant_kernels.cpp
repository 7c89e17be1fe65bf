// SPDX-License-Identifier: Apache-2.0
//
// cpu_quant's kernels compared with this machine's limits: every benchmark, for every instruction set that this
// machine supports.
#include <benchmark/benchmark.h>
#include <kernels/kernels.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "kernel_bench.hpp"

int main(int argc, char** argv) {
  using inferbench::cpu_quant::Isa;
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  const std::vector<std::int64_t> threads =
      cores > 1 ? std::vector<std::int64_t>{1, cores} : std::vector<std::int64_t>{1};
  for (const Isa isa : {Isa::Amx, Isa::Avx512Vnni, Isa::AvxVnni, Isa::Avx2, Isa::Generic}) {
    const inferbench::cpu_quant::KernelTable* kernels = inferbench::cpu_quant::select_kernels(isa);
    if (kernels == nullptr) continue;
    inferbench::bench::register_products(*kernels, kernels->name, threads);
    inferbench::bench::register_attention(*kernels, kernels->name, threads);
    inferbench::bench::register_rows(*kernels, kernels->name);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
