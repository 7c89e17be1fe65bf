// SPDX-License-Identifier: Apache-2.0
//
// Attention: in the caches against the fp32 peak, one token's from memory against reading.
#include <atomic>
#include <utility>

#include "kernel_bench.hpp"

namespace inferbench::bench {
namespace {

using namespace inferbench::cpu_quant;  // NOLINT: what this program is about

// 12 heads of 64: the last range(0) of range(1) positions.
void BM_attention(benchmark::State& state, const KernelTable* kernels, std::int32_t kv_type) {
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

// One token's attention over n keys, head after head of a cache that no other cache holds: room for n + 32 positions,
// as while a model generates. Of the runs of keys and values that it reads, plain reading is the limit; how much that
// is of reading everything in one stream, the other counter says.
void BM_attention_from_memory(benchmark::State& state, const KernelTable* kernels, std::int32_t kv_type) {
  const auto n_keys = static_cast<std::int32_t>(state.range(0));
  constexpr std::int32_t kDim = 64;
  constexpr std::size_t kBytes = std::size_t{192} << 20;
  Team team(static_cast<int>(state.range(1)));
  const std::int32_t capacity = n_keys + 32;
  const auto head_bytes = static_cast<std::size_t>(kv_head_bytes(kv_type, capacity, kDim));
  const auto heads = static_cast<std::int32_t>(kBytes / head_bytes) / team.size() * team.size();
  const Memory cache(head_bytes * static_cast<std::size_t>(heads));
  const Memory scratch(static_cast<std::size_t>(attention_scratch_bytes(kDim, capacity) * team.size()));
  const std::vector<float> qkv = wave(3 * kDim);
  std::vector<float> out(static_cast<std::size_t>(team.size()) * kDim);
  const auto run = static_cast<std::size_t>(n_keys * kDim * kv_element_bytes(kv_type) / 256 * 256);
  const std::int64_t values = kv_value_offset(kv_type, capacity, kDim);
  const auto each_head = [&](int t, const auto& work) {
    for (std::int32_t head = heads / team.size() * t; head < heads / team.size() * (t + 1); ++head) {
      work(cache.data() + static_cast<std::size_t>(head) * head_bytes);
    }
  };
  std::vector<double> shares;
  std::vector<double> runs_shares;
  for (auto _ : state) {
    const double stream = read_seconds(team, cache.data(), cache.size()) / static_cast<double>(cache.size());
    std::atomic<std::uint64_t> sum{0};
    const double runs = team.run([&](int t) {
      each_head(t, [&](const std::uint8_t* at) { sum += read_bytes(at, run) + read_bytes(at + values, run); });
    });
    benchmark::DoNotOptimize(sum.load());
    const double seconds = team.run([&](int t) {
      AttentionArgs a = {};
      a.q = qkv.data();
      a.out = out.data() + t * kDim;
      a.scratch = scratch.data() + t * attention_scratch_bytes(kDim, capacity);
      a.n_rows = 1;
      a.first_position = n_keys - 1;
      a.head_dim = kDim;
      a.capacity = capacity;
      a.kv_type = kv_type;
      a.scale = 0.125F;
      a.upcoming_bytes = static_cast<std::int64_t>(run);
      each_head(t, [&](std::uint8_t* at) {
        a.cache = at;
        a.upcoming = at + head_bytes;
        kernels->attention(&a);
      });
    });
    state.SetIterationTime(seconds);
    shares.push_back(runs / seconds);
    runs_shares.push_back(stream * 2.0 * static_cast<double>(run) * heads / runs);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(2 * run) * heads * static_cast<std::int64_t>(state.iterations()));
  state.counters["share_of_reading_its_runs"] = median(shares);
  state.counters["such_runs_of_one_stream"] = median(runs_shares);
}

}  // namespace

void register_attention(const KernelTable& kernels, const std::string& name, const std::vector<std::int64_t>& threads) {
  const std::pair<const char*, std::int32_t> types[] = {{"f32", kKvF32}, {"f16", kKvF16}, {"int8", kKvInt8}};
  for (const auto& [type, value] : types) {
    const std::string kind = std::string(type) + "/" + name;
    auto* b = benchmark::RegisterBenchmark(("attention/" + kind).c_str(), BM_attention, &kernels, value)
                  ->ArgNames({"rows", "keys", "threads"});
    for (const std::int64_t t : threads) {
      b->Args({512, 512, t})->Args({32, 32, t})->Args({1, 192, t})->Args({1, 1024, t});
    }
    in_rounds(b);
    in_rounds(benchmark::RegisterBenchmark(("attention_from_memory/" + kind).c_str(), BM_attention_from_memory,
                                           &kernels, value)
                  ->ArgNames({"keys", "threads"})
                  ->ArgsProduct({{160, 992}, threads}));
  }
}

}  // namespace inferbench::bench
