// SPDX-License-Identifier: Apache-2.0
//
// The limits that a point is held against, measured for a moment between its runs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "measure/huge_buffer.hpp"
#include "measure/machine_isa.hpp"
#include "measure/machine_team.hpp"

namespace inferbench::bench {

/// Bytes a second that the threads read over a buffer, again and again; sample by sample, for each way to walk it.
class ReadLimit {
 public:
  ReadLimit(MachineTeam& team, std::uint64_t bytes);
  /// About 30 ms for each way.
  void sample();
  /// The fastest way's median.
  double per_second() const;

 private:
  MachineTeam& team_;
  std::size_t slice_;
  HugeBuffer buffer_;
  ReadKernel kernel_;
  std::array<std::vector<double>, 3> samples_;
};

/// Operations a second of nothing but 8-bit products, by the instruction set that a backend says it uses, or by the
/// machine's widest where it names none of ours.
class IntegerLimit {
 public:
  IntegerLimit(MachineTeam& team, std::string_view isa);
  /// Some 5 ms.
  void sample();
  double per_second() const;

 private:
  double seconds();

  MachineTeam& team_;
  machine_kernels::PeakKernel kernel_;
  std::uint64_t turns_ = 1024;
  std::vector<double> samples_;
};

double median(std::vector<double> values);

}  // namespace inferbench::bench
