// SPDX-License-Identifier: Apache-2.0
#include "results/environment.hpp"

#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "measure/affinity.hpp"
#include "measure/cgroup.hpp"
#include "results/node_name.hpp"
#include "results/utc_time.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\"\n");
  const auto end = text.find_last_not_of(" \t\"\n");
  return begin == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
}

// The first line of a file in /proc or /sys; null if there is none.
Json first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return nullptr;
  return trimmed(line);
}

// Reads "key<separator>value" lines; the first line of a key counts.
std::map<std::string, std::string> read_pairs(const fs::path& path, char separator) {
  std::map<std::string, std::string> pairs;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto at = line.find(separator);
    if (at != std::string::npos) pairs.emplace(trimmed(line.substr(0, at)), trimmed(line.substr(at + 1)));
  }
  return pairs;
}

Json value_or_null(const std::map<std::string, std::string>& pairs, const std::string& key) {
  const auto found = pairs.find(key);
  return found == pairs.end() ? Json(nullptr) : Json(found->second);
}

Json kib_to_bytes(const std::map<std::string, std::string>& pairs, const std::string& key) {
  const auto found = pairs.find(key);
  if (found == pairs.end()) return nullptr;
  return std::strtoull(found->second.c_str(), nullptr, 10) * 1024;
}

// In bytes; null if there is no limit.
Json limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return nullptr;
  return limit.rlim_cur;
}

Json caches() {
  Json list = Json::array();
  for (int index = 0; index < 8; ++index) {
    const fs::path folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}", index);
    const Json size = first_line(folder / "size");
    if (size.is_null()) break;
    list.push_back({{"level", first_line(folder / "level")},
                    {"type", first_line(folder / "type")},
                    {"size", size},
                    {"shared_by_cpus", first_line(folder / "shared_cpu_list")}});
  }
  return list;
}

Json cpu() {
  const auto info = read_pairs("/proc/cpuinfo", ':');
  return {{"model", value_or_null(info, "model name")},
          {"vendor", value_or_null(info, "vendor_id")},
          {"family", value_or_null(info, "cpu family")},
          {"model_number", value_or_null(info, "model")},
          {"stepping", value_or_null(info, "stepping")},
          {"microcode", value_or_null(info, "microcode")},
          {"mhz_now", value_or_null(info, "cpu MHz")},
          {"online", sysconf(_SC_NPROCESSORS_ONLN)},
          {"usable", allowed_cpus()},
          {"smt", first_line("/sys/devices/system/cpu/smt/active")},
          {"governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
          {"boost", first_line("/sys/devices/system/cpu/cpufreq/boost")},
          {"no_turbo", first_line("/sys/devices/system/cpu/intel_pstate/no_turbo")},
          {"hypervisor", first_line("/sys/hypervisor/type")},
          {"caches", caches()},
          {"flags", value_or_null(info, "flags")}};
}

Json memory() {
  const auto info = read_pairs("/proc/meminfo", ':');
  return {{"total_bytes", kib_to_bytes(info, "MemTotal")},
          {"available_bytes", kib_to_bytes(info, "MemAvailable")},
          {"swap_bytes", kib_to_bytes(info, "SwapTotal")},
          {"transparent_huge_pages", first_line("/sys/kernel/mm/transparent_hugepage/enabled")}};
}

Json limit_json(const std::optional<CgroupLimit>& limit) {
  return limit ? Json(limit->value) : Json(nullptr);
}

// Processors and memory that control groups leave to this process; null means no limit. First the effective limits,
// then each group's, starting at the process's own group.
Json container() {
  const Cgroups groups = find_cgroups();
  const auto quota = cpu_quota(groups);
  Json json{{"cpus", quota ? Json(*quota) : Json(nullptr)},
            {"memory_bytes", limit_json(smallest_memory_limit(groups))},
            {"processes", limit_json(smallest_process_limit(groups))},
            {"cpu_groups", Json::array()},
            {"memory_groups", Json::array()}};
  for (const Cgroup& group : groups.cpu) {
    const auto own = cpu_quota(group);
    json["cpu_groups"].push_back({{"folder", group.folder.string()}, {"cpus", own ? Json(*own) : Json(nullptr)}});
  }
  for (const Cgroup& group : groups.memory) {
    json["memory_groups"].push_back({{"folder", group.folder.string()},
                                     {"max_bytes", limit_json(memory_limit(group))},
                                     {"high_bytes", limit_json(memory_high(group))}});
  }
  return json;
}

// The kernel's mitigations of processor flaws, which cost time.
Json mitigations() {
  Json found = Json::object();
  std::error_code problem;
  for (const auto& file : fs::directory_iterator("/sys/devices/system/cpu/vulnerabilities", problem)) {
    found[file.path().filename().string()] = first_line(file.path());
  }
  return found;
}

// Environment variables that libraries read. The experiment file does not show them.
Json variables() {
  Json found = Json::object();
  for (const char* name :
       {"OMP_NUM_THREADS", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY", "KMP_AFFINITY", "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "TBB_NUM_THREADS", "MALLOC_ARENA_MAX",
        "GLIBC_TUNABLES", "LD_PRELOAD", "LD_LIBRARY_PATH", "INFERBENCH_PLUGIN_PATH"}) {
    if (const char* value = std::getenv(name); value != nullptr) found[name] = value;
  }
  return found;
}

// The job that a scheduler started this process in, so that its log can be found. Null elsewhere.
Json job() {
  Json found = Json::object();
  for (const char* name : {"SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_PARTITION",
                           "SLURM_RESTART_COUNT", "JOB_COMPLETION_INDEX"}) {
    if (const char* value = std::getenv(name); value != nullptr) found[name] = value;
  }
  return found.empty() ? Json(nullptr) : found;
}

Json process() {
  return {{"nice", getpriority(PRIO_PROCESS, 0)},
          {"data_limit", limit_of(RLIMIT_DATA)},
          {"address_space_limit", limit_of(RLIMIT_AS)},
          {"locked_memory_limit", limit_of(RLIMIT_MEMLOCK)},
          {"container", container()},
          {"variables", variables()},
          {"job", job()}};
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json system() {
  utsname names{};
  uname(&names);
  return {{"os", value_or_null(read_pairs("/etc/os-release", '='), "PRETTY_NAME")},
          {"kernel", fmt::format("{} {}", names.sysname, names.release)},
          {"machine", names.machine},
          {"node", text_or_null(node_name())},
          {"clock_source", first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
          {"numa_nodes", first_line("/sys/devices/system/node/online")},
          {"mitigations", mitigations()},
          {"load", first_line("/proc/loadavg")}};
}

Json build() {
#ifdef NDEBUG
  const bool assertions = false;
#else
  const bool assertions = true;
#endif
#if defined(__clang__)
  const std::string compiler = "clang " __VERSION__;
#else
  const std::string compiler = "gcc " __VERSION__;
#endif
  return {{"compiler", compiler}, {"assertions", assertions}, {"flags", INFERBENCH_BUILD_FLAGS}};
}

Json libraries() {
  return {{"libc", fmt::format("glibc {}", gnu_get_libc_version())},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann_json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"openssl", OpenSSL_version(OPENSSL_VERSION)}};
}

}  // namespace

std::string collect_environment(const Json& devices) {
  Json environment{{"time", utc_now()},    {"cpu", cpu()},     {"memory", memory()},      {"system", system()},
                   {"process", process()}, {"build", build()}, {"libraries", libraries()}};
  if (!devices.empty()) environment["devices"] = devices;
  return environment.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace inferbench
