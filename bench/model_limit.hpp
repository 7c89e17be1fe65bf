// SPDX-License-Identifier: Apache-2.0
//
// The limits that a point is compared with, each measured briefly between the point's runs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "measure/huge_buffer.hpp"
#include "measure/machine_isa.hpp"
#include "measure/machine_team.hpp"

namespace inferbench::bench {

/// Bytes per second that the threads read from a buffer, over and over; one sample at a time, for each access pattern.
class ReadLimit {
 public:
  ReadLimit(MachineTeam& team, std::uint64_t bytes);
  /// Takes about 30 ms per access pattern.
  void sample();
  /// The median of the fastest access pattern.
  double per_second() const;

 private:
  MachineTeam& team_;
  std::size_t slice_;
  HugeBuffer buffer_;
  ReadKernel kernel_;
  std::array<std::vector<double>, 3> samples_;
};

/// Operations per second of 8-bit products alone, with the instruction set that a backend reports, or with the widest
/// of this machine if the backend names none that we know.
class IntegerLimit {
 public:
  IntegerLimit(MachineTeam& team, std::string_view isa);
  /// Takes about 5 ms.
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
