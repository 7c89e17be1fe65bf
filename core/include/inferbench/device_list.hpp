// SPDX-License-Identifier: Apache-2.0
//
// The ABI's `devices` for backends in C++20 whose driver does not survive a fork. Not included by backend.hpp.
//
//   void ask_driver(inferbench::DeviceAnswer& answer);   // may start the driver: it runs in a child process
//   .devices = inferbench::list_devices_of_child<ask_driver>
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend_failure.hpp"

namespace inferbench {

/// What the child process sends: fixed sizes, so that one write and one read do.
struct DeviceAnswer {
  static constexpr int kMost = 64;

  struct Device {
    char id[32];
    char name[128];
    std::uint64_t memory_bytes;  ///< 0: it works in the host's memory
  };

  /// Longer strings are cut. Devices beyond kMost are left out.
  void add(std::string_view id, std::string_view name, std::uint64_t memory_bytes) {
    if (n == kMost) return;
    Device& device = devices[n++];
    copy(id, device.id, sizeof device.id);
    copy(name, device.name, sizeof device.name);
    device.memory_bytes = memory_bytes;
  }
  void set_problem(std::string_view text) { copy(text, problem, sizeof problem); }

  int n = 0;
  char problem[256] = "";  ///< why there is no device
  Device devices[kMost] = {};

 private:
  static void copy(std::string_view from, char* to, std::size_t size) {
    const std::size_t length = std::min(from.size(), size - 1);
    std::memcpy(to, from.data(), length);
    to[length] = '\0';
  }
};

/// The number in "cuda:3", where `prefix` is "cuda:". Throws Failure(IB_UNSUPPORTED) for another form.
inline int device_index(std::string_view id, std::string_view prefix) {
  int index = -1;
  if (id.starts_with(prefix)) {
    const char* end = id.data() + id.size();
    const auto [stop, problem] = std::from_chars(id.data() + prefix.size(), end, index);
    if (problem != std::errc() || stop != end) index = -1;
  }
  if (index >= 0) return index;
  const std::string form(prefix);
  throw Failure(IB_UNSUPPORTED, "no device '" + std::string(id) + "', only " + form + "0, " + form + "1, ...");
}

namespace detail {

inline bool read_bytes(int from, void* to, std::size_t bytes) {
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

inline bool write_bytes(int to, const void* from, std::size_t bytes) {
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

inline void ask_in_child(void (*ask)(DeviceAnswer&), DeviceAnswer& answer) {
  int ends[2];
  if (pipe(ends) != 0) throw Failure(IB_INTERNAL, std::string("pipe: ") + std::strerror(errno));
  const pid_t child = fork();
  if (child == 0) {
    try {
      ask(answer);
    } catch (const std::exception& error) {
      answer.set_problem(error.what());
    }
    _exit(write_bytes(ends[1], &answer, sizeof answer) ? 0 : 1);
  }
  close(ends[1]);
  const bool whole = child > 0 && read_bytes(ends[0], &answer, sizeof answer);
  close(ends[0]);
  if (child > 0) {
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!whole) throw Failure(IB_INTERNAL, "the process that asks for devices ended without an answer");
}

/// Lives as long as the library.
struct DeviceList {
  DeviceAnswer answer;
  std::vector<ib_device_info> infos;

  explicit DeviceList(void (*ask)(DeviceAnswer&)) {
    ask_in_child(ask, answer);
    answer.n = std::clamp(answer.n, 0, DeviceAnswer::kMost);
    for (int i = 0; i < answer.n; ++i) {
      const DeviceAnswer::Device& device = answer.devices[i];
      infos.push_back({device.id, device.name, device.memory_bytes});
    }
  }
};

}  // namespace detail

/// The ABI's `devices`: those that `ask` adds, the default first. The first call asks in a child process, because a
/// process that has started a GPU's driver cannot use it in its forks any more, and a host may fork after it has asked.
/// Without any device: IB_UNSUPPORTED with the problem that `ask` set.
template <void (*ask)(DeviceAnswer&)>
ib_status list_devices_of_child(const ib_device_info** devices, std::uint64_t* n_devices, ib_error* error) noexcept {
  return guard(error, [&] {
    require(devices != nullptr && n_devices != nullptr, "null argument");
    static std::mutex mutex;
    static const detail::DeviceList* list = nullptr;  // never freed: the host keeps its strings
    const std::lock_guard lock(mutex);
    if (list == nullptr) list = new detail::DeviceList(ask);
    if (list->infos.empty()) throw Failure(IB_UNSUPPORTED, list->answer.problem);
    *devices = list->infos.data();
    *n_devices = list->infos.size();
  });
}

}  // namespace inferbench
