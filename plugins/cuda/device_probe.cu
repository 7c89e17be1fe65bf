// SPDX-License-Identifier: Apache-2.0
// Loops that do nothing but reach one limit of the device.
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "context.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "device_probe.hpp"
#include "inferbench/backend.hpp"
#include "inferbench/device_probe.h"

namespace inferbench::cuda_backend {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerProcessor = 8;
constexpr int kUnroll = 8;
constexpr float kWantedMs = 10;
constexpr int kMostRuns = 1 << 16;

__global__ void nothing() {}

// Sums 16 bytes at a time, so that the loads are not removed.
__global__ void read_all_of(const uint4* from, std::uint64_t count, unsigned* sink) {
  unsigned sum = 0;
  const std::uint64_t step = static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
  std::uint64_t i = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + (kUnroll - 1) * step < count; i += kUnroll * step) {
    uint4 values[kUnroll];
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) values[u] = __ldcs(from + i + u * step);
#pragma unroll
    for (int u = 0; u < kUnroll; ++u) sum ^= values[u].x ^ values[u].y ^ values[u].z ^ values[u].w;
  }
  for (; i < count; i += step) sum ^= from[i].x;
  if (sum == 0x9e3779b9U) *sink = sum;
}

constexpr int kChains = 8;  // independent, to hide the latency

__global__ void multiply_add_fp32(int rounds, float* sink) {
  float sums[kChains];
#pragma unroll
  for (int c = 0; c < kChains; ++c) sums[c] = static_cast<float>(threadIdx.x + c);
  const float factor = 0.999F + static_cast<float>(blockIdx.x) * 1e-9F;
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kChains; ++c) sums[c] = fmaf(sums[c], factor, 0.5F);
  }
  float total = 0;
#pragma unroll
  for (int c = 0; c < kChains; ++c) total += sums[c];
  if (total == -1) *sink = total;
}

__global__ void multiply_matrices_bf16(int rounds, float* sink) {
  float sums[kChains][4] = {};
  const unsigned one = 0x3f803f80U;  // two ones
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kChains; ++c) {
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
          : "+f"(sums[c][0]), "+f"(sums[c][1]), "+f"(sums[c][2]), "+f"(sums[c][3])
          : "r"(one));
    }
  }
  float total = 0;
#pragma unroll
  for (int c = 0; c < kChains; ++c) total += sums[c][0] + sums[c][1] + sums[c][2] + sums[c][3];
  if (total == -1) *sink = total;
}

__global__ void multiply_matrices_int8(int rounds, int* sink) {
  int sums[kChains][4] = {};
  const unsigned ones = 0x01010101U;
  for (int r = 0; r < rounds; ++r) {
#pragma unroll
    for (int c = 0; c < kChains; ++c) {
      asm volatile(
          "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%4,%4,%4}, {%4,%4}, {%0,%1,%2,%3};"
          : "+r"(sums[c][0]), "+r"(sums[c][1]), "+r"(sums[c][2]), "+r"(sums[c][3])
          : "r"(ones));
    }
  }
  int total = 0;
#pragma unroll
  for (int c = 0; c < kChains; ++c) total += sums[c][0] + sums[c][1] + sums[c][2] + sums[c][3];
  if (total == -1) *sink = total;
}

