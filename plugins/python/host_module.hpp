// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/backend.hpp"
#include "python_ref.hpp"

namespace inferbench::python {

/// Creates the module `inferbench` of prelude.py, once per process. Needs the GIL.
void create_host_module();

/// A function or class of that module. Needs the GIL.
Ref host_function(const char* name);

/// While it lives, the functions poll, progress and log of that module reach this host from this thread.
class CurrentHost {
 public:
  explicit CurrentHost(const HostCalls& host);
  ~CurrentHost();
  CurrentHost(const CurrentHost&) = delete;
  CurrentHost& operator=(const CurrentHost&) = delete;

 private:
  const HostCalls* before_;
};

}  // namespace inferbench::python
