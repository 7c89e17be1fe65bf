// SPDX-License-Identifier: Apache-2.0
//
// Row operations: quantization or rounding together with the operation before it, and writing keys and values.
#include <string>

#include "kernel_bench.hpp"

namespace inferbench::bench {
namespace {

using namespace inferbench::cpu_quant;  // NOLINT: the subject of this program

enum class RowKernel { Rows, LayerNorm, GeluTanhUnsigned, GeluErfUnsigned, KvAppend };

// One thread, range(0) rows. The result is the cost in a prefill, in ns per value.
void BM_rows(benchmark::State& state, const KernelTable* kernels, const RowKernels* to_rows, RowKernel kind) {
  const auto m = static_cast<std::int32_t>(state.range(0));
  const std::int32_t k = kind == RowKernel::GeluTanhUnsigned || kind == RowKernel::GeluErfUnsigned ? 3072 : 768;
  std::vector<float> x = wave(std::int64_t{m} * k);
  for (float& v : x) v += 8.0F;  // in-place GELU leaves such values unchanged, call after call
  const std::vector<float> weight = wave(k);
  const NormArgs norm = {weight.data(), weight.data(), 1e-5F};
  const Memory rows(static_cast<std::size_t>(m * row_bytes(to_rows->format, k)));
  const Memory cache(static_cast<std::size_t>(kv_group_bytes(kKvF16, m, 64, 12)));
  Team alone(1);
  std::vector<double> times;
  for (auto _ : state) {
    const double seconds = seconds_of(alone, [&](int) {
      switch (kind) {
        case RowKernel::Rows:
          return to_rows->from_floats(x.data(), k, m, whole_row(k), rows.data());
        case RowKernel::LayerNorm:
          return to_rows->from_norm(x.data(), k, m, k, &norm, rows.data());
        case RowKernel::GeluTanhUnsigned:
          return to_rows->from_activation(x.data(), k, m, whole_row(k), kActivationGeluTanh, 1, rows.data());
        case RowKernel::GeluErfUnsigned:
          return to_rows->from_activation(x.data(), k, m, whole_row(k), kActivationGeluErf, 1, rows.data());
        case RowKernel::KvAppend:
          AttentionArgs a = {};
          a.k = a.v = x.data();
          a.cache = cache.data();
          a.kv_stride = k;
          a.n_rows = a.capacity = m;
          a.head_dim = 64;
          a.group_heads = a.n_heads = 12;
          a.kv_type = kKvF16;
          return kernels->kv_append(&a);
      }
    });
    state.SetIterationTime(seconds);
    times.push_back(seconds);
  }
  state.counters["ns/value"] = median(times) * 1e9 / (static_cast<double>(m) * k);
}

}  // namespace

void register_rows(const KernelTable& kernels, const std::string& name) {
  struct Kind {
    const char* name;
    const RowKernels* to_rows;
    RowKernel kernel;
  };
  const RowKernels* few = &kernels.gemv_rows;
  const RowKernels* many = &kernels.gemm_rows;
  const Kind kinds[] = {{"quantize", few, RowKernel::Rows},
                        {"layernorm_quantize", few, RowKernel::LayerNorm},
                        {"gelu_tanh_quantize", few, RowKernel::GeluTanhUnsigned},
                        {"gelu_erf_quantize", few, RowKernel::GeluErfUnsigned},
                        {"kv_append_f16", few, RowKernel::KvAppend},
                        {"round", many, RowKernel::Rows},
                        {"layernorm_round", many, RowKernel::LayerNorm},
                        {"gelu_tanh_round", many, RowKernel::GeluTanhUnsigned},
                        {"gelu_erf_round", many, RowKernel::GeluErfUnsigned}};
  for (const Kind& kind : kinds) {
    if (kind.to_rows == many && many->format != RowFormat::Bf16) continue;
    in_rounds(benchmark::RegisterBenchmark((std::string(kind.name) + "/" + name).c_str(), BM_rows, &kernels,
                                           kind.to_rows, kind.kernel)
                  ->ArgName("rows")
                  ->Arg(1)
                  ->Arg(64));
  }
}

}  // namespace inferbench::bench
