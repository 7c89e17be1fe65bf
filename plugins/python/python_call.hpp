// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host_module.hpp"
#include "interpreter.hpp"

namespace inferbench::python {

/// Turns the exception that Python has set into a Failure: the traceback's last line, and the file and line in the
/// user's code that it came from. Needs the GIL; leaves no exception set.
[[noreturn]] void throw_failure();

/// Runs `function` with the GIL and with `host` as the host of the module `inferbench`. What Python raises in it
/// becomes a Failure, sys.exit too.
template <typename Function>
void in_python(const HostCalls& host, Function&& function) {
  const Gil gil;
  const CurrentHost current(host);
  try {
    function();
  } catch (const PythonRaised&) {
    throw_failure();
  }
}

}  // namespace inferbench::python
