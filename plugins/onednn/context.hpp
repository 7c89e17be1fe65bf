// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "inferbench/backend.hpp"

namespace inferbench::onednn {

/// oneDNN's engine and the threads it may use. oneDNN of Debian runs on OpenMP.
class Context {
 public:
  explicit Context(const ib_init_params& params);
  /// Ends OpenMP's threads.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// OpenMP keeps the number of threads per calling thread, so every entry point sets it again.
  void use_threads() const;

  HostCalls host;
  dnnl::engine engine;
  dnnl::stream stream;

 private:
  int n_threads_;
};

}  // namespace inferbench::onednn
