// SPDX-License-Identifier: Apache-2.0
//
// Attention: in cache, compared with the fp32 peak; for one token, from memory, compared with read bandwidth.
#include <atomic>
#include <utility>

#include "kernel_bench.hpp"

namespace inferbench::bench {
namespace {

using namespace inferbench::cpu_quant;  // NOLINT: the subject of this program

constexpr std::int32_t kHeads = 12;
constexpr std::int32_t kDim = 64;
constexpr std::int64_t kColumns = std::int64_t{kHeads} * kDim;

// The group of heads that one thread computes, split as in the plugin.
struct Group {
  std::int32_t first;
  std::int32_t n;
};

Group group_of(int t, int n_threads) {
  const std::int32_t first = kHeads * t / n_threads;
  return {first, kHeads * (t + 1) / n_threads - first};
}

// The arguments for rows of [q, k, v]. The caller sets the cache, the scratch, the position and the number of rows.
AttentionArgs group_args(const float* qkv, float* out, Group group, std::int32_t kv_type, std::int32_t capacity) {
  AttentionArgs a = {};
  a.q = qkv + group.first * kDim;
  a.k = a.q + kColumns;
  a.v = a.k + kColumns;
  a.out = out + group.first * kDim;
  a.q_stride = a.kv_stride = 3 * kColumns;
  a.out_stride = kColumns;
  a.head_dim = kDim;
  a.group_heads = a.n_heads = group.n;
  a.capacity = capacity;
  a.kv_type = kv_type;
  a.scale = 0.125F;
  return a;
}

// Attention of the last range(0) of range(1) positions.
void BM_attention(benchmark::State& state, const KernelTable* kernels, std::int32_t kv_type) {
  const auto n_rows = static_cast<std::int32_t>(state.range(0));
  const auto n_keys = static_cast<std::int32_t>(state.range(1));
  Team team(static_cast<int>(state.range(2)));
  const Memory cache(static_cast<std::size_t>(kv_group_bytes(kv_type, n_keys, kDim, kHeads)));
  const std::int64_t scratch_bytes = attention_scratch_bytes(kDim, n_keys, kHeads);
  const Memory scratch(static_cast<std::size_t>(scratch_bytes * team.size()));
  const std::vector<float> qkv = wave(n_keys * 3 * kColumns);
  std::vector<float> out(static_cast<std::size_t>(n_rows * kColumns));
  const auto args_for = [&](int t) {
    const Group group = group_of(t, team.size());
    AttentionArgs a = group_args(qkv.data(), out.data(), group, kv_type, n_keys);
    a.cache = cache.data() + kv_group_bytes(kv_type, n_keys, kDim, 1) * group.first;
    a.scratch = scratch.data() + t * scratch_bytes;
    return a;
  };
  for (int t = 0; t < team.size(); ++t) {
    AttentionArgs a = args_for(t);
    a.n_rows = n_keys;
    kernels->kv_append(&a);
  }
  const double visible = n_rows * (n_keys - n_rows + (n_rows + 1) / 2.0);
  const double operations = visible * kDim * 4.0 * kHeads;
  // With AMX, many rows have no single limit: the products use bf16 and the exponentials f32.
  const bool has_limit = kernels->isa != Isa::Amx || n_rows <= kAttentionFewRows;
  const Unit unit = has_unit(Unit::FusedAdd512) ? Unit::FusedAdd512 : Unit::FusedAdd256;
  std::vector<double> shares;
  for (auto _ : state) {
    const double peak = has_limit && has_unit(unit) ? peak_operations(team, unit) : 0.0;
    const double seconds = seconds_of(team, [&](int t) {
      AttentionArgs a = args_for(t);
      a.q += (n_keys - n_rows) * a.q_stride;
      a.n_rows = n_rows;
      a.first_position = n_keys - n_rows;
      (n_rows <= kAttentionFewRows ? kernels->attention_few : kernels->attention_many)(&a);
    });
    state.SetIterationTime(seconds);
    if (peak > 0.0) shares.push_back(operations / seconds / peak);
  }
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  if (!shares.empty()) state.counters["share_of_fp32_peak"] = median(shares);
}

// One token's attention over n keys, in one sequence after another of a KV cache that exceeds the CPU caches. Each
// sequence has room for n + 32 positions, as during generation. The limit is plain reading of the same runs of keys
// and values. The second counter compares that limit with reading everything in one stream.
void BM_attention_from_memory(benchmark::State& state, const KernelTable* kernels, std::int32_t kv_type) {
  const auto n_keys = static_cast<std::int32_t>(state.range(0));
  constexpr std::size_t kBytes = std::size_t{192} << 20;
  Team team(static_cast<int>(state.range(1)));
  const std::int32_t capacity = n_keys + 32;
  const auto sequence_bytes = static_cast<std::size_t>(kv_group_bytes(kv_type, capacity, kDim, kHeads));
  const auto n_sequences = kBytes / sequence_bytes;
  const Memory cache(sequence_bytes * n_sequences);
  const std::int64_t scratch_bytes = attention_scratch_bytes(kDim, capacity, kHeads);
  const Memory scratch(static_cast<std::size_t>(scratch_bytes * team.size()));
  const std::vector<float> qkv = wave(3 * kColumns);
  std::vector<float> out(static_cast<std::size_t>(kColumns));
  const auto run = [&](Group group) {
    return static_cast<std::size_t>(kv_keys_bytes(kv_type, n_keys, kDim, group.n) / 256 * 256);
  };
  const auto each_sequence = [&](int t, const auto& work) {
    const Group group = group_of(t, team.size());
    const std::int64_t offset = kv_group_bytes(kv_type, capacity, kDim, 1) * group.first;
    for (std::size_t i = 0; i < n_sequences; ++i) work(cache.data() + i * sequence_bytes + offset, group);
  };
  const double bytes = 2.0 * static_cast<double>(run({0, kHeads}) * n_sequences);
  std::vector<double> shares;
  std::vector<double> runs_shares;
  for (auto _ : state) {
    const double stream = read_seconds(team, cache.data(), cache.size()) / static_cast<double>(cache.size());
    std::atomic<std::uint64_t> sum{0};
    const double runs = team.run([&](int t) {
      each_sequence(t, [&](const std::uint8_t* at, Group group) {
        const std::int64_t values = kv_keys_bytes(kv_type, capacity, kDim, group.n);
        sum += read_bytes(at, run(group)) + read_bytes(at + values, run(group));
      });
    });
    benchmark::DoNotOptimize(sum.load());
    const double seconds = team.run([&](int t) {
      each_sequence(t, [&](std::uint8_t* at, Group group) {
        AttentionArgs a = group_args(qkv.data(), out.data(), group, kv_type, capacity);
        a.cache = at;
        a.scratch = scratch.data() + t * scratch_bytes;
        a.n_rows = 1;
        a.first_position = n_keys - 1;
        a.upcoming = at + sequence_bytes;
        a.upcoming_bytes = static_cast<std::int64_t>(run(group));
        kernels->attention_few(&a);
      });
    });
    state.SetIterationTime(seconds);
    shares.push_back(runs / seconds);
    runs_shares.push_back(stream * bytes / runs);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * static_cast<std::int64_t>(state.iterations()));
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
