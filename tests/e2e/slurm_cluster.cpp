// SPDX-License-Identifier: Apache-2.0
#include "e2e/slurm_cluster.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace inferbench::test {

namespace {

namespace fs = std::filesystem;

// The daemons are in /usr/sbin, which not every user's PATH has.
std::string find_slurm_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders((path == nullptr ? std::string() : std::string(path)) + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder) / name;
    if (!folder.empty() && access(program.c_str(), X_OK) == 0) return program.string();
  }
  return {};
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return std::string(name.data()).substr(0, std::string(name.data()).find('.'));
}

std::string text_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Processes whose environment has SLURM_CONF=`conf` or whose command line names `folder`: the cluster's job steps.
std::vector<pid_t> processes_of(const std::string& conf) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string environment = text_in(entry.path() / "environ");
    const pid_t pid = static_cast<pid_t>(std::stol(name));
    if (pid != getpid() && environment.find("SLURM_CONF=" + conf + '\0') != std::string::npos) found.push_back(pid);
  }
  return found;
}

bool runs_on(pid_t pid, const std::string& node) {
  const fs::path folder = fs::path("/proc") / std::to_string(pid);
  const std::string environment = text_in(folder / "environ");
  if (environment.find("SLURMD_NODENAME=" + node + '\0') != std::string::npos) return true;
  return environment.find("SLURM_NODE_OF_TEST=" + node + '\0') != std::string::npos;
}

}  // namespace

std::string SlurmCluster::missing_program() {
  for (const char* name : {"slurmctld", "slurmd", "sbatch", "scancel", "munged"}) {
    if (find_slurm_program(name).empty()) return name;
  }
  return {};
}

SlurmCluster::SlurmCluster(const fs::path& folder, int node_timeout_s) : folder_(folder) {
  for (const char* inner : {"state", "spool", "log"}) fs::create_directories(folder_ / inner);
  {
    std::random_device device;
    std::ofstream key(folder_ / "munge.key", std::ios::binary);
    for (int i = 0; i < 256; ++i) key.put(static_cast<char>(device() & 0xffU));
  }
  fs::permissions(folder_ / "munge.key", fs::perms::owner_read | fs::perms::owner_write);
  write_configuration(node_timeout_s);
  setenv("SLURM_CONF", (folder_ / "slurm.conf").c_str(), 1);
  const std::string at = folder_.string();
  start("munged", {"munged", "--foreground", "--force", "--key-file=" + at + "/munge.key",
                   "--socket=" + at + "/munge.socket", "--log-file=" + at + "/log/munged.log",
                   "--pid-file=" + at + "/munged.pid", "--seed-file=" + at + "/munge.seed"});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(folder_ / "munge.socket") && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  start("slurmctld", {"slurmctld", "-D", "-i"});
  for (const char* node : {"n1", "n2"}) {
    setenv("SLURM_NODE_OF_TEST", node, 1);  // tells the steps of the nodes apart
    start(node, {"slurmd", "-D", "-N", node});
  }
  unsetenv("SLURM_NODE_OF_TEST");
  while (command({"sinfo", "--noheader", "--Node", "--format=%N:%t"}).out != "n1:idle\nn2:idle\n") {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("Slurm did not start: " + last_words());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

SlurmCluster::~SlurmCluster() {
  command({"scancel", "--user=" + std::to_string(getuid())});
  for (const auto& [name, daemon] : daemons_) daemon->signal(SIGTERM);
  daemons_.clear();
  for (const pid_t pid : processes_of((folder_ / "slurm.conf").string())) kill(pid, SIGKILL);
  unsetenv("SLURM_CONF");
}

void SlurmCluster::write_configuration(int node_timeout_s) const {
  const passwd* user = getpwuid(getuid());
  const std::string host = host_name();
  std::ofstream(folder_ / "slurm.conf") << fmt::format(
      R"(ClusterName=inferbench
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={port}
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd.%n.pid
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool/%n
SlurmctldLogFile={at}/log/slurmctld.log
SlurmdLogFile={at}/log/slurmd.%n.log
SlurmdParameters=config_overrides
AuthType=auth/munge
AuthInfo=socket={at}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
SlurmdTimeout={timeout}
SlurmctldTimeout=5
MessageTimeout=5
InactiveLimit=0
KillWait=1
MpiDefault=none
SwitchType=switch/none
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1 RealMemory=1000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1 RealMemory=1000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
)",
      fmt::arg("host", host), fmt::arg("user", user->pw_name), fmt::arg("port", free_port()),
      fmt::arg("timeout", node_timeout_s), fmt::arg("at", folder_.string()), fmt::arg("first", free_port()),
      fmt::arg("second", free_port()));
}

void SlurmCluster::start(const std::string& name, const std::vector<std::string>& words) {
  std::vector<std::string> command = words;
  command.front() = find_slurm_program(words.front());
  daemons_[name] = std::make_unique<Program>(command, folder_);
}

std::string SlurmCluster::last_words() const {
  std::string words;
  for (const auto& entry : fs::directory_iterator(folder_ / "log")) {
    const std::string text = text_in(entry.path());
    words +=
        entry.path().filename().string() + ":\n" + text.substr(text.size() - std::min<std::size_t>(800, text.size()));
  }
  return words;
}

void SlurmCluster::kill_node(const std::string& node) {
  const std::vector<pid_t> processes = processes_of((folder_ / "slurm.conf").string());
  std::vector<pid_t> ours;
  for (const pid_t pid : processes) {
    if (runs_on(pid, node)) ours.push_back(pid);
  }
  for (const pid_t pid : ours) kill(pid, SIGSTOP);  // so that none can report the end of another
  for (const pid_t pid : ours) kill(pid, SIGKILL);
  daemons_.at(node)->wait();
  daemons_.erase(node);
}

ProgramResult SlurmCluster::command(const std::vector<std::string>& words) {
  std::vector<std::string> command = words;
  command.front() = find_slurm_program(words.front());
  return Program(command).wait();
}

std::string SlurmCluster::state_of(const std::string& job) {
  std::string text = command({"squeue", "--noheader", "--format=%T", "--job=" + job}).out;
  return text.substr(0, text.find('\n'));
}

}  // namespace inferbench::test
