// SPDX-License-Identifier: Apache-2.0
//
// What the benchmarks of cpu_quant's kernels share. Each round measures the limit and the kernel one after the other,
// so that the reported share (median of the rounds) holds on a machine whose speed drifts.
#pragma once

#include <benchmark/benchmark.h>
#include <kernels/kernels.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "limits.hpp"

namespace inferbench::bench {

/// Benchmarks of an instruction set that this machine runs, named KERNEL/.../name, for each number of threads.
void register_products(const cpu_quant::KernelTable& kernels, const std::string& name,
                       const std::vector<std::int64_t>& threads);
void register_attention(const cpu_quant::KernelTable& kernels, const std::string& name,
                        const std::vector<std::int64_t>& threads);
void register_rows(const cpu_quant::KernelTable& kernels, const std::string& name);

/// Pairs of limit and kernel by the clock that a benchmark keeps itself.
void in_rounds(benchmark::internal::Benchmark* b);

double median(std::vector<double> x);

/// n values of a sine.
std::vector<float> wave(std::int64_t n);

/// Seconds of one call of work on the team, by as many calls as take about 2 ms (one at least).
double seconds_of(Team& team, const std::function<void(int)>& work);

}  // namespace inferbench::bench
