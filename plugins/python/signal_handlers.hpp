// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>

#include "inferbench/backend.hpp"

namespace inferbench::python {

/// Keeps the process's signal handlers: what Python code changes while this lives is changed back at its end, and the
/// host, unless null, is told. A backend may not install handlers (Ctrl-C and SIGTERM are the host's), but libraries do
/// on import.
class SignalHandlers {
 public:
  explicit SignalHandlers(const HostCalls* host);
  ~SignalHandlers();
  SignalHandlers(const SignalHandlers&) = delete;
  SignalHandlers& operator=(const SignalHandlers&) = delete;

 private:
  static constexpr int kSignals = 32;  // the standard ones
  const HostCalls* host_;
  std::array<struct sigaction, kSignals> before_{};
};

}  // namespace inferbench::python
