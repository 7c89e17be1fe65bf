// SPDX-License-Identifier: Apache-2.0
#include "measure/energy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "measure/clock.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

constexpr double kJoulesPerUj = 1e-6;
constexpr double kRaplStepS = 0.001;
constexpr double kNvmlStepS = 0.1;
// The error is at most one step at either end, so at most a tenth each.
constexpr double kLeastSteps = 10;
// More than a package draws. A counter that may have passed its range twice says nothing.
constexpr double kMostWatts = 1000;
constexpr std::chrono::milliseconds kIdlePeriod(1200);

std::optional<std::uint64_t> read_uint(const fs::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (!(file >> value)) return std::nullopt;
  return value;
}

std::string zone_name(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

struct Zone {
  fs::path energy;
  std::uint64_t range_uj = 0;
};

// The packages, and the memory below them. Cores and graphics are parts of a package; "psys" contains the packages; the
// same packages appear a second time as intel-rapl-mmio.
std::vector<Zone> find_zones(const fs::path& powercap) {
  std::vector<Zone> zones;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(powercap, problem)) {
    const std::string folder = entry.path().filename().string();
    if (!folder.starts_with("intel-rapl:")) continue;
    const std::string name = zone_name(entry.path() / "name");
    if (!name.starts_with("package") && name != "dram") continue;
    zones.push_back({entry.path() / "energy_uj", read_uint(entry.path() / "max_energy_range_uj").value_or(0)});
  }
  std::sort(zones.begin(), zones.end(), [](const Zone& a, const Zone& b) { return a.energy < b.energy; });
  return zones;
}

std::string why_unreadable(const fs::path& path) {
  errno = 0;
  std::ifstream file(path);
  const int reason = errno;
  std::uint64_t value = 0;
  if (file && (file >> value)) return {};
  return fmt::format("cannot read {}: {}", path.string(),
                     reason == 0 ? "it holds no number" : std::generic_category().message(reason));
}

// The sum over the parts; nullopt if one of them may have passed its range more than once.
std::optional<double> joules_between(const EnergyCounter& counter, const std::vector<std::uint64_t>& before,
                                     const std::vector<std::uint64_t>& after, double seconds) {
  double uj = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const std::uint64_t range = i < counter.range_uj.size() ? counter.range_uj[i] : 0;
    if (range > 0 && seconds * kMostWatts > kJoulesPerUj * static_cast<double>(range)) return std::nullopt;
    if (after[i] < before[i] && range == 0) return std::nullopt;
    uj += after[i] >= before[i] ? static_cast<double>(after[i] - before[i])
                                : static_cast<double>(range - before[i] + after[i]);
  }
  return kJoulesPerUj * uj;
}

}  // namespace

EnergyCounter no_counter(std::string source, std::string problem) {
  return {std::move(source), one_line(problem), 0};
}

EnergyCounter powercap_counter(const fs::path& powercap) {
  const std::vector<Zone> zones = find_zones(powercap);
  if (zones.empty()) return no_counter("cpu", fmt::format("{} has no processor package (RAPL)", powercap.string()));
  EnergyCounter counter{"cpu", {}, kRaplStepS};
  std::vector<fs::path> files;
  for (const Zone& zone : zones) {
    if (std::string reason = why_unreadable(zone.energy); !reason.empty()) return no_counter("cpu", std::move(reason));
    files.push_back(zone.energy);
    counter.range_uj.push_back(zone.range_uj);
  }
  counter.read = [files]() -> std::optional<std::vector<std::uint64_t>> {
    std::vector<std::uint64_t> values;
    for (const fs::path& file : files) {
      const auto value = read_uint(file);
      if (!value) return std::nullopt;
      values.push_back(*value);
    }
    return values;
  };
  return counter;
}

EnergyCounter nvml_counter(std::string source, NvmlDevice device) {
  try {
    device.energy_mj();
  } catch (const Error& error) {
    return no_counter(std::move(source), error.what());
  }
  EnergyCounter counter{std::move(source), {}, kNvmlStepS};
  counter.range_uj = {0};
  counter.read = [device = std::move(device)]() -> std::optional<std::vector<std::uint64_t>> {
    try {
      return std::vector<std::uint64_t>{1000 * device.energy_mj()};
    } catch (const Error&) {
      return std::nullopt;
    }
  };
  return counter;
}

EnergyMeter::EnergyMeter(const EnergyCounter& counter) : counter_(counter) {
  if (counter_.read) before_ = counter_.read();
  begin_ns_ = now_ns();
}

EnergyUse EnergyMeter::seen() const {
  const double seconds = elapsed_ms(begin_ns_, now_ns()) * 1e-3;
  if (!counter_.read) return {std::nullopt, std::nullopt, counter_.problem};
  const auto after = counter_.read();
  if (!before_ || !after || before_->size() != after->size()) {
    return {std::nullopt, std::nullopt, fmt::format("the counter of {} could not be read", counter_.source)};
  }
  if (seconds < kLeastSteps * counter_.step_s) {
    return {std::nullopt, std::nullopt,
            fmt::format("too short: the counter of {} advances every {:.0f} ms, so it needs {:.2g} s", counter_.source,
                        1e3 * counter_.step_s, kLeastSteps * counter_.step_s)};
  }
  const auto joules = joules_between(counter_, *before_, *after, seconds);
  if (!joules) {
    return {std::nullopt, std::nullopt, fmt::format("the counter of {} may have begun anew", counter_.source)};
  }
  return {joules, *joules / seconds, {}};
}

std::vector<IdlePower> measure_idle_power(const std::vector<EnergyCounter>& counters) {
  std::vector<EnergyMeter> meters(counters.begin(), counters.end());
  if (std::any_of(counters.begin(), counters.end(), [](const EnergyCounter& one) { return one.read != nullptr; })) {
    std::this_thread::sleep_for(kIdlePeriod);
  }
  std::vector<IdlePower> idle;
  for (std::size_t i = 0; i < counters.size(); ++i) {
    EnergyUse use = meters[i].seen();
    idle.push_back({counters[i].source, use.watts, std::move(use.unknown)});
  }
  return idle;
}

}  // namespace inferbench
