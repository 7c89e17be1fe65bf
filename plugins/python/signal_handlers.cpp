// SPDX-License-Identifier: Apache-2.0
#include "signal_handlers.hpp"

#include <cstring>
#include <string>

namespace inferbench::python {
namespace {

bool same_handler(const struct sigaction& a, const struct sigaction& b) {
  return a.sa_handler == b.sa_handler && a.sa_sigaction == b.sa_sigaction;
}

}  // namespace

SignalHandlers::SignalHandlers(const HostCalls* host) : host_(host) {
  for (int number = 1; number < kSignals; ++number) {
    sigaction(number, nullptr, &before_[static_cast<std::size_t>(number)]);
  }
}

SignalHandlers::~SignalHandlers() {
  for (int number = 1; number < kSignals; ++number) {
    struct sigaction now {};
    const struct sigaction& before = before_[static_cast<std::size_t>(number)];
    if (sigaction(number, nullptr, &now) != 0 || same_handler(now, before)) continue;
    sigaction(number, &before, nullptr);
    if (host_ == nullptr) continue;
    host_->log(IB_LOG_WARNING, std::string("python: the module set a handler of SIG") + sigabbrev_np(number) +
                                   ", which a backend may not have; the former one is back");
  }
}

}  // namespace inferbench::python
