// SPDX-License-Identifier: Apache-2.0
//
// cpu_quant's kernels against this machine's limits. Each round measures the limit and the kernel one after the other,
// so that the reported share (median of the rounds) holds on a machine whose speed drifts.
#include <benchmark/benchmark.h>
#include <kernels/kernels.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "limits.hpp"

namespace inferbench::bench {
namespace {

using namespace inferbench::cpu_quant;  // NOLINT: what this program is about

struct Shape {
  std::int32_t n;
  std::int32_t k;
  bool unsigned_rows;
};

// The linear layers of GPT-2 124M.
constexpr Shape kLayer[] = {{2304, 768, false}, {768, 768, false}, {3072, 768, false}, {768, 3072, true}};
constexpr Shape kHead = {50257, 768, false};

constexpr int kRounds = 15;  // pairs of limit and kernel; the share is their median

double median(std::vector<double> x) {
  std::nth_element(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2), x.end());
  return x[x.size() / 2];
}

// Any bytes are valid weights; scales must be small numbers.
void fill_weights(std::uint8_t* data, const Shape& s, bool int4) {
  const std::int64_t bytes = int4 ? i4_bytes(s.n, s.k) : i8_bytes(s.n, s.k);
  std::uint64_t state = 88172645463325252U;
  for (std::int64_t i = 0; i < bytes; i += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(data + i, &state, 8);
  }
  const float scale = 1e-4F;
  for (std::int32_t channel = 0; channel < n_tiles(s.n) * kTile; ++channel) {
    if (!int4) std::memcpy(data + i8_scale_offset(s.k, channel), &scale, 4);
    for (std::int32_t b = 0; int4 && b < n_super_blocks(s.k); ++b) {
      std::memcpy(data + i4_scale_offset(s.k, channel, b), &scale, 4);
    }
  }
}

std::vector<float> wave(std::int64_t n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i) * 0.7F) * 2.0F;
  return x;
}

// m quantized rows of k.
Memory rows_of(const KernelTable& kernels, std::int32_t m, std::int32_t k, bool unsigned_rows) {
  Memory rows(static_cast<std::size_t>(m * quantized_row_bytes(k)));
  std::vector<float> x = wave(std::int64_t{m} * k);
  if (unsigned_rows) {
    kernels.activate_quantize_rows(x.data(), k, m, whole_row(k), kActivationGeluTanh, 1, rows.data());
  } else {
    kernels.quantize_rows(x.data(), k, m, whole_row(k), rows.data());
  }
  return rows;
}

// One matrix of a model, its activations and result.
struct Matrix {
  Shape shape;
  const std::uint8_t* weights;
  const std::uint8_t* rows;
  float* c;
};

MatmulArgs args_of(const Matrix& matrix, std::int32_t m, bool int4) {
  MatmulArgs args = {};
  args.weights = matrix.weights;
  args.rows = matrix.rows;
  args.c = matrix.c;
  args.ldc = matrix.shape.n;
  args.m = m;
  args.n = matrix.shape.n;
  args.k = matrix.shape.k;
  args.unsigned_rows = matrix.shape.unsigned_rows && !int4 ? 1 : 0;
  return args;
}

// Seconds of one call of work on the team, by as many calls as take about 2 ms (one at least).
double seconds_of(Team& team, const std::function<void(int)>& work) {
  double total = 0.0;
  int calls = 0;
  for (; total < 2e-3; ++calls) total += team.run(work);
  return total / calls;
}

// The tiles that thread t of the team takes, at multiples of the panel.
std::pair<std::int32_t, std::int32_t> share_of(std::int32_t tiles, int t, int threads) {
  const auto cut = [&](int i) {
    return std::min(tiles, static_cast<std::int32_t>(round_up(std::int64_t{tiles} * i / threads, kPanelTiles)));
  };
  return {cut(t), cut(t + 1)};
}