/// Two events on the stream of a context.
class Stopwatch {
 public:
  explicit Stopwatch(cudaStream_t stream) : stream_(stream) {
    check(cudaEventCreate(&begin_), "creating an event");
    check(cudaEventCreate(&end_), "creating an event");
  }
  ~Stopwatch() {
    if (begin_ != nullptr) cudaEventDestroy(begin_);
    if (end_ != nullptr) cudaEventDestroy(end_);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  template <typename Work>
  float milliseconds(const Work& work) {
    check(cudaEventRecord(begin_, stream_), "recording an event");
    work();
    check(cudaEventRecord(end_, stream_), "recording an event");
    check(cudaEventSynchronize(end_), "waiting for a probe");
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin_, end_), "reading a time");
    return ms;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

// Runs `work` once to warm up, then so often that it takes about kWantedMs. Returns the runs per second.
template <typename Work>
double runs_per_second(const Context& context, const Work& work) {
  Stopwatch watch(context.stream);
  watch.milliseconds(work);
  const float once = watch.milliseconds(work);
  const float wanted = once > 0 ? kWantedMs / once : kMostRuns;
  const int runs = wanted < 1 ? 1 : wanted > kMostRuns ? kMostRuns : static_cast<int>(wanted);
  const float ms = watch.milliseconds([&] {
    for (int i = 0; i < runs; ++i) work();
  });
  check_launch("a probe");
  if (!(ms > 0)) throw Failure(IB_INTERNAL, "a probe took no time");
  return 1e3 * runs / ms;
}

double read_rate(const Context& context, std::uint64_t bytes) {
  const std::uint64_t count = bytes / sizeof(uint4);
  if (count == 0) throw Failure(IB_INVALID_ARGUMENT, "too few bytes");
  const DeviceBuffer buffer(count * sizeof(uint4), "the buffer of a probe");
  const DeviceBuffer sink(sizeof(unsigned), "the result of a probe");
  const int blocks = context.n_multiprocessors * kBlocksPerProcessor;
  return static_cast<double>(count * sizeof(uint4)) * runs_per_second(context, [&] {
           read_all_of<<<blocks, kThreads, 0, context.stream>>>(buffer.as<uint4>(), count, sink.as<unsigned>());
         });
}

double copy_rate(const Context& context, std::uint64_t bytes, bool to_device) {
  if (bytes == 0) throw Failure(IB_INVALID_ARGUMENT, "too few bytes");
  const DeviceBuffer device(bytes, "the buffer of a probe");
  const HostBuffer host(bytes);
  void* to = to_device ? static_cast<void*>(device.data()) : host.as<void>();
  const void* from = to_device ? host.as<void>() : static_cast<void*>(device.data());
  const cudaMemcpyKind kind = to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost;
  return static_cast<double>(bytes) *
         runs_per_second(context, [&] { check(cudaMemcpyAsync(to, from, bytes, kind, context.stream), "copying"); });
}

constexpr int kRounds = 4096;

template <typename Launch>
double arithmetic_rate(const Context& context, double operations_per_block, const Launch& launch) {
  const DeviceBuffer sink(sizeof(float), "the result of a probe");
  const int blocks = context.n_multiprocessors * kBlocksPerProcessor;
  return operations_per_block * blocks * runs_per_second(context, [&] { launch(blocks, sink); });
}

double fp32_rate(const Context& context) {
  return arithmetic_rate(context, 2.0 * kRounds * kChains * kThreads, [&](int blocks, const DeviceBuffer& sink) {
    multiply_add_fp32<<<blocks, kThreads, 0, context.stream>>>(kRounds, sink.as<float>());
  });
}

double int8_rate(const Context& context) {
  const double per_block = 2.0 * 16 * 8 * 32 * kRounds * kChains * (kThreads / 32);
  return arithmetic_rate(context, per_block, [&](int blocks, const DeviceBuffer& sink) {
    multiply_matrices_int8<<<blocks, kThreads, 0, context.stream>>>(kRounds, sink.as<int>());
  });
}

double bf16_rate(const Context& context) {
  const double per_block = 2.0 * 16 * 8 * 16 * kRounds * kChains * (kThreads / 32);
  return arithmetic_rate(context, per_block, [&](int blocks, const DeviceBuffer& sink) {
    multiply_matrices_bf16<<<blocks, kThreads, 0, context.stream>>>(kRounds, sink.as<float>());
  });
}

// A library's product of large matrices reaches more on GPUs whose fastest instructions mma.sync is not. 0 without it.
double bf16_library_rate(Context& context) {
  constexpr std::int32_t kSize = 8192;
  constexpr std::uint64_t kBytes = std::uint64_t{kSize} * kSize * 2;
  if (!context.blas.open()) return 0;
  const DeviceBuffer x(kBytes, "the buffer of a probe");
  const DeviceBuffer w(kBytes, "the buffer of a probe");
  const DeviceBuffer y(kBytes, "the buffer of a probe");
  const Product product{x.data(), w.data(), y.data(), nullptr,       kSize,         kSize, kSize,
                        kSize,    kSize,    kSize,    Format::kBf16, Format::kBf16, false};
  if (!context.blas.run(product, context.stream)) return 0;
  return 2.0 * kSize * kSize * kSize * runs_per_second(context, [&] { context.blas.run(product, context.stream); });
}

double launch_rate(const Context& context, bool waits) {
  return runs_per_second(context, [&] {
    nothing<<<1, 1, 0, context.stream>>>();
    if (waits) check(cudaStreamSynchronize(context.stream), "waiting for a probe");
  });
}

struct Probed {
  double rate;
  const char* how;
};

Probed probe_bf16(Context& context) {
  const double own = bf16_rate(context);
  const double library = bf16_library_rate(context);
  return own >= library ? Probed{own, "mma.sync"} : Probed{library, "cuBLASLt"};
}

Probed probe_once(Context& context, std::int32_t probe, std::uint64_t bytes) {
  context.use();
  switch (probe) {
    case IB_PROBE_READ:
      return {read_rate(context, bytes), "16-byte loads"};
    case IB_PROBE_FP32:
      return {fp32_rate(context), "fma"};
    case IB_PROBE_BF16:
      return probe_bf16(context);
    case IB_PROBE_INT8:
      return {int8_rate(context), "mma.sync"};
    case IB_PROBE_LAUNCH:
      return {launch_rate(context, false), "an empty kernel"};
    case IB_PROBE_ROUND_TRIP:
      return {launch_rate(context, true), "an empty kernel"};
    case IB_PROBE_TO_DEVICE:
      return {copy_rate(context, bytes, true), "page-locked memory"};
    case IB_PROBE_FROM_DEVICE:
      return {copy_rate(context, bytes, false), "page-locked memory"};
    case IB_PROBE_CACHE:
      return {static_cast<double>(context.cache_bytes), "L2"};
    default:
      throw Failure(IB_UNSUPPORTED, "no probe " + std::to_string(probe));
  }
}

ib_status run_probe(ib_context* context, std::int32_t probe, std::uint64_t bytes, double* rate, const char** how,
                    ib_error* error) noexcept {
  return guard(error, [&] {
    require(context != nullptr && rate != nullptr && how != nullptr, "null argument");
    const Probed probed = probe_once(*reinterpret_cast<Context*>(context), probe, bytes);
    *rate = probed.rate;
    *how = probed.how;
  });
}

constexpr ib_device_probe_ext kProbe{sizeof(ib_device_probe_ext), run_probe};

}  // namespace

const void* device_probe_extension(const char* name) {
  return name != nullptr && std::strcmp(name, IB_EXT_DEVICE_PROBE_V1) == 0 ? &kProbe : nullptr;
}

}  // namespace inferbench::cuda_backend
