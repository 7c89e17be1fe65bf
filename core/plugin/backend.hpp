// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "inferbench/backend.h"
#include "model/model.hpp"
#include "plugin/options.hpp"
#include "plugin/plugin.hpp"
#include "support/error.hpp"

namespace inferbench {

/// A backend function returned something other than IB_OK.
class BackendError : public Error {
 public:
  BackendError(ib_status status, const std::string& what);
  ib_status status() const noexcept { return status_; }

 private:
  ib_status status_;
};

inline constexpr const char* kWrongOutputHint =
    "the backend computes wrongly; try another precision, or compare it with cpu_ref";

/// A backend returned IB_OK but its output cannot be right: a logit is not finite, or an id is not in the vocabulary.
class WrongOutput : public Error {
 public:
  explicit WrongOutput(const std::string& what);
};

/// "out of memory", ...; for messages and rows.
std::string_view status_name(ib_status status);

/// Callbacks for what a backend may tell the host while it works. Each may be empty.
struct HostCallbacks {
  std::function<void(std::int32_t level, std::string_view message)> log;
  std::function<void(double fraction)> progress;
  std::function<bool()> is_cancelled;
  /// Called by the host, not by the backend: gets the name of a teardown function (session_destroy, model_destroy,
  /// shutdown) before it is called, and "" after it has returned; `problem` is the exception that it threw, or "". Such
  /// a function returns no status, and it may be the last thing that the process does.
  std::function<void(std::string_view call, std::string_view problem)> teardown;
};

/// RAII view of ib_context. Not thread-safe; destroyed after its models.
///
/// An exception in a callback does not reach the backend: the call is cancelled, and the exception is rethrown by the
/// function below that made the call. (The raw BackendSession::forward returns IB_CANCELLED.)
class BackendContext {
 public:
  /// `device`: one of the plugin's devices; empty: its first. Throws BackendError.
  BackendContext(Plugin plugin, std::int32_t n_threads, HostCallbacks callbacks = {}, const std::string& device = {});
  const Plugin& plugin() const;
  ib_context* get() const;

  /// Calls one function of the backend; `name` is used in messages. Throws BackendError for a status other than IB_OK,
  /// and rethrows exceptions of callbacks.
  void call(std::string_view name, const std::function<ib_status(ib_error&)>& function) const;

  /// The error for a raw call that returned `status`, which is not IB_OK. IB_CANCELLED becomes IB_INTERNAL if the host
  /// has not asked for cancellation since the last call that was not raw.
  BackendError failure(std::string_view call, ib_status status, const ib_error& error) const;

  const HostCallbacks& callbacks() const;

 private:
  friend class BackendModel;
  friend class BackendSession;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// RAII view of ib_model; keeps its context alive.
class BackendModel {
 public:
  /// The weights may be freed afterwards. If `precision` is empty, the backend's first is used. Throws BackendError:
  /// IB_UNSUPPORTED, without a call of the backend, if the model needs a feature that it lacks.
  BackendModel(BackendContext context, const Weights& weights, const std::string& precision,
               const OptionValues& options);
  /// Padded with zeros if the backend was built against an older minor version; no string is null.
  const ib_model_info& info() const;
  const ModelConfig& config() const;
  const Plugin& plugin() const;
  ib_model* get() const;

 private:
  friend class BackendSession;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// RAII view of ib_session; keeps its model alive.
class BackendSession {
 public:
  /// `max_forward_tokens` 0: n_slots * max_tokens. Throws BackendError.
  BackendSession(BackendModel model, std::int32_t n_slots, std::int32_t max_tokens,
                 std::int32_t max_forward_tokens = 0);

  /// The current state; the next call of info() overwrites it.
  const ib_session_info& info() const;
  ib_session* get() const;

  /// The raw call, for the measured path: no allocation, no exception.
  ib_status forward(const ib_forward_params& params, ib_error& error) const noexcept {
    try {
      return forward_(session_, &params, &error);
    } catch (...) {  // the backend breaks the rules; this costs nothing if it does not throw
      return forward_threw(error);
    }
  }

  /// The error for a raw call of this session: see BackendContext::failure.
  BackendError failure(std::string_view call, ib_status status, const ib_error& error) const;

  // Convenience functions for everything that is not timed. They throw BackendError; WrongOutput if a logit is not
  // finite or was not written, or the id is not in the vocabulary.
  /// Appends `tokens` to `slot` and returns row-major logits [tokens.size(), vocab].
  std::vector<float> all_logits(std::int32_t slot, std::span<const std::int32_t> tokens) const;
  /// The same, but returns only the logits after the last token, [vocab].
  std::vector<float> last_logits(std::int32_t slot, std::span<const std::int32_t> tokens) const;
  std::int32_t greedy(std::int32_t slot, std::span<const std::int32_t> tokens) const;
  void truncate(std::int32_t slot, std::int32_t n_past) const;

 private:
  struct Impl;
  static ib_status forward_threw(ib_error& error) noexcept;
  std::shared_ptr<Impl> impl_;
  ib_session* session_ = nullptr;
  ib_status (*forward_)(ib_session*, const ib_forward_params*, ib_error*) = nullptr;
};

}  // namespace inferbench
