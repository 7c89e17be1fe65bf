// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "inferbench/backend.hpp"
#include "python_ref.hpp"

namespace inferbench::python {

/// Starts Python unless it runs. It is never ended: extension modules such as NumPy's cannot be loaded twice in a
/// process. `n_threads` is what the libraries below it are told, which read it once, when they are loaded. Afterwards
/// no thread holds the GIL. Throws Failure(IB_UNSUPPORTED) where Python cannot start.
void start_python(std::int32_t n_threads, const HostCalls& host);

/// Holds the GIL, from any thread.
class Gil {
 public:
  Gil() : state_(PyGILState_Ensure()) {}
  ~Gil() { PyGILState_Release(state_); }
  Gil(const Gil&) = delete;
  Gil& operator=(const Gil&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace inferbench::python
