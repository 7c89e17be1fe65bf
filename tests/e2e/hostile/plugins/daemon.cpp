// SPDX-License-Identifier: Apache-2.0
// Leaves a process behind that is nobody's child and has a session of its own, as a library does that starts a server.
#include <sys/wait.h>
#include <unistd.h>

#include "faulty_backend.hpp"

namespace {

void start_daemon() {
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    if (fork() == 0) {
      execl("/bin/sleep", "sleep", "1000", static_cast<char*>(nullptr));
      _exit(1);
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

struct Daemon : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "daemon", nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error*) {
    if (model.fault == "daemon") start_daemon();
    return IB_OK;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Daemon>("daemon"))
