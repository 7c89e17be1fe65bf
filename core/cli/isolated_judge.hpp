// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/load_backend.hpp"
#include "model/model.hpp"
#include "plugin/backend_child.hpp"
#include "quality/window.hpp"
#include "quality/window_agreement.hpp"

namespace inferbench {

/// How much a judge's sessions hold.
struct JudgeShape {
  std::int32_t context = 0;  ///< most tokens that a window predicts from
  std::int32_t batch = 1;    ///< windows per call
};

/// WindowRunner in a child process: a backend, optionally compared with a reference, judges windows of tokens there. A
/// backend that crashes ends only that process. The functions throw Error; BackendError if the backend reports an
/// error.
class IsolatedJudge {
 public:
  /// Starts the child and builds the model there, once for each backend. The options in `settings` apply only to
  /// `tested`. `callbacks` run in the child.
  IsolatedJudge(const FoundBackend& tested, const std::optional<FoundBackend>& reference,
                const BackendArguments& settings, const Model& model, JudgeShape shape, const HostCallbacks& callbacks);
  ~IsolatedJudge();  ///< shuts the backends down; problems become a warning on stderr
  IsolatedJudge(const IsolatedJudge&) = delete;
  IsolatedJudge& operator=(const IsolatedJudge&) = delete;

  // What the tested backend says of itself.
  const std::string& kernels() const { return kernels_; }
  const std::string& device() const { return device_; }

  /// At most `shape.batch` windows. Returns one result per window, in order.
  std::vector<WindowAgreement> judge(std::span<const Window> windows);

 private:
  BackendChild child_;
  std::string kernels_;
  std::string device_;
};

}  // namespace inferbench
