// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "ipc/call_overhead.hpp"
#include "measure/affinity.hpp"
#include "measure/machine_limits.hpp"
#include "plugin/backend_child.hpp"
#include "plugin/plugin.hpp"
#include "plugin/plugin_path.hpp"
#include "run/device_limits.hpp"
#include "support/print.hpp"
#include "support/raw_bytes.hpp"

namespace inferbench {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

struct MachineArguments {
  std::int32_t threads = 1;
  std::vector<std::uint64_t> buffers_mib;
  std::vector<std::filesystem::path> plugin_dirs;
  std::string device;
  bool quick = false;
  bool json = false;
};

/// On a terminal, one line that is updated; otherwise one line per part.
void show_progress(double fraction, const std::string& what) {
  if (isatty(STDERR_FILENO) == 1) {
    print_message("\r\x1b[K{}", what.empty() ? "" : fmt::format("{:3.0f}% {}", fraction * 100, what));
  } else if (!what.empty()) {
    print_message("{:3.0f}% {}\n", fraction * 100, what);
  }
}

std::string rate_text(const MeasuredRate& rate, double unit) {
  return fmt::format("{:.1f} ({:.1f})", rate.best / unit, rate.median / unit);
}

void print_table(const MachineLimits& limits) {
  print_result("best (median); threads are pinned, one per core while there are free cores\n\n");
  std::string header = fmt::format("{:>7}", "threads");
  for (const ReadBandwidth& read : limits.by_threads.front().read) {
    header += fmt::format("{:>16}", fmt::format("read {} MiB", read.buffer_bytes / kMiB));
  }
  std::string units = fmt::format("{:>7}", "");
  for (std::size_t i = 0; i < limits.by_threads.front().read.size(); ++i) units += fmt::format("{:>16}", "GB/s");
  print_result("{}{:>18}{:>18}\n{}{:>18}{:>18}\n", header, "fp32", "int8", units, "GFLOP/s", "GOP/s");
  for (const ThreadLimits& here : limits.by_threads) {
    std::string row = fmt::format("{:>7}", here.threads);
    for (const ReadBandwidth& read : here.read) row += fmt::format("{:>16}", rate_text(read.bytes_per_s, 1e9));
    print_result("{}{:>18}{:>18}\n", row, rate_text(here.fp32_flops_per_s, 1e9), rate_text(here.int8_ops_per_s, 1e9));
  }
  const ThreadLimits& most = limits.by_threads.back();
  print_result("\nfp32 by {}, int8 by {}; a clock reading costs {:.0f} ns\n", most.fp32_flops_per_s.how,
               most.int8_ops_per_s.how, limits.clock_read_ns);
  if (limits.call_overhead_ns > 0) {
    print_result("a forward call of a backend that does nothing costs {:.0f} ns, the clock reading included\n",
                 limits.call_overhead_ns);
  }
}

/// Returns 0, after a warning, if the `null` backend is not available.
double overhead_of_a_call(const PluginPath& plugins) {
  try {
    const auto measure = [path = plugins.find("null").path] {
      const double ns = measure_call_overhead_ns(Plugin::load(path));
      return raw_bytes(&ns, 1);
    };
    return raw_values<double>(answer_of_child(measure, "backend null", "the measurement")).front();
  } catch (const std::runtime_error& error) {  // Error, BackendError
    print_message("inferbench: warning: the cost of a call was not measured: {}\n", error.what());
    return 0;
  }
}

std::string rate_row(const std::string& what, const MeasuredRate& rate, double unit, const std::string& unit_name) {
  if (rate.best <= 0) return fmt::format("  {:<26}not measured\n", what);
  return fmt::format("  {:<26}{:>22} {:<8} {}\n", what, rate_text(rate, unit), unit_name, rate.how);
}

std::string cost_row(const std::string& what, const MeasuredRate& rate) {
  if (rate.best <= 0) return fmt::format("  {:<26}not measured\n", what);
  return fmt::format("  {:<26}{:>22} {:<8} {}\n", what,
                     fmt::format("{:.2f} ({:.2f})", 1e6 / rate.best, 1e6 / rate.median), "us", rate.how);
}

void print_device(const DeviceLimits& limits) {
  print_result("{}: {}; best (median)\n\n", limits.device, limits.name);
  for (const ReadBandwidth& read : limits.read) {
    print_result("{}", rate_row(fmt::format("read {} MiB", read.buffer_bytes / kMiB), read.bytes_per_s, 1e9, "GB/s"));
  }
  if (limits.cache_bytes > 0) print_result("  {:<26}{:>22} {}\n", "last cache", limits.cache_bytes / kMiB, "MiB");
  print_result("{}", rate_row("fp32", limits.fp32_flops_per_s, 1e12, "TFLOP/s"));
  print_result("{}", rate_row("bf16", limits.bf16_flops_per_s, 1e12, "TFLOP/s"));
  print_result("{}", rate_row("int8", limits.int8_ops_per_s, 1e12, "TOP/s"));
  print_result("{}", cost_row("start of work", limits.launches_per_s));
  print_result("{}", cost_row("start and wait for the end", limits.round_trips_per_s));
  print_result("{}", rate_row("copy to the device", limits.to_device_bytes_per_s, 1e9, "GB/s"));
  print_result("{}", rate_row("copy from the device", limits.from_device_bytes_per_s, 1e9, "GB/s"));
}

void measure_a_device(const MachineArguments& arguments) {
  std::vector<std::uint64_t> buffers{16 * kMiB, 64 * kMiB, 256 * kMiB, 1024 * kMiB, 4096 * kMiB};
  if (!arguments.buffers_mib.empty()) buffers.clear();
  for (const std::uint64_t mib : arguments.buffers_mib) buffers.push_back(mib * kMiB);
  const PluginDescription plugin = find_probe(PluginPath(arguments.plugin_dirs), arguments.device);
  const DeviceLimits limits = measure_device(plugin, arguments.device, buffers);
  if (arguments.json) {
    print_result("{}\n", to_json(limits).dump(2));
  } else {
    print_device(limits);
  }
}

void measure(const MachineArguments& arguments) {
  if (!arguments.device.empty()) return measure_a_device(arguments);
  MachineOptions options;
  options.thread_counts = thread_ladder(arguments.threads);
  for (const std::uint64_t mib : arguments.buffers_mib) options.buffer_bytes.push_back(mib * kMiB);
  options.quick = arguments.quick;
  options.progress = show_progress;
  MachineLimits limits = measure_machine(options);
  limits.call_overhead_ns = overhead_of_a_call(PluginPath(arguments.plugin_dirs));
  if (arguments.json) {
    print_result("{}\n", to_json(limits).dump(2));
  } else {
    print_table(limits);
  }
}

}  // namespace

void add_machine_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<MachineArguments>();
  CLI::App* command = app.add_subcommand(
      "machine", "Measure this machine's limits: read bandwidth, fp32 and int8 peak; those of a GPU");
  command->add_option("--threads", arguments->threads, "Measure with 1, 2, 4, ... up to N threads [all CPUs]")
      ->default_val(usable_cpus())
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  command
      ->add_option("--buffer", arguments->buffers_mib,
                   "Also read a buffer of this size, such as a model's; may be given again")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20U))
      ->allow_extra_args(false)
      ->type_name("MIB");
  command->add_option("--device", arguments->device, "Measure this device instead of the CPUs, such as cuda:0")
      ->type_name("DEVICE");
  command->add_flag("--quick", arguments->quick, "Take less than half of the time; less precise");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->footer(
      "Stop other programs meanwhile: a median far below the best value means that something else ran.\n"
      "A decode step takes at least the size of its weights divided by the read bandwidth of a buffer of that size;\n"
      "a prefill takes at least its operations divided by the peak.");
  command->callback([arguments] { measure(*arguments); });
}

}  // namespace inferbench
