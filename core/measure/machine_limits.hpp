// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// A rate that was measured several times.
struct MeasuredRate {
  double best = 0;    ///< per second: the limit
  double median = 0;  ///< far below best: the machine was disturbed
  std::string how;    ///< the fastest of those tried, such as "avx512vnni"

  friend bool operator==(const MeasuredRate&, const MeasuredRate&) = default;
};

/// Reading a buffer from its first byte to its last, again and again, its parts shared out to the threads. What is
/// larger than the last cache comes from memory.
struct ReadBandwidth {
  std::uint64_t buffer_bytes = 0;
  MeasuredRate bytes_per_s;

  friend bool operator==(const ReadBandwidth&, const ReadBandwidth&) = default;
};

struct ThreadLimits {
  std::int32_t threads = 0;
  std::vector<ReadBandwidth> read;  ///< ascending by size; sizes that did not fit into memory are missing
  MeasuredRate fp32_flops_per_s;    ///< a fused multiply-add is two operations
  MeasuredRate int8_ops_per_s;      ///< products of 8-bit integers summed in 32 bits; a multiply-add is two

  friend bool operator==(const ThreadLimits&, const ThreadLimits&) = default;
};

/// What this machine can do at most, as far as plain loops that do nothing else can find out.
struct MachineLimits {
  double clock_read_ns = 0;              ///< what one reading of the clock that times trials costs
  double call_overhead_ns = 0;           ///< of a forward call of a backend that does nothing; 0: not measured
  std::vector<ThreadLimits> by_threads;  ///< ascending

  /// The limits for `threads`, or null.
  const ThreadLimits* find(std::int32_t threads) const;

  friend bool operator==(const MachineLimits&, const MachineLimits&) = default;
};

/// Read bandwidth, best, over the buffer whose size is nearest to `bytes` (by ratio); 0 where none was measured.
double read_bandwidth_near(const ThreadLimits& limits, std::uint64_t bytes);

/// 1, 2, 4, ... and `most`, which is at least 1.
std::vector<std::int32_t> thread_ladder(std::int32_t most);

struct MachineOptions {
  /// Each at least 1 and at most the CPUs that the process may use; empty: the ladder up to all of them.
  std::vector<std::int32_t> thread_counts;
  /// Rounded up to whole pages for each thread; beyond half of the available memory they are skipped.
  std::vector<std::uint64_t> buffer_bytes = {16ULL << 20U, 60ULL << 20U, 120ULL << 20U, 512ULL << 20U};
  bool quick = false;  ///< fewer and shorter repetitions: less than half of the time, less certain
  /// Called before each part, with a line for the user; `fraction` of the parts are done. May be empty.
  std::function<void(double fraction, const std::string& what)> progress;
};

/// Measures, seconds long: about three for each thread count with the default buffers. Threads are pinned, one to a
/// CPU, cores before their hyperthreads; each touches first what it reads. Throws Error on impossible options.
MachineLimits measure_machine(const MachineOptions& options = {});

nlohmann::ordered_json to_json(const MachineLimits& limits);
/// Throws Error where `json` is not what to_json writes.
MachineLimits machine_limits_from_json(const nlohmann::ordered_json& json);

}  // namespace inferbench
