// SPDX-License-Identifier: Apache-2.0
#include "measure/nvml.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "measure/nvml_abi.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr const char* kNvmlHint = "NVIDIA's driver brings it; without it, the device is measured by its time alone";
constexpr std::size_t kMostProcesses = 1024;
constexpr double kMilli = 1e-3;

}  // namespace

struct NvmlDevice::Library {
  explicit Library(const std::string& path) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle == nullptr) {
      const char* reason = dlerror();
      throw Error(fmt::format("NVML is not there: {}", one_line(reason == nullptr ? path : reason)), kNvmlHint);
    }
    find_all();
    if (call.nvmlInit_v2 == nullptr) throw Error(fmt::format("{} has no nvmlInit_v2", path), kNvmlHint);
    if (const nvml::Return status = call.nvmlInit_v2(); status != nvml::kSuccess) {
      throw Error(fmt::format("NVML does not start: {}", words(status)), kNvmlHint);
    }
  }
  // The library stays loaded: its threads and exit handlers may outlive the last user.
  ~Library() {
    if (call.nvmlShutdown != nullptr) call.nvmlShutdown();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  std::string words(nvml::Return status) const {
    const char* text = call.nvmlErrorString == nullptr ? nullptr : call.nvmlErrorString(status);
    return text == nullptr ? fmt::format("error {}", status) : one_line(text);
  }

  template <typename Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
  }

  void find_all() {
#define INFERBENCH_NVML_FIND(name) find(call.name, #name)
    INFERBENCH_NVML_FIND(nvmlInit_v2);
    INFERBENCH_NVML_FIND(nvmlShutdown);
    INFERBENCH_NVML_FIND(nvmlErrorString);
    INFERBENCH_NVML_FIND(nvmlSystemGetDriverVersion);
    INFERBENCH_NVML_FIND(nvmlDeviceGetCount_v2);
    INFERBENCH_NVML_FIND(nvmlDeviceGetHandleByIndex_v2);
    INFERBENCH_NVML_FIND(nvmlDeviceGetName);
    INFERBENCH_NVML_FIND(nvmlDeviceGetUUID);
    INFERBENCH_NVML_FIND(nvmlDeviceGetPciInfo_v3);
    INFERBENCH_NVML_FIND(nvmlDeviceGetMemoryInfo);
    INFERBENCH_NVML_FIND(nvmlDeviceGetClockInfo);
    INFERBENCH_NVML_FIND(nvmlDeviceGetMaxClockInfo);
    INFERBENCH_NVML_FIND(nvmlDeviceGetPowerUsage);
    INFERBENCH_NVML_FIND(nvmlDeviceGetEnforcedPowerLimit);
    INFERBENCH_NVML_FIND(nvmlDeviceGetTotalEnergyConsumption);
    INFERBENCH_NVML_FIND(nvmlDeviceGetTemperature);
    INFERBENCH_NVML_FIND(nvmlDeviceGetEccMode);
    INFERBENCH_NVML_FIND(nvmlDeviceGetMigMode);
    INFERBENCH_NVML_FIND(nvmlDeviceGetCurrentClocksThrottleReasons);
    INFERBENCH_NVML_FIND(nvmlDeviceGetComputeRunningProcesses_v3);
    INFERBENCH_NVML_FIND(nvmlDeviceGetProcessUtilization);
#undef INFERBENCH_NVML_FIND
  }

  void* handle;
  nvml::Functions call{};
};

namespace {

// The text that `function` writes; empty if there is none.
template <typename Function, typename... Arguments>
std::string nvml_text(Function function, Arguments... arguments) {
  std::array<char, nvml::kTextBytes> text{};
  if (function == nullptr || function(arguments..., text.data(), nvml::kTextBytes) != nvml::kSuccess) return {};
  text.back() = '\0';
  return one_line(text.data());
}

std::optional<double> scaled(std::optional<unsigned> value, double factor) {
  return value ? std::optional(factor * *value) : std::nullopt;
}

template <typename Function>
std::optional<unsigned> nvml_clock(Function function, nvml::Device device, int clock) {
  unsigned mhz = 0;
  if (function == nullptr || function(device, clock, &mhz) != nvml::kSuccess) return std::nullopt;
  return mhz;
}

}  // namespace

