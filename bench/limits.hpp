// SPDX-License-Identifier: Apache-2.0
//
// The limits of this machine, measured by the same threads that run the kernels.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace inferbench::bench {

/// n threads that spin while waiting, including the calling one, so that starting work costs well under 1 us.
class Team {
 public:
  explicit Team(int n_threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] int size() const { return n_threads_; }

  /// Runs work(thread) on every thread, 0 being the caller's. Returns the seconds until all have finished.
  double run(const std::function<void(int)>& work);

 private:
  void serve(int thread);

  int n_threads_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<int> round_{0};
  std::atomic<int> done_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

/// Zeroed memory, in huge pages if the system grants them.
class Memory {
 public:
  explicit Memory(std::size_t n_bytes);
  [[nodiscard]] std::uint8_t* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const;
  };
  std::size_t size_;
  std::unique_ptr<std::uint8_t, Free> data_;
};

/// Reads n bytes (a multiple of 256) once with the widest plain loads. Returns a value that depends on all of them.
std::uint64_t read_bytes(const std::uint8_t* data, std::size_t n);

/// Seconds that the team takes to read n bytes once with the widest plain loads; each thread reads a contiguous part.
double read_seconds(Team& team, const std::uint8_t* data, std::size_t n);

enum class Unit {
  DotProduct512,  // vpdpbusd on 512-bit registers: 128 operations
  FusedAdd512,    // vfmadd231ps on 512-bit registers: 32 operations
  FusedAdd256,    // vfmadd231ps on 256-bit registers: 16 operations
  TilesBf16       // tdpbf16ps on full tiles: 16384 operations
};

/// True if this processor has the unit. For tiles: select_kernels also requests them from the system.
bool has_unit(Unit unit);

/// Operations per second of the team when it executes only that instruction, on independent registers. Takes about 5
/// ms.
double peak_operations(Team& team, Unit unit);

}  // namespace inferbench::bench
