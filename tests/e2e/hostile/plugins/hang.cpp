// SPDX-License-Identifier: Apache-2.0
// Takes too long: forever, until it is cancelled, 40 ms of sleep, or half a second in which a signal stops the process.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty_backend.hpp"

namespace {

// A child stops this process and lets it go on: whatever the host measures contains this gap.
void stop_for_half_a_second() {
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child == 0) {
    kill(self, SIGSTOP);
    faulty::sleep_ms(500);
    kill(self, SIGCONT);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

struct Hang : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "hang", "polite_hang", "sleep", "stop", nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error* error) {
    while (model.fault == "hang") faulty::sleep_ms(1000);
    if (model.fault == "polite_hang") {
      while (model.context.host->is_cancelled(model.context.host->user) == 0) faulty::sleep_ms(1);
      return faulty::fail(error, IB_CANCELLED, "cancelled");
    }
    if (model.fault == "sleep") faulty::sleep_ms(40);
    if (model.fault == "stop") stop_for_half_a_second();
    return IB_OK;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Hang>("hang"))