// Matrices of a whole model (int4: 24 layers, so that they exceed the caches, too), one after the other in memory.
void BM_gemv(benchmark::State& state, Isa isa, bool int4) {
  const KernelTable* kernels = select_kernels(isa);
  if (kernels == nullptr) return state.SkipWithError("no such instruction set here");
  const auto m = static_cast<std::int32_t>(state.range(0));
  Team team(static_cast<int>(state.range(1)));
  std::vector<Shape> shapes;
  for (int i = 0; i < (int4 ? 24 : 12); ++i) shapes.insert(shapes.end(), std::begin(kLayer), std::end(kLayer));
  if (!int4) shapes.push_back(kHead);
  std::size_t bytes = 0;
  for (const Shape& s : shapes) bytes += static_cast<std::size_t>(int4 ? i4_bytes(s.n, s.k) : i8_bytes(s.n, s.k));
  const Memory weights(bytes);
  const Memory narrow = rows_of(*kernels, m, 768, false);
  const Memory wide = rows_of(*kernels, m, 3072, !int4);
  std::vector<float> c(static_cast<std::size_t>(m) * 50257);
  std::vector<Matrix> matrices;
  std::uint8_t* at = weights.data();
  for (const Shape& s : shapes) {
    fill_weights(at, s, int4);
    matrices.push_back({s, at, s.k == 768 ? narrow.data() : wide.data(), c.data()});
    at += int4 ? i4_bytes(s.n, s.k) : i8_bytes(s.n, s.k);
  }
  std::vector<double> shares;
  const auto gemv = int4 ? kernels->gemv_i4 : kernels->gemv_i8;
  for (auto _ : state) {
    const double limit = read_seconds(team, weights.data(), bytes);
    const double seconds = team.run([&](int t) {
      for (const Matrix& matrix : matrices) {
        const MatmulArgs args = args_of(matrix, m, int4);
        const auto [begin, end] = share_of(n_tiles(args.n), t, team.size());
        gemv(&args, begin, end);
      }
    });
    state.SetIterationTime(seconds);
    shares.push_back(limit / seconds);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(state.iterations()));
  state.counters["share_of_read_bandwidth"] = median(shares);
}

