// SPDX-License-Identifier: Apache-2.0
// Another backend (INFERBENCH_INNER_BACKEND names its library) that says it computes on a GPU, and takes a moment for
// each forward, so that counters of energy advance during a trial.
#include <dlfcn.h>
#include <time.h>

#include <cstdlib>
#include <cstring>

#include "inferbench/backend.h"
#include "inferbench/device_probe.h"

namespace {

constexpr long kForwardNs = 210'000'000;
constexpr ib_device_info kDevices[] = {{"cuda:0", "Card 0", 1U << 30U}, {"cuda:1", "Card 1", 1U << 30U}};

// Globals, because the C ABI has no other place for them.
ib_backend inner;
ib_model_info info_on_device;
ib_session_info session_on_device;

ib_status list_devices(const ib_device_info** devices, uint64_t* n_devices, ib_error*) {
  *devices = kDevices;
  *n_devices = 2;
  return IB_OK;
}

ib_status init_on_device(const ib_init_params* params, ib_context** context, ib_error* error) {
  for (const ib_device_info& device : kDevices) {
    if (std::strcmp(device.id, params->device) == 0) info_on_device.device = device.id;
  }
  if (info_on_device.device == nullptr) return IB_UNSUPPORTED;
  ib_init_params on_cpu = *params;
  on_cpu.device = "cpu";
  return inner.init(&on_cpu, context, error);
}

const ib_model_info* model_on_device(const ib_model* model) {
  const char* device = info_on_device.device;
  info_on_device = *inner.model_info(model);
  info_on_device.device = device;
  return &info_on_device;
}

const ib_session_info* session_info_on_device(const ib_session* session) {
  session_on_device = *inner.session_info(session);
  session_on_device.device_bytes = 1U << 20U;
  return &session_on_device;
}

ib_status slow_forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const timespec moment{0, kForwardNs};
  nanosleep(&moment, nullptr);
  return inner.forward(session, params, error);
}

// Made rates, by probe: 10 times the probe's number plus 1, in 10^9. This device has no probe of int8, no room for
// buffers above 1 GiB, and 3 MiB of cache.
ib_status probe(ib_context* context, int32_t probe, uint64_t bytes, double* rate, const char** how, ib_error*) {
  if (context == nullptr || info_on_device.device == nullptr || probe == IB_PROBE_INT8) return IB_UNSUPPORTED;
  if (bytes > (uint64_t{1} << 30U)) return IB_OUT_OF_MEMORY;
  *rate = probe == IB_PROBE_CACHE ? double{3U << 20U} : (10.0 * probe + 1) * 1e9;
  *how = "made";
  return IB_OK;
}

constexpr ib_device_probe_ext kProbe{sizeof(ib_device_probe_ext), probe};

const void* extension(const char* name) {
  return std::strcmp(name, IB_EXT_DEVICE_PROBE_V1) == 0 ? &kProbe : inner.extension(name);
}

// All zeros if there is no such library.
ib_backend make_table() {
  ib_backend table{};
  const char* path = std::getenv("INFERBENCH_INNER_BACKEND");
  void* library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const void* found = library == nullptr ? nullptr : dlsym(library, "inferbench_backend_v1");
  if (found == nullptr) return table;
  inner = *static_cast<const ib_backend*>(found);
  table = inner;
  table.name = "device";
  table.devices = list_devices;
  table.init = init_on_device;
  table.model_info = model_on_device;
  table.session_info = session_info_on_device;
  table.forward = slow_forward;
  table.extension = extension;
  return table;
}

}  // namespace

extern "C" {
extern IB_EXPORT const ib_backend inferbench_backend_v1;
const ib_backend inferbench_backend_v1 = make_table();
}
