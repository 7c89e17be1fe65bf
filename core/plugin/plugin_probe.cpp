// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_probe.hpp"

#include <poll.h>

#include <algorithm>
#include <list>
#include <utility>

#include "plugin/library.hpp"
#include "plugin/table_check.hpp"
#include "support/error.hpp"
#include "support/shortage.hpp"

namespace inferbench {

namespace {

using Clock = Probe::Clock;

// More than the number of CPUs, since a library that hangs occupies a place; still few, since a large library takes
// memory.
constexpr std::size_t kAtOnce = 8;
constexpr std::chrono::milliseconds kTick(100);

struct Running {
  std::size_t index;
  Probe probe;
};

DescribedPlugin described_by(const std::function<PluginDescription()>& describe) {
  try {
    return {describe(), {}, {}};
  } catch (const Error& error) {
    return {std::nullopt, error.what(), error.cure()};
  }
}

void wait_for_any(const std::list<Running>& running) {
  Clock::time_point wake = Clock::now() + kTick;
  std::vector<pollfd> sockets;
  for (const Running& one : running) {
    sockets.push_back({one.probe.socket(), POLLIN, 0});
    wake = std::min(wake, one.probe.deadline());
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now()).count();
  poll(sockets.data(), sockets.size(), static_cast<int>(std::max<decltype(left)>(left, 0)));
}

}  // namespace

Probe start_plugin_probe(const std::filesystem::path& given, std::chrono::milliseconds time_limit) {
  if (given.empty()) throw Error("the path of a backend is empty", "give the path of a shared library");
  const std::filesystem::path path = std::filesystem::absolute(given).lexically_normal();
  check_library_file(path);
  const auto describe = [&path] {
    return description_bytes(describe_table(checked_table(open_library(path), path.string()), path));
  };
  return {describe, {path.string()}, time_limit};
}

PluginDescription describe_plugin(const std::filesystem::path& path, std::chrono::milliseconds time_limit) {
  return description_from_bytes(start_plugin_probe(path, time_limit).wait());
}

void describe_plugins(const std::vector<std::filesystem::path>& paths, std::chrono::milliseconds time_limit,
                      const std::function<void(std::size_t, DescribedPlugin)>& done,
                      const std::function<void()>& waiting) {
  std::list<Running> running;
  std::size_t next = 0;
  while (next < paths.size() || !running.empty()) {
    for (; next < paths.size() && running.size() < kAtOnce; ++next) {
      try {
        running.push_back({next, start_plugin_probe(paths[next], time_limit)});
      } catch (const ShortageError&) {  // not the library's fault
        throw;
      } catch (const Error& error) {
        done(next, {std::nullopt, error.what(), error.cure()});
      }
    }
    wait_for_any(running);
    for (auto one = running.begin(); one != running.end();) {
      if (!one->probe.take()) {
        ++one;
        continue;
      }
      done(one->index, described_by([&] { return description_from_bytes(one->probe.wait()); }));
      one = running.erase(one);
    }
    waiting();
  }
}

}  // namespace inferbench