// Prefill: m rows, one of kLayer. int8 peak of AVX-512 VNNI is the limit.
void BM_gemm(benchmark::State& state, Isa isa, bool int4) {
  const KernelTable* kernels = select_kernels(isa);
  if (kernels == nullptr) return state.SkipWithError("no such instruction set here");
  const auto m = static_cast<std::int32_t>(state.range(0));
  const Shape shape = kLayer[state.range(1)];
  Team team(static_cast<int>(state.range(2)));
  const Memory weights(static_cast<std::size_t>(int4 ? i4_bytes(shape.n, shape.k) : i8_bytes(shape.n, shape.k)));
  fill_weights(weights.data(), shape, int4);
  const Memory rows = rows_of(*kernels, m, shape.k, shape.unsigned_rows && !int4);
  std::vector<float> c(static_cast<std::size_t>(m) * static_cast<std::size_t>(shape.n));
  std::vector<Memory> scratch;
  for (int t = 0; t < team.size(); ++t) scratch.emplace_back(static_cast<std::size_t>(gemm_scratch_bytes(shape.k)));
  const MatmulArgs args = args_of({shape, weights.data(), rows.data(), c.data()}, m, int4);
  const auto gemm = int4 ? kernels->gemm_i4 : kernels->gemm_i8;
  const double operations = 2.0 * m * shape.n * shape.k;
  std::vector<double> shares;
  for (auto _ : state) {
    const double peak = has_unit(Unit::DotProduct512) ? peak_operations(team, Unit::DotProduct512) : 0.0;
    const double seconds = seconds_of(team, [&](int t) {
      const auto [begin, end] = share_of(n_tiles(shape.n), t, team.size());
      gemm(&args, begin, end, 0, m, scratch[static_cast<std::size_t>(t)].data());
    });
    state.SetIterationTime(seconds);
    if (peak > 0.0) shares.push_back(operations / seconds / peak);
  }
  state.counters["GOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  if (!shares.empty()) state.counters["share_of_int8_peak"] = median(shares);
}

// 12 heads of 64: the last range(0) of range(1) positions.
void BM_attention(benchmark::State& state, Isa isa, std::int32_t kv_type) {
  const KernelTable* kernels = select_kernels(isa);
  if (kernels == nullptr) return state.SkipWithError("no such instruction set here");
  const auto n_rows = static_cast<std::int32_t>(state.range(0));
  const auto n_keys = static_cast<std::int32_t>(state.range(1));
  constexpr std::int32_t kHeads = 12;
  constexpr std::int32_t kDim = 64;
  Team team(static_cast<int>(state.range(2)));
  const auto head_bytes = static_cast<std::size_t>(kv_head_bytes(kv_type, n_keys, kDim));
  const Memory cache(head_bytes * kHeads);
  const Memory scratch(static_cast<std::size_t>(attention_scratch_bytes(kDim, n_keys) * team.size()));
  const std::vector<float> qkv = wave(std::int64_t{n_keys} * 3 * kHeads * kDim);
  std::vector<float> out(static_cast<std::size_t>(n_rows * kHeads * kDim));
  const auto args_for = [&](std::int32_t head, int t) {
    AttentionArgs a = {};
    a.q = qkv.data() + std::int64_t{n_keys - n_rows} * 3 * kHeads * kDim + head * kDim;
    a.k = qkv.data() + (kHeads + head) * kDim;
    a.v = qkv.data() + (2 * kHeads + head) * kDim;
    a.out = out.data() + head * kDim;
    a.cache = cache.data() + static_cast<std::size_t>(head) * head_bytes;
    a.scratch = scratch.data() + t * attention_scratch_bytes(kDim, n_keys);
    a.q_stride = a.kv_stride = 3 * kHeads * kDim;
    a.out_stride = kHeads * kDim;
    a.n_rows = n_rows;
    a.first_position = n_keys - n_rows;
    a.head_dim = kDim;
    a.capacity = n_keys;
    a.kv_type = kv_type;
    a.scale = 0.125F;
    return a;
  };
  for (std::int32_t head = 0; head < kHeads; ++head) {
    AttentionArgs a = args_for(head, 0);
    a.first_position = 0;
    a.n_rows = n_keys;
    kernels->kv_append(&a);
  }
  const double visible = n_rows * (n_keys - n_rows + (n_rows + 1) / 2.0);
  const double operations = visible * kDim * 4.0 * kHeads;
  const Unit unit = has_unit(Unit::FusedAdd512) ? Unit::FusedAdd512 : Unit::FusedAdd256;
  std::vector<double> shares;
  for (auto _ : state) {
    const double peak = has_unit(unit) ? peak_operations(team, unit) : 0.0;
    const double seconds = seconds_of(team, [&](int t) {
      for (std::int32_t head = t; head < kHeads; head += team.size()) {
        const AttentionArgs a = args_for(head, t);
        kernels->attention(&a);
      }
    });
    state.SetIterationTime(seconds);
    if (peak > 0.0) shares.push_back(operations / seconds / peak);
  }
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  if (!shares.empty()) state.counters["share_of_fp32_peak"] = median(shares);
}

enum class RowKernel { Quantize, LayerNorm, GeluTanhUnsigned, GeluErfUnsigned, KvAppend };

// One thread, range(0) rows; ns per value says what a prefill pays for it.
void BM_rows(benchmark::State& state, Isa isa, RowKernel kind) {
  const KernelTable* kernels = select_kernels(isa);
  if (kernels == nullptr) return state.SkipWithError("no such instruction set here");
  const auto m = static_cast<std::int32_t>(state.range(0));
  const std::int32_t k = kind == RowKernel::GeluTanhUnsigned || kind == RowKernel::GeluErfUnsigned ? 3072 : 768;
  std::vector<float> x = wave(std::int64_t{m} * k);
  for (float& v : x) v += 8.0F;  // GELU in place leaves such values as they are, call after call
  const std::vector<float> weight = wave(k);
  const Memory rows(static_cast<std::size_t>(m * quantized_row_bytes(k)));
  const Memory cache(static_cast<std::size_t>(12 * kv_head_bytes(kKvF16, m, 64)));
  Team alone(1);
  for (auto _ : state) {
    const double seconds = seconds_of(alone, [&](int) {
      switch (kind) {
        case RowKernel::Quantize:
          return kernels->quantize_rows(x.data(), k, m, whole_row(k), rows.data());
        case RowKernel::LayerNorm:
          return kernels->layernorm_quantize_rows(x.data(), k, m, k, weight.data(), weight.data(), 1e-5F, rows.data());
        case RowKernel::GeluTanhUnsigned:
          return kernels->activate_quantize_rows(x.data(), k, m, whole_row(k), kActivationGeluTanh, 1, rows.data());
        case RowKernel::GeluErfUnsigned:
          return kernels->activate_quantize_rows(x.data(), k, m, whole_row(k), kActivationGeluErf, 1, rows.data());
        case RowKernel::KvAppend:
          for (std::int32_t head = 0; head < 12; ++head) {
            AttentionArgs a = {};
            a.k = a.v = x.data() + head * 64;
            a.cache = cache.data() + head * kv_head_bytes(kKvF16, m, 64);
            a.kv_stride = k;
            a.n_rows = a.capacity = m;
            a.head_dim = 64;
            a.kv_type = kKvF16;
            kernels->kv_append(&a);
          }
      }
    });
    state.SetIterationTime(seconds);
  }
  state.counters["ns/value"] = benchmark::Counter(
      static_cast<double>(m) * k * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void add(benchmark::internal::Benchmark* b) {
  b->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(kRounds);
}

void register_isa(Isa isa, const std::string& name, const std::vector<std::int64_t>& threads) {
  for (const bool int4 : {false, true}) {
    const std::string kind = (int4 ? "/int4/" : "/int8/") + name;
    add(benchmark::RegisterBenchmark(("gemv" + kind).c_str(), BM_gemv, isa, int4)
            ->ArgNames({"rows", "threads"})
            ->ArgsProduct({{1, 2, 4, 8}, threads}));
    add(benchmark::RegisterBenchmark(("gemm" + kind).c_str(), BM_gemm, isa, int4)
            ->ArgNames({"rows", "shape", "threads"})
            ->ArgsProduct({{32, 512}, {0, 1, 2, 3}, threads}));
  }
  const std::pair<const char*, std::int32_t> types[] = {{"f32", kKvF32}, {"f16", kKvF16}, {"int8", kKvInt8}};
  for (const auto& [type, value] : types) {
    auto* b =
        benchmark::RegisterBenchmark(("attention/" + std::string(type) + "/" + name).c_str(), BM_attention, isa, value)
            ->ArgNames({"rows", "keys", "threads"});
    for (const std::int64_t t : threads)
      b->Args({512, 512, t})->Args({32, 32, t})->Args({1, 192, t})->Args({1, 1024, t});
    add(b);
  }
  const std::pair<const char*, RowKernel> rows[] = {{"quantize", RowKernel::Quantize},
                                                    {"layernorm_quantize", RowKernel::LayerNorm},
                                                    {"gelu_tanh_quantize", RowKernel::GeluTanhUnsigned},
                                                    {"gelu_erf_quantize", RowKernel::GeluErfUnsigned},
                                                    {"kv_append_f16", RowKernel::KvAppend}};
  for (const auto& [kind, value] : rows) {
    add(benchmark::RegisterBenchmark((std::string(kind) + "/" + name).c_str(), BM_rows, isa, value)
            ->ArgName("rows")
            ->Arg(1)
            ->Arg(64));
  }
}

}  // namespace
}  // namespace inferbench::bench

int main(int argc, char** argv) {
  using inferbench::cpu_quant::Isa;
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  const std::vector<std::int64_t> threads =
      cores > 1 ? std::vector<std::int64_t>{1, cores} : std::vector<std::int64_t>{1};
  inferbench::bench::register_isa(Isa::Amx, "amx", threads);
  inferbench::bench::register_isa(Isa::Avx512Vnni, "avx512vnni", threads);
  inferbench::bench::register_isa(Isa::AvxVnni, "avxvnni", threads);
  inferbench::bench::register_isa(Isa::Avx2, "avx2", threads);
  inferbench::bench::register_isa(Isa::Generic, "generic", threads);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
