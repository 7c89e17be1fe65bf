// SPDX-License-Identifier: Apache-2.0
//
// Matrix products: few rows compared with memory and cache bandwidth, many rows compared with the int8 peak.
#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel_bench.hpp"

namespace inferbench::bench {
namespace {

using namespace inferbench::cpu_quant;  // NOLINT: the subject of this program

struct Shape {
  std::int32_t n;
  std::int32_t k;
  bool unsigned_rows;
};

// The linear layers of GPT-2 124M.
constexpr Shape kLayer[] = {{2304, 768, false}, {768, 768, false}, {3072, 768, false}, {768, 3072, true}};
constexpr Shape kHead = {50257, 768, false};

// Any bytes are valid weights, but scales must be small numbers.
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

// m rows of k values.
Memory rows_of(const RowKernels& to_rows, std::int32_t m, std::int32_t k, bool unsigned_rows) {
  Memory rows(static_cast<std::size_t>(m * row_bytes(to_rows.format, k)));
  std::vector<float> x = wave(std::int64_t{m} * k);
  if (unsigned_rows) {
    to_rows.from_activation(x.data(), k, m, whole_row(k), kActivationGeluTanh, 1, rows.data());
  } else {
    to_rows.from_floats(x.data(), k, m, whole_row(k), rows.data());
  }
  return rows;
}

// One matrix of a model, with its activations and its result.
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

// The tiles of thread t of the team, cut at multiples of the panel.
std::pair<std::int32_t, std::int32_t> tile_range(std::int32_t tiles, int t, int threads) {
  const auto cut = [&](int i) {
    return std::min(tiles, static_cast<std::int32_t>(round_up(std::int64_t{tiles} * i / threads, kPanelTiles)));
  };
  return {cut(t), cut(t + 1)};
}

// The matrices of a complete model, contiguous in memory (int4: 24 layers, so that they too exceed the caches).
void BM_gemv(benchmark::State& state, const KernelTable* kernels, bool int4) {
  const auto m = static_cast<std::int32_t>(state.range(0));
  Team team(static_cast<int>(state.range(1)));
  std::vector<Shape> shapes;
  for (int i = 0; i < (int4 ? 24 : 12); ++i) shapes.insert(shapes.end(), std::begin(kLayer), std::end(kLayer));
  if (!int4) shapes.push_back(kHead);
  std::size_t bytes = 0;
  for (const Shape& s : shapes) bytes += static_cast<std::size_t>(int4 ? i4_bytes(s.n, s.k) : i8_bytes(s.n, s.k));
  const Memory weights(bytes);
  const Memory narrow = rows_of(kernels->gemv_rows, m, 768, false);
  const Memory wide = rows_of(kernels->gemv_rows, m, 3072, !int4);
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
        const auto [begin, end] = tile_range(n_tiles(args.n), t, team.size());
        gemv(&args, begin, end);
      }
    });
    state.SetIterationTime(seconds);
    shares.push_back(limit / seconds);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(state.iterations()));
  state.counters["share_of_read_bandwidth"] = median(shares);
}

