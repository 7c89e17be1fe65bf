// SPDX-License-Identifier: Apache-2.0
#include "device_list.hpp"

#include <cuda_runtime_api.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "inferbench/backend.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kMostDevices = 64;
constexpr int kLeastMajor = 8;  // the machine code is for sm_80 and later

struct Found {
  char name[128];
  std::uint64_t memory_bytes;
  int index;
};

/// What the child sends: fixed sizes, so that one write and one read do.
struct Answer {
  int n = 0;
  char problem[256] = "";
  Found found[kMostDevices];
};

void ask_runtime(Answer& answer) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    std::snprintf(answer.problem, sizeof answer.problem, "no NVIDIA driver is installed");
    return;
  }
  int n = 0;
  const cudaError_t status = cudaGetDeviceCount(&n);
  if (status != cudaSuccess) {
    std::snprintf(answer.problem, sizeof answer.problem, "%s", cudaGetErrorString(status));
    return;
  }
  for (int i = 0; i < n && answer.n < kMostDevices; ++i) {
    cudaDeviceProp properties{};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess) continue;
    if (properties.major < kLeastMajor) {
      std::snprintf(answer.problem, sizeof answer.problem, "%.100s has compute capability %d.%d; %d.0 is the least",
                    properties.name, properties.major, properties.minor, kLeastMajor);
      continue;
    }
    Found& found = answer.found[answer.n++];
    std::snprintf(found.name, sizeof found.name, "%.127s", properties.name);
    found.memory_bytes = properties.totalGlobalMem;
    found.index = i;
  }
  if (answer.n == 0 && answer.problem[0] == '\0') {
    std::snprintf(answer.problem, sizeof answer.problem, "the driver lists no NVIDIA GPU");
  }
}

bool read_all(int from, void* to, std::size_t bytes) {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t n = read(from, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

bool write_all(int to, const void* from, std::size_t bytes) {
  const auto* at = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t n = write(to, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}

void ask_in_child(Answer& answer) {
  int ends[2];
  if (pipe(ends) != 0) throw Failure(IB_INTERNAL, std::string("pipe: ") + std::strerror(errno));
  const pid_t child = fork();
  if (child == 0) {
    ask_runtime(answer);
    _exit(write_all(ends[1], &answer, sizeof answer) ? 0 : 1);
  }
  close(ends[1]);
  const bool whole = child > 0 && read_all(ends[0], &answer, sizeof answer);
  close(ends[0]);
  if (child > 0) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!whole) throw Failure(IB_INTERNAL, "the process that asks for CUDA devices ended without an answer");
}

/// Lives as long as the library.
struct DeviceList {
  Answer answer;
  std::vector<std::string> ids;
  std::vector<ib_device_info> infos;

  DeviceList() {
    ask_in_child(answer);
    const auto n = static_cast<std::size_t>(std::clamp(answer.n, 0, kMostDevices));
    for (std::size_t i = 0; i < n; ++i) ids.push_back("cuda:" + std::to_string(answer.found[i].index));
    for (std::size_t i = 0; i < n; ++i) {
      infos.push_back({ids[i].c_str(), answer.found[i].name, answer.found[i].memory_bytes});
    }
  }
};

}  // namespace

ib_status list_devices(const ib_device_info** devices, std::uint64_t* n_devices, ib_error* error) noexcept {
  return guard(error, [&] {
    require(devices != nullptr && n_devices != nullptr, "null argument");
    static std::mutex mutex;
    static const DeviceList* list = nullptr;  // never freed: the host keeps its strings
    const std::lock_guard lock(mutex);
    if (list == nullptr) list = new DeviceList();
    if (list->infos.empty()) throw Failure(IB_UNSUPPORTED, std::string("no CUDA device: ") + list->answer.problem);
    *devices = list->infos.data();
    *n_devices = list->infos.size();
  });
}

int device_index(std::string_view id) {
  constexpr std::string_view kPrefix = "cuda:";
  int index = -1;
  if (id.starts_with(kPrefix)) {
    const char* end = id.data() + id.size();
    const auto [stop, problem] = std::from_chars(id.data() + kPrefix.size(), end, index);
    if (problem != std::errc() || stop != end) index = -1;
  }
  if (index < 0) throw Failure(IB_UNSUPPORTED, "no device '" + std::string(id) + "', only cuda:0, cuda:1, ...");
  return index;
}

}  // namespace inferbench::cuda_backend
