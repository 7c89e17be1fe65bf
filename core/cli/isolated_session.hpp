// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/load_backend.hpp"
#include "model/model.hpp"
#include "plugin/backend_child.hpp"
#include "text/sampler.hpp"

namespace inferbench {

/// A chosen token, and when the call began and ended in the child, without the round trip (now_ns(), a clock that all
/// processes share).
struct TimedToken {
  std::int32_t id = 0;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
};

/// A session with one slot in a child process, so that a backend that crashes ends only that process. The functions
/// throw Error; BackendError if the backend reports an error. After a crash the object can only be destroyed.
class IsolatedSession {
 public:
  struct Shape {
    std::int32_t max_tokens = 0;
    std::int32_t max_forward_tokens = 0;
  };

  /// Starts the child and builds the model there. `callbacks` run in the child.
  IsolatedSession(const FoundBackend& found, const BackendArguments& settings, const Model& model, const Shape& shape,
                  const SamplingOptions& sampling = {}, const HostCallbacks& callbacks = {});
  ~IsolatedSession();  ///< shuts the backend down; problems become a warning on stderr
  IsolatedSession(const IsolatedSession&) = delete;
  IsolatedSession& operator=(const IsolatedSession&) = delete;

  const FoundBackend& backend() const { return found_; }
  const std::string& kernels() const { return kernels_; }
  double load_ms() const { return load_ms_; }  ///< until the session is ready

  /// Feeds the tokens and chooses the next one.
  TimedToken next(std::span<const std::int32_t> fed);
  /// Feeds the tokens; returns logits [fed.size(), vocab].
  std::vector<float> all_logits(std::span<const std::int32_t> fed);
  /// Empties the slot.
  void clear();

 private:
  FoundBackend found_;
  BackendChild child_;
  std::string kernels_;
  double load_ms_ = 0;
};

}  // namespace inferbench
