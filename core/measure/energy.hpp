// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "measure/nvml.hpp"

namespace inferbench {

/// Where Linux shows the energy counters of processors (RAPL, through the powercap framework).
inline constexpr const char* kPowercapFolder = "/sys/class/powercap";

/// A counter of energy. It may have several parts, such as one per processor package.
struct EnergyCounter {
  std::string source;   ///< "cpu", "cuda:0"
  std::string problem;  ///< why it cannot be read, as one line; empty: it can
  double step_s = 0;    ///< it advances in steps of about this time
  /// Microjoules of each part; absent if they cannot be read now. Empty function if there is a problem.
  std::function<std::optional<std::vector<std::uint64_t>>()> read{};
  std::vector<std::uint64_t> range_uj{};  ///< of each part: where it starts again at 0; 0: never
};

/// The processor packages and their memory, if that is counted separately: everything below them in `powercap`
/// ("intel-rapl:0", "intel-rapl:0:1"; AMD's processors have the same names).
EnergyCounter powercap_counter(const std::filesystem::path& powercap = kPowercapFolder);

/// The GPU, its memory and its board.
EnergyCounter nvml_counter(std::string source, NvmlDevice device);

/// A counter that cannot be read.
EnergyCounter no_counter(std::string source, std::string problem);

/// Energy of a period.
struct EnergyUse {
  std::optional<double> joules;
  std::optional<double> watts;  ///< the mean
  std::string unknown;          ///< why both are absent, as one line
};

/// Measures from construction until `seen`. `counter` must outlive it.
class EnergyMeter {
 public:
  explicit EnergyMeter(const EnergyCounter& counter);
  EnergyUse seen() const;

 private:
  const EnergyCounter& counter_;
  std::optional<std::vector<std::uint64_t>> before_;
  std::uint64_t begin_ns_ = 0;
};

/// The power of a device while the program waits, for comparison.
struct IdlePower {
  std::string source;
  std::optional<double> watts;
  std::string unknown;  ///< why it is absent

  friend bool operator==(const IdlePower&, const IdlePower&) = default;
};

/// Waits about a second if one of the counters can be read.
std::vector<IdlePower> measure_idle_power(const std::vector<EnergyCounter>& counters);

}  // namespace inferbench
