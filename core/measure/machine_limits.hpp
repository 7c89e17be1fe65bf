// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/precision.hpp"

namespace inferbench {

/// A rate, measured several times.
struct MeasuredRate {
  double best = 0;    ///< per second; taken as the limit
  double median = 0;  ///< per second; far below best: the machine was disturbed
  std::string how;    ///< the fastest variant, such as "avx512vnni"

  friend bool operator==(const MeasuredRate&, const MeasuredRate&) = default;
};

/// Reads a buffer from its first byte to its last, repeatedly, with each thread reading its own part. A buffer larger
/// than the last-level cache is read from memory.
struct ReadBandwidth {
  std::uint64_t buffer_bytes = 0;
  MeasuredRate bytes_per_s;

  friend bool operator==(const ReadBandwidth&, const ReadBandwidth&) = default;
};

struct ThreadLimits {
  std::int32_t threads = 0;
  std::vector<ReadBandwidth> read;  ///< ascending by size; sizes that did not fit into memory are left out
  MeasuredRate fp32_flops_per_s;    ///< a fused multiply-add counts as two operations
  MeasuredRate int8_ops_per_s;      ///< 8-bit products summed in 32 bits; a multiply-add counts as two operations

  friend bool operator==(const ThreadLimits&, const ThreadLimits&) = default;
};

/// The limits of a device other than the CPUs, as its backend measures them. A rate of 0: not measured.
struct DeviceLimits {
  std::string device;               ///< "cuda:0"
  std::string name;                 ///< "NVIDIA H200"
  std::vector<ReadBandwidth> read;  ///< of its own memory; ascending by size
  MeasuredRate fp32_flops_per_s;    ///< a multiply-add counts as two operations, here and below
  MeasuredRate bf16_flops_per_s;
  MeasuredRate int8_ops_per_s;
  MeasuredRate launches_per_s;     ///< of work that does nothing, without waiting for it
  MeasuredRate round_trips_per_s;  ///< the same, each waiting for its end
  MeasuredRate to_device_bytes_per_s;
  MeasuredRate from_device_bytes_per_s;
  std::uint64_t cache_bytes = 0;  ///< of the last cache before its memory; 0: unknown

  friend bool operator==(const DeviceLimits&, const DeviceLimits&) = default;
};

/// The limits of this machine, as measured by loops that do nothing else.
struct MachineLimits {
  double clock_read_ns = 0;              ///< cost of reading the clock that times trials
  double call_overhead_ns = 0;           ///< cost of a forward call to a backend that does nothing; 0: not measured
  std::vector<ThreadLimits> by_threads;  ///< ascending
  std::vector<DeviceLimits> by_device{};

  /// The limits for `threads`, or null.
  const ThreadLimits* find(std::int32_t threads) const;
  /// The limits of a device such as "cuda:0", or null.
  const DeviceLimits* find(std::string_view device) const;

  friend bool operator==(const MachineLimits&, const MachineLimits&) = default;
};

/// The best read bandwidth for the buffer whose size is nearest to `bytes` (by ratio); 0 if none was measured.
double read_bandwidth_near(const std::vector<ReadBandwidth>& read, std::uint64_t bytes);
double read_bandwidth_near(const ThreadLimits& limits, std::uint64_t bytes);

/// What a contender's work cannot be faster than, per second; 0: not measured.
struct WorkLimits {
  double bytes = 0;     ///< read
  double products = 0;  ///< operations of linear layers, in the precision's own format
  double fp32 = 0;      ///< operations of everything else
};

/// `bytes`: the size of the buffer that is read, or of all buffers that take turns. `precision`: what the backend says
/// of it, which decides the peak of products. Devices have units for products of 16 bits, which narrower weights are
/// widened to.
WorkLimits work_limits(const ThreadLimits& limits, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision);
WorkLimits work_limits(const DeviceLimits& limits, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision);
/// Of `device`, or with an empty one, or "cpu", of the CPUs with `threads`.
WorkLimits work_limits(const MachineLimits& limits, std::string_view device, std::int32_t threads, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision);

/// 1, 2, 4, ... and finally `most`, which is at least 1.
std::vector<std::int32_t> thread_ladder(std::int32_t most);

struct MachineOptions {
  /// Each at least 1 and at most the number of CPUs that the process may use; empty: the ladder up to that number.
  std::vector<std::int32_t> thread_counts;
  /// Rounded up to full pages per thread. Sizes beyond half of the available memory are skipped.
  std::vector<std::uint64_t> buffer_bytes = {16ULL << 20U, 60ULL << 20U, 120ULL << 20U, 512ULL << 20U};
  bool quick = false;  ///< fewer and shorter repetitions: takes less than half of the time, with less certain results
  /// Called before each part with a line for the user; `fraction` is the share of parts already done. May be empty.
  std::function<void(double fraction, const std::string& what)> progress;
};

/// Measures the limits; takes about three seconds per thread count with the default buffers. Threads are pinned to one
/// CPU each, physical cores before their hyperthreads, and each thread touches first the memory that it reads. Throws
/// Error for impossible options.
MachineLimits measure_machine(const MachineOptions& options = {});

nlohmann::ordered_json to_json(const DeviceLimits& limits);
DeviceLimits device_limits_from_json(const nlohmann::ordered_json& json);

nlohmann::ordered_json to_json(const MachineLimits& limits);
/// Throws Error if `json` was not written by to_json.
MachineLimits machine_limits_from_json(const nlohmann::ordered_json& json);

}  // namespace inferbench
