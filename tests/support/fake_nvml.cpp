// SPDX-License-Identifier: Apache-2.0
// A stand-in for NVIDIA's management library. It has as many GPUs, and answers with the values, as the file state.txt
// in its folder says: lines "key value", read anew for every call, so that a test can change them. Without a value, a
// function is not supported. Energy grows with the clock: by `power_mw`, in steps of `energy_step_ms`.
#include <dlfcn.h>
#include <time.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "measure/nvml_abi.hpp"

namespace {

namespace nvml = inferbench::nvml;

constexpr nvml::Return kNotSupported = 3;

// This function's address tells which copy of the library this is.
std::filesystem::path state_file() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&state_file), &info) == 0) return {};
  return std::filesystem::path(info.dli_fname).parent_path() / "state.txt";
}

std::optional<std::string> value_of(const std::string& key) {
  std::ifstream file(state_file());
  std::string name;
  std::string value;
  while (file >> name && std::getline(file >> std::ws, value)) {
    if (name == key) return value;
  }
  return std::nullopt;
}

template <typename Number>
nvml::Return put(const std::string& key, Number* number) {
  const auto value = value_of(key);
  if (!value) return kNotSupported;
  *number = static_cast<Number>(std::stoull(*value));
  return nvml::kSuccess;
}

nvml::Return put_text(const std::string& value, char* text, unsigned bytes) {
  if (value.size() + 1 > bytes) return nvml::kInsufficientSize;
  std::memcpy(text, value.c_str(), value.size() + 1);
  return nvml::kSuccess;
}

std::size_t index_of(nvml::Device device) {
  return reinterpret_cast<std::uintptr_t>(device) - 1;
}

std::uint64_t clock_ms(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

#define INFERBENCH_FAKE extern "C" __attribute__((visibility("default")))

INFERBENCH_FAKE nvml::Return nvmlInit_v2() {
  int status = nvml::kSuccess;
  put("init", &status);
  return status;
}

INFERBENCH_FAKE nvml::Return nvmlShutdown() {
  return nvml::kSuccess;
}

INFERBENCH_FAKE const char* nvmlErrorString(nvml::Return status) {
  if (status == kNotSupported) return "Not Supported";
  return status == 9 ? "Driver Not Loaded" : "Unknown Error";
}

INFERBENCH_FAKE nvml::Return nvmlSystemGetDriverVersion(char* text, unsigned bytes) {
  return put_text("580.1", text, bytes);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetCount_v2(unsigned* n) {
  return put("count", n);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml::Device* device) {
  *device = reinterpret_cast<nvml::Device>(static_cast<std::uintptr_t>(index) + 1);
  return nvml::kSuccess;
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetName(nvml::Device device, char* text, unsigned bytes) {
  return put_text("Card " + std::to_string(index_of(device)), text, bytes);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetUUID(nvml::Device device, char* text, unsigned bytes) {
  return put_text("GPU-" + std::string(4, static_cast<char>('a' + index_of(device))), text, bytes);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetPciInfo_v3(nvml::Device, nvml::PciInfo* info) {
  return put_text("00000000:01:00.0", info->bus_id, sizeof(info->bus_id));
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetMemoryInfo(nvml::Device, nvml::Memory* memory) {
  memory->total = std::uint64_t{1} << 40U;
  return put("used_bytes", &memory->used);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetClockInfo(nvml::Device, int clock, unsigned* mhz) {
  return put(clock == nvml::kClockSm ? "sm_mhz" : "memory_mhz", mhz);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetMaxClockInfo(nvml::Device, int, unsigned* mhz) {
  return put("most_sm_mhz", mhz);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetPowerUsage(nvml::Device, unsigned* mw) {
  return put("power_mw", mw);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetEnforcedPowerLimit(nvml::Device, unsigned* mw) {
  return put("power_limit_mw", mw);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetTotalEnergyConsumption(nvml::Device, unsigned long long* mj) {
  std::uint64_t mw = 0;
  if (const nvml::Return status = put("power_mw", &mw); status != nvml::kSuccess) return status;
  std::uint64_t step_ms = 1;
  put("energy_step_ms", &step_ms);
  *mj = clock_ms(CLOCK_MONOTONIC) / step_ms * step_ms * mw / 1000;
  return nvml::kSuccess;
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetTemperature(nvml::Device, int, unsigned* celsius) {
  return put("temperature_c", celsius);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetEccMode(nvml::Device, int* now, int* after) {
  *after = 0;
  return put("ecc", now);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetMigMode(nvml::Device, unsigned* now, unsigned* after) {
  *after = 0;
  return put("mig", now);
}

INFERBENCH_FAKE nvml::Return nvmlDeviceGetCurrentClocksThrottleReasons(nvml::Device, unsigned long long* reasons) {
  return put("reasons", reasons);
}

// `processes`: their number, with the ids 100, 101, ...
INFERBENCH_FAKE nvml::Return nvmlDeviceGetComputeRunningProcesses_v3(nvml::Device, unsigned* n,
                                                                     nvml::ProcessInfo* processes) {
  unsigned found = 0;
  if (const nvml::Return status = put("processes", &found); status != nvml::kSuccess) return status;
  if (found > *n) return nvml::kInsufficientSize;
  for (unsigned i = 0; i < found; ++i) processes[i] = {100 + i, 1'000'000ULL * (i + 1), 0, 0};
  *n = found;
  return nvml::kSuccess;
}

// `other_percent`: how busy a second process keeps the GPU now; the first one keeps it 90% busy.
INFERBENCH_FAKE nvml::Return nvmlDeviceGetProcessUtilization(nvml::Device, nvml::ProcessSample* samples, unsigned* n,
                                                             unsigned long long after_us) {
  unsigned percent = 0;
  if (const nvml::Return status = put("other_percent", &percent); status != nvml::kSuccess) return status;
  const std::uint64_t now_us = clock_ms(CLOCK_REALTIME) * 1000;
  if (now_us <= after_us) return nvml::kNotFound;
  if (*n < 2) return nvml::kInsufficientSize;
  samples[0] = {100, now_us, 90, 0, 0, 0};
  samples[1] = {101, now_us, percent, 0, 0, 0};
  *n = 2;
  return nvml::kSuccess;
}
