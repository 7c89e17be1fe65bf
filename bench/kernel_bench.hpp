// SPDX-License-Identifier: Apache-2.0
//
// Shared parts of the benchmarks of cpu_quant's kernels. Each round measures the limit and the kernel one after the
// other, so that the reported share (the median over the rounds) is valid on a machine whose speed drifts.
#pragma once

#include <benchmark/benchmark.h>
#include <kernels/kernels.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limits.hpp"

namespace inferbench::bench {

/// Registers the benchmarks of an instruction set that this machine supports, named KERNEL/.../name, for each thread
/// count.
void register_products(const cpu_quant::KernelTable& kernels, const std::string& name,
                       const std::vector<std::int64_t>& threads);
void register_attention(const cpu_quant::KernelTable& kernels, const std::string& name,
                        const std::vector<std::int64_t>& threads);
void register_rows(const cpu_quant::KernelTable& kernels, const std::string& name);

/// Each iteration measures the limit and the kernel. The benchmark reports the kernel's time itself (manual time).
void in_rounds(benchmark::internal::Benchmark* b);

double median(std::vector<double> x);

/// n values of a sine wave.
std::vector<float> wave(std::int64_t n);

/// Seconds per call of work on the team, averaged over as many calls as take about 2 ms (at least one).
double seconds_of(Team& team, const std::function<void(int)>& work);

}  // namespace inferbench::bench
