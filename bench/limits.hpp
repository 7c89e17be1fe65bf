// SPDX-License-Identifier: Apache-2.0
//
// What this machine can do at most, measured by the threads that the kernels run on.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace inferbench::bench {

/// n threads that wait spinning, the calling one included, so that starting work costs well under a microsecond.
class Team {
 public:
  explicit Team(int n_threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] int size() const { return n_threads_; }

  /// Runs work(thread) on all threads, 0 being the caller's; returns the seconds until all have finished.
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

/// Zeroed memory in huge pages where granted.
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

/// Reads n bytes, a multiple of 256, once with the widest plain loads; returns something that depends on all of them.
std::uint64_t read_bytes(const std::uint8_t* data, std::size_t n);

/// Seconds that the team takes to read n bytes once, each thread its contiguous part, with the widest plain loads.
double read_seconds(Team& team, const std::uint8_t* data, std::size_t n);

enum class Unit {
  DotProduct512,  // vpdpbusd on 512-bit registers: 128 operations
  FusedAdd512,    // vfmadd231ps on 512-bit registers: 32 operations
  FusedAdd256,    // vfmadd231ps on 256-bit registers: 16 operations
  TilesBf16       // tdpbf16ps of whole tiles: 16384 operations
};

/// Does this processor have the unit? Of the tiles: and has this process, which asks for them by select_kernels, got
/// them?
bool has_unit(Unit unit);

/// Operations a second of the team with nothing but that instruction, on independent registers; takes about 5 ms.
double peak_operations(Team& team, Unit unit);

}  // namespace inferbench::bench
