// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

namespace nvml {
struct DeviceHandle;
}

/// Where drivers keep NVIDIA's management library (NVML).
inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

/// A GPU as NVML sees it. All functions ask the driver; absent: it does not say. May be used from any thread.
class NvmlDevice {
 public:
  struct Memory {
    std::uint64_t total_bytes = 0;
    std::uint64_t used_bytes = 0;  ///< by all processes and the driver
  };
  /// A process that has a CUDA context on the GPU. Inside a container, the driver may know it by another id.
  struct Process {
    std::uint32_t pid = 0;
    std::optional<std::uint64_t> used_bytes;
  };
  /// How busy a process kept the GPU in a period that ended at `at_us`.
  struct Use {
    std::uint32_t pid = 0;
    std::uint64_t at_us = 0;  ///< CLOCK_REALTIME
    double sm_percent = 0;
  };

  std::string name() const;  ///< empty: unknown, like the next two
  std::string uuid() const;
  std::string pci_bus() const;
  std::optional<Memory> memory() const;
  std::optional<double> sm_clock_mhz() const;
  std::optional<double> memory_clock_mhz() const;
  std::optional<double> most_sm_clock_mhz() const;
  std::optional<double> power_w() const;
  std::optional<double> power_limit_w() const;
  std::optional<double> temperature_c() const;
  std::optional<bool> ecc() const;
  std::optional<bool> mig() const;  ///< split into several GPUs
  /// Why the clocks are lower than they could be: bits of nvml::kReason...
  std::optional<std::uint64_t> clock_reasons() const;
  std::optional<std::vector<Process>> processes() const;
  /// Uses since `after_us`, at most one period of about a second each; empty if there was none.
  std::optional<std::vector<Use>> uses(std::uint64_t after_us) const;
  /// Energy since the driver was loaded. Throws Error if it cannot be read.
  std::uint64_t energy_mj() const;

 private:
  friend class Nvml;
  struct Library;
  NvmlDevice(std::shared_ptr<const Library> library, nvml::DeviceHandle* handle)
      : library_(std::move(library)), handle_(handle) {}
  template <typename Number, typename Function>
  std::optional<Number> number(Function function) const;

  std::shared_ptr<const Library> library_;
  nvml::DeviceHandle* handle_;
};

/// NVML, loaded at run time. Copies share the library, which is shut down with the last of them and of their devices.
class Nvml {
 public:
  /// Throws Error that says why the library or its driver is not there.
  explicit Nvml(const std::string& library = kNvmlLibrary);

  std::string driver() const;  ///< version; empty: unknown

  /// The GPU that CUDA calls `id`, such as "cuda:0". `visible` is the value of CUDA_VISIBLE_DEVICES, null if it is not
  /// set: CUDA numbers only the GPUs that it lists. Throws Error if there is none, or none that NVML can tell.
  NvmlDevice device(std::string_view id, const char* visible) const;

 private:
  std::vector<NvmlDevice> devices() const;

  std::shared_ptr<const NvmlDevice::Library> library_;
};

}  // namespace inferbench
