// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.hpp"

#include <unistd.h>

#include <array>
#include <csignal>
#include <string_view>

namespace inferbench {

namespace {

// A signal handler can access only static variables.
volatile std::sig_atomic_t interrupted = 0;

constexpr std::array kSignals{SIGINT, SIGTERM};

void on_signal(int signal_number) {
  if (interrupted != 0) {
    std::signal(signal_number, SIG_DFL);
    raise(signal_number);
    return;
  }
  interrupted = 1;
  constexpr std::string_view kText = "\ninferbench: finishing the current trial; press Ctrl-C again to stop at once\n";
  if (write(STDERR_FILENO, kText.data(), kText.size()) < 0) return;  // cannot be reported
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  for (const int number : kSignals) std::signal(number, SIG_DFL);
}

bool InterruptGuard::requested() const {
  return interrupted != 0;
}

}  // namespace inferbench