// Products alone: m rows, and a few hundred KB of weights per thread, which stay in its L2 cache.
void BM_gemv_in_l2(benchmark::State& state, const KernelTable* kernels, bool int4) {
  const auto m = static_cast<std::int32_t>(state.range(0));
  const Shape shape = {256, 768, false};
  Team team(static_cast<int>(state.range(1)));
  const auto bytes = int4 ? i4_bytes(shape.n, shape.k) : i8_bytes(shape.n, shape.k);
  const Memory weights(static_cast<std::size_t>(bytes * team.size()));
  for (int t = 0; t < team.size(); ++t) fill_weights(weights.data() + t * bytes, shape, int4);
  const Memory rows = rows_of(kernels->gemv_rows, m, shape.k, false);
  std::vector<std::vector<float>> c(static_cast<std::size_t>(team.size()),
                                    std::vector<float>(static_cast<std::size_t>(m * shape.n)));
  const auto gemv = int4 ? kernels->gemv_i4 : kernels->gemv_i8;
  const double operations = 2.0 * m * shape.n * shape.k * team.size();
  std::vector<double> shares;
  std::vector<double> times;
  for (auto _ : state) {
    const double peak = has_unit(Unit::DotProduct512) ? peak_operations(team, Unit::DotProduct512) : 0.0;
    const double seconds = seconds_of(team, [&](int t) {
      float* result = c[static_cast<std::size_t>(t)].data();
      const MatmulArgs args = args_of({shape, weights.data() + t * bytes, rows.data(), result}, m, int4);
      gemv(&args, 0, n_tiles(shape.n));
    });
    state.SetIterationTime(seconds);
    times.push_back(seconds);
    if (peak > 0.0) shares.push_back(operations / seconds / peak);
  }
  state.counters["ns/group"] = median(times) * 1e9 / (n_tiles(shape.n) * n_groups(shape.k));
  state.counters["GOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  if (!shares.empty()) state.counters["share_of_int8_peak"] = median(shares);
}

// Prefill: m rows times one of kLayer. The limit is the int8 peak of AVX-512 VNNI or, for bf16 products, the peak of
// AMX.
void BM_gemm(benchmark::State& state, const KernelTable* kernels, bool int4) {
  const auto m = static_cast<std::int32_t>(state.range(0));
  const Shape shape = kLayer[state.range(1)];
  Team team(static_cast<int>(state.range(2)));
  const Memory weights(static_cast<std::size_t>(int4 ? i4_bytes(shape.n, shape.k) : i8_bytes(shape.n, shape.k)));
  fill_weights(weights.data(), shape, int4);
  const Memory rows = rows_of(kernels->gemm_rows, m, shape.k, shape.unsigned_rows && !int4);
  std::vector<float> c(static_cast<std::size_t>(m) * static_cast<std::size_t>(shape.n));
  std::vector<Memory> scratch;
  for (int t = 0; t < team.size(); ++t) scratch.emplace_back(static_cast<std::size_t>(gemm_scratch_bytes(shape.k)));
  const MatmulArgs args = args_of({shape, weights.data(), rows.data(), c.data()}, m, int4);
  const auto gemm = int4 ? kernels->gemm_i4 : kernels->gemm_i8;
  const double operations = 2.0 * m * shape.n * shape.k;
  const bool bf16 = kernels->gemm_rows.format == RowFormat::Bf16;
  const Unit unit = bf16 ? Unit::TilesBf16 : Unit::DotProduct512;
  std::vector<double> shares;
  for (auto _ : state) {
    const double peak = has_unit(unit) ? peak_operations(team, unit) : 0.0;
    const double seconds = seconds_of(team, [&](int t) {
      const auto [begin, end] = tile_range(n_tiles(shape.n), t, team.size());
      gemm(&args, begin, end, 0, m, scratch[static_cast<std::size_t>(t)].data());
    });
    state.SetIterationTime(seconds);
    if (peak > 0.0) shares.push_back(operations / seconds / peak);
  }
  state.counters["GOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  if (!shares.empty()) state.counters[bf16 ? "share_of_bf16_peak" : "share_of_int8_peak"] = median(shares);
}

}  // namespace

void register_products(const KernelTable& kernels, const std::string& name, const std::vector<std::int64_t>& threads) {
  for (const bool int4 : {false, true}) {
    const std::string kind = (int4 ? "/int4/" : "/int8/") + name;
    in_rounds(benchmark::RegisterBenchmark(("gemv" + kind).c_str(), BM_gemv, &kernels, int4)
                  ->ArgNames({"rows", "threads"})
                  ->ArgsProduct({{1, 2, 4, 8}, threads}));
    in_rounds(benchmark::RegisterBenchmark(("gemv_in_l2" + kind).c_str(), BM_gemv_in_l2, &kernels, int4)
                  ->ArgNames({"rows", "threads"})
                  ->ArgsProduct({{1, 2, 4, 8}, threads}));
    in_rounds(benchmark::RegisterBenchmark(("gemm" + kind).c_str(), BM_gemm, &kernels, int4)
                  ->ArgNames({"rows", "shape", "threads"})
                  ->ArgsProduct({{32, 512}, {0, 1, 2, 3}, threads}));
  }
}

}  // namespace inferbench::bench