template <typename Number, typename Function>
std::optional<Number> NvmlDevice::number(Function function) const {
  Number value{};
  if (function == nullptr || function(handle_, &value) != nvml::kSuccess) return std::nullopt;
  return value;
}

std::string NvmlDevice::name() const {
  return nvml_text(library_->call.nvmlDeviceGetName, handle_);
}

std::string NvmlDevice::uuid() const {
  return nvml_text(library_->call.nvmlDeviceGetUUID, handle_);
}

std::string NvmlDevice::pci_bus() const {
  auto info = number<nvml::PciInfo>(library_->call.nvmlDeviceGetPciInfo_v3);
  if (!info) return {};
  info->bus_id[sizeof(info->bus_id) - 1] = '\0';
  return one_line(info->bus_id);
}

std::optional<NvmlDevice::Memory> NvmlDevice::memory() const {
  const auto memory = number<nvml::Memory>(library_->call.nvmlDeviceGetMemoryInfo);
  return memory ? std::optional(Memory{memory->total, memory->used}) : std::nullopt;
}

std::optional<double> NvmlDevice::sm_clock_mhz() const {
  return scaled(nvml_clock(library_->call.nvmlDeviceGetClockInfo, handle_, nvml::kClockSm), 1);
}

std::optional<double> NvmlDevice::memory_clock_mhz() const {
  return scaled(nvml_clock(library_->call.nvmlDeviceGetClockInfo, handle_, nvml::kClockMemory), 1);
}

std::optional<double> NvmlDevice::most_sm_clock_mhz() const {
  return scaled(nvml_clock(library_->call.nvmlDeviceGetMaxClockInfo, handle_, nvml::kClockSm), 1);
}

std::optional<double> NvmlDevice::power_w() const {
  return scaled(number<unsigned>(library_->call.nvmlDeviceGetPowerUsage), kMilli);
}

std::optional<double> NvmlDevice::power_limit_w() const {
  return scaled(number<unsigned>(library_->call.nvmlDeviceGetEnforcedPowerLimit), kMilli);
}

std::optional<double> NvmlDevice::temperature_c() const {
  unsigned value = 0;
  const auto function = library_->call.nvmlDeviceGetTemperature;
  if (function == nullptr || function(handle_, nvml::kTemperatureGpu, &value) != nvml::kSuccess) return std::nullopt;
  return value;
}

std::optional<bool> NvmlDevice::ecc() const {
  int now = 0;
  int after_reset = 0;
  const auto function = library_->call.nvmlDeviceGetEccMode;
  if (function == nullptr || function(handle_, &now, &after_reset) != nvml::kSuccess) return std::nullopt;
  return now != 0;
}

std::optional<bool> NvmlDevice::mig() const {
  unsigned now = 0;
  unsigned after_reset = 0;
  const auto function = library_->call.nvmlDeviceGetMigMode;
  if (function == nullptr || function(handle_, &now, &after_reset) != nvml::kSuccess) return std::nullopt;
  return now != 0;
}

std::optional<std::uint64_t> NvmlDevice::clock_reasons() const {
  return number<unsigned long long>(library_->call.nvmlDeviceGetCurrentClocksThrottleReasons);
}

std::optional<std::vector<NvmlDevice::Process>> NvmlDevice::processes() const {
  const auto function = library_->call.nvmlDeviceGetComputeRunningProcesses_v3;
  if (function == nullptr) return std::nullopt;
  std::vector<nvml::ProcessInfo> found(kMostProcesses);
  auto n = static_cast<unsigned>(found.size());
  if (function(handle_, &n, found.data()) != nvml::kSuccess) return std::nullopt;
  std::vector<Process> processes;
  for (std::size_t i = 0; i < std::min<std::size_t>(n, found.size()); ++i) {
    constexpr unsigned long long kUnknown = ~0ULL;
    const bool known = found[i].used_bytes != kUnknown;
    processes.push_back({found[i].pid, known ? std::optional<std::uint64_t>(found[i].used_bytes) : std::nullopt});
  }
  return processes;
}

