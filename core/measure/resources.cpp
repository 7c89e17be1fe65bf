// SPDX-License-Identifier: Apache-2.0
#include "measure/resources.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include "measure/cgroup.hpp"

namespace inferbench {

namespace {

// "VmHWM:\t   12345 kB" -> bytes.
std::uint64_t kib_field(std::string_view line, std::size_t name_length) {
  const auto digit = line.find_first_of("0123456789", name_length);
  if (digit == std::string_view::npos) return 0;
  std::uint64_t kib = 0;
  std::from_chars(line.data() + digit, line.data() + line.size(), kib);
  return kib * 1024;
}

// The value of a line in /proc/meminfo, in bytes; 0 if it is missing.
std::uint64_t meminfo(std::string_view name) {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(name)) return kib_field(line, name.size());
  }
  return 0;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

MemoryUse read_memory_use() {
  MemoryUse use;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const auto take = [&](std::string_view name, std::optional<std::uint64_t>& field) {
      if (line.starts_with(name)) field = field.value_or(0) + kib_field(line, name.size());
    };
    take("VmHWM:", use.peak_rss_bytes);
    take("VmRSS:", use.rss_bytes);
    take("RssAnon:", use.anonymous_bytes);
    take("RssShmem:", use.anonymous_bytes);
    take("RssFile:", use.file_bytes);
  }
  return use;
}

std::uint64_t available_memory_bytes() {
  const std::uint64_t machine = meminfo("MemAvailable:");
  const std::optional<std::uint64_t> room = memory_room_bytes(find_cgroups());
  if (!room) return machine;
  return machine == 0 ? *room : std::min(machine, *room);
}

std::uint64_t used_swap_bytes() {
  const std::uint64_t all = meminfo("SwapTotal:");
  return all - std::min(all, meminfo("SwapFree:"));
}

PeakWatch::PeakWatch(const std::string& clear_refs) {
  // The kernel counts each thread's pages in batches: after a reset, the peak may exceed the current size by this much.
  constexpr std::uint64_t kCountedLate = 1U << 20U;
  const int clear = ::open(clear_refs.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = clear >= 0 && ::write(clear, "5", 1) == 1;  // proc(5): resets the peak resident set size
  if (clear >= 0) ::close(clear);
  const MemoryUse now = read_memory_use();
  before_ = now.peak_rss_bytes;
  reset_ = written && before_ && now.rss_bytes && *before_ <= *now.rss_bytes + kCountedLate;
}

MemoryUse PeakWatch::seen() const {
  MemoryUse use = read_memory_use();
  const bool risen = use.peak_rss_bytes && before_ && *use.peak_rss_bytes > *before_;
  if (!reset_ && !risen) use.peak_rss_bytes.reset();
  return use;
}

ResourceUse read_resource_use() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_nivcsw, usage.ru_majflt};
}

}  // namespace inferbench
