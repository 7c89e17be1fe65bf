// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/op_bench.h"
#include "plugin/backend.hpp"

namespace inferbench {

/// RAII view of ib_op; keeps its context alive.
class BackendOperator {
 public:
  /// Throws BackendError; IB_UNSUPPORTED also if the backend does not have the extension inferbench.op_bench.v1.
  BackendOperator(BackendContext context, const ib_op_desc& desc);

  /// Padded with zeros if the backend was built against an older header; `kernels` is not null.
  const ib_op_info& info() const;

  /// The raw call, for the measured path: no allocation, no exception.
  ib_status run(std::int32_t copy, ib_error& error) const noexcept {
    try {
      return run_(op_, copy, &error);
    } catch (...) {  // the backend breaks the rules; this costs nothing if it does not throw
      return run_threw(error);
    }
  }

  /// The error for a raw run: see BackendContext::failure.
  BackendError failure(std::string_view call, ib_status status, const ib_error& error) const;

  /// run() for everything that is not timed. Throws BackendError.
  void run_once(std::int32_t copy) const;

  /// The result of the latest run, `n` values. Throws BackendError.
  std::vector<float> output(std::size_t n) const;

 private:
  struct Impl;
  static ib_status run_threw(ib_error& error) noexcept;
  std::shared_ptr<Impl> impl_;
  ib_op* op_ = nullptr;
  ib_status (*run_)(ib_op*, std::int32_t, ib_error*) = nullptr;
};

}  // namespace inferbench
