// SPDX-License-Identifier: Apache-2.0
// Another backend (INFERBENCH_INNER_BACKEND names its library) that says it computes on a GPU, and takes a moment for
// each forward, so that counters of energy advance during a trial.
#include <dlfcn.h>
#include <time.h>

#include <cstdlib>
#include <cstring>

#include "inferbench/backend.h"

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
  return table;
}

}  // namespace

extern "C" {
extern IB_EXPORT const ib_backend inferbench_backend_v1;
const ib_backend inferbench_backend_v1 = make_table();
}