std::optional<std::vector<NvmlDevice::Use>> NvmlDevice::uses(std::uint64_t after_us) const {
  const auto function = library_->call.nvmlDeviceGetProcessUtilization;
  if (function == nullptr) return std::nullopt;
  std::vector<nvml::ProcessSample> found(kMostProcesses);
  auto n = static_cast<unsigned>(found.size());
  const nvml::Return status = function(handle_, found.data(), &n, after_us);
  if (status == nvml::kNotFound) return std::vector<Use>{};
  if (status != nvml::kSuccess) return std::nullopt;
  std::vector<Use> uses;
  for (std::size_t i = 0; i < std::min<std::size_t>(n, found.size()); ++i) {
    if (found[i].at_us > after_us) uses.push_back({found[i].pid, found[i].at_us, 1.0 * found[i].sm_percent});
  }
  return uses;
}

std::uint64_t NvmlDevice::energy_mj() const {
  unsigned long long mj = 0;
  const auto function = library_->call.nvmlDeviceGetTotalEnergyConsumption;
  if (function == nullptr) throw Error("this NVML has no counter of energy", "update the driver");
  const nvml::Return status = function(handle_, &mj);
  if (status == nvml::kSuccess) return mj;
  throw Error(fmt::format("NVML's counter of energy: {}", library_->words(status)),
              "GPUs before Volta have none, and neither has a part of a GPU (MIG)");
}

// ---- the library ----

Nvml::Nvml(const std::string& library) : library_(std::make_shared<const NvmlDevice::Library>(library)) {}

std::string Nvml::driver() const {
  return nvml_text(library_->call.nvmlSystemGetDriverVersion);
}

std::vector<NvmlDevice> Nvml::devices() const {
  const auto count = library_->call.nvmlDeviceGetCount_v2;
  const auto handle_of = library_->call.nvmlDeviceGetHandleByIndex_v2;
  unsigned n = 0;
  std::vector<NvmlDevice> found;
  if (count == nullptr || handle_of == nullptr || count(&n) != nvml::kSuccess) return found;
  for (unsigned i = 0; i < n; ++i) {
    nvml::Device handle = nullptr;
    // A place of the list that cannot be opened still counts, because CUDA counts it.
    if (handle_of(i, &handle) != nvml::kSuccess) handle = nullptr;
    found.push_back(NvmlDevice(library_, handle));
  }
  return found;
}

namespace {

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The n-th entry of a list such as "2,0" or "GPU-1a2b"; empty if there are fewer.
std::string_view entry_of(std::string_view list, std::size_t n) {
  for (; n > 0; --n) {
    const std::size_t comma = list.find(',');
    if (comma == std::string_view::npos) return {};
    list.remove_prefix(comma + 1);
  }
  list = list.substr(0, list.find(','));
  while (list.starts_with(' ')) list.remove_prefix(1);
  while (list.ends_with(' ')) list.remove_suffix(1);
  return list;
}

}  // namespace

NvmlDevice Nvml::device(std::string_view id, const char* visible) const {
  constexpr std::string_view kPrefix = "cuda:";
  const auto index = id.starts_with(kPrefix) ? whole_number(id.substr(kPrefix.size())) : std::nullopt;
  if (!index) throw Error(fmt::format("NVML knows no device '{}', only CUDA's", one_line(id)));
  const std::vector<NvmlDevice> all = devices();
  std::optional<std::size_t> place = index;
  if (visible != nullptr) {
    const std::string_view entry = entry_of(visible, *index);
    place = whole_number(entry);
    for (std::size_t i = 0; i < all.size() && !place && entry.starts_with("GPU-"); ++i) {
      if (all[i].handle_ != nullptr && all[i].uuid().starts_with(entry)) place = i;
    }
  }
  if (place && *place < all.size() && all[*place].handle_ != nullptr) return all[*place];
  throw Error(fmt::format(
      "NVML does not tell which GPU {} is: it lists {}{}", one_line(id), all.size(),
      visible == nullptr ? std::string() : fmt::format(", CUDA_VISIBLE_DEVICES is '{}'", one_line(visible))));
}

}  // namespace inferbench
