// SPDX-License-Identifier: Apache-2.0
// The part of NVIDIA's management library (NVML) that this program calls, declared after its public reference: the
// header need not be installed, and neither need the library. Layouts and numbers are fixed by the library's ABI.
#pragma once

#include <cstdint>

namespace inferbench::nvml {

using Return = int;
inline constexpr Return kSuccess = 0;
inline constexpr Return kNotFound = 6;
inline constexpr Return kInsufficientSize = 7;

struct DeviceHandle;  // nvmlDevice_st
using Device = DeviceHandle*;

inline constexpr int kClockSm = 1;
inline constexpr int kClockMemory = 2;
inline constexpr int kTemperatureGpu = 0;
inline constexpr unsigned kTextBytes = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE and NVML_DEVICE_UUID_V2_BUFFER_SIZE

// Bits of nvmlDeviceGetCurrentClocksThrottleReasons.
inline constexpr std::uint64_t kReasonPowerCap = 0x4;
inline constexpr std::uint64_t kReasonHardware = 0x8;
inline constexpr std::uint64_t kReasonThermalSoftware = 0x20;
inline constexpr std::uint64_t kReasonThermalHardware = 0x40;
inline constexpr std::uint64_t kReasonPowerBrake = 0x80;

struct Memory {  // nvmlMemory_t, in bytes
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};

struct PciInfo {  // nvmlPciInfo_t
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  char bus_id[32];
};

struct ProcessInfo {  // nvmlProcessInfo_t
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance;
  unsigned compute_instance;
};

struct ProcessSample {  // nvmlProcessUtilizationSample_t
  unsigned pid;
  unsigned long long at_us;  // CLOCK_REALTIME
  unsigned sm_percent;
  unsigned memory_percent;
  unsigned encoder_percent;
  unsigned decoder_percent;
};

/// The library's functions by name. A function that an old library lacks is null.
struct Functions {
  Return (*nvmlInit_v2)();
  Return (*nvmlShutdown)();
  const char* (*nvmlErrorString)(Return);
  Return (*nvmlSystemGetDriverVersion)(char*, unsigned);
  Return (*nvmlDeviceGetCount_v2)(unsigned*);
  Return (*nvmlDeviceGetHandleByIndex_v2)(unsigned, Device*);
  Return (*nvmlDeviceGetName)(Device, char*, unsigned);
  Return (*nvmlDeviceGetUUID)(Device, char*, unsigned);
  Return (*nvmlDeviceGetPciInfo_v3)(Device, PciInfo*);
  Return (*nvmlDeviceGetMemoryInfo)(Device, Memory*);
  Return (*nvmlDeviceGetClockInfo)(Device, int, unsigned*);                    // MHz
  Return (*nvmlDeviceGetMaxClockInfo)(Device, int, unsigned*);                 // MHz
  Return (*nvmlDeviceGetPowerUsage)(Device, unsigned*);                        // mW
  Return (*nvmlDeviceGetEnforcedPowerLimit)(Device, unsigned*);                // mW
  Return (*nvmlDeviceGetTotalEnergyConsumption)(Device, unsigned long long*);  // mJ since the driver was loaded
  Return (*nvmlDeviceGetTemperature)(Device, int, unsigned*);                  // degrees Celsius
  Return (*nvmlDeviceGetEccMode)(Device, int*, int*);
  Return (*nvmlDeviceGetMigMode)(Device, unsigned*, unsigned*);
  Return (*nvmlDeviceGetCurrentClocksThrottleReasons)(Device, unsigned long long*);
  Return (*nvmlDeviceGetComputeRunningProcesses_v3)(Device, unsigned*, ProcessInfo*);
  Return (*nvmlDeviceGetProcessUtilization)(Device, ProcessSample*, unsigned*, unsigned long long);
};

}  // namespace inferbench::nvml
