// SPDX-License-Identifier: Apache-2.0
#include "plugin/backend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <limits>
#include <map>
#include <utility>

#include "inferbench/decoder.hpp"
#include "plugin/checked_call.hpp"
#include "plugin/logit_check.hpp"

namespace inferbench {

namespace {

std::string cure_of(ib_status status) {
  switch (status) {
    case IB_UNSUPPORTED:
      return "choose what this backend supports on this machine; inferbench backends lists it";
    case IB_OUT_OF_MEMORY:
      return "use a smaller model, batch or context, or a narrower precision";
    case IB_DEVICE_LOST:
      return "start again; the device was lost";
    case IB_INTERNAL:
      return "this is a defect of the backend; tell its author";
    default:
      return {};
  }
}

}  // namespace

BackendError::BackendError(ib_status status, const std::string& what) : Error(what, cure_of(status)), status_(status) {}

WrongOutput::WrongOutput(const std::string& what) : Error(what, kWrongOutputHint) {}

std::string_view status_name(ib_status status) {
  switch (status) {
    case IB_OK:
      return "ok";
    case IB_INVALID_ARGUMENT:
      return "invalid argument";
    case IB_UNSUPPORTED:
      return "unsupported";
    case IB_OUT_OF_MEMORY:
      return "out of memory";
    case IB_CANCELLED:
      return "cancelled";
    case IB_DEVICE_LOST:
      return "device lost";
    case IB_INTERNAL:
      return "internal error";
    default:
      return "unknown status";
  }
}

namespace {

std::string default_device(const Plugin& plugin) {
  const PluginDescription& about = plugin.description();
  if (!about.devices.empty()) return about.devices.front().id;
  throw BackendError(IB_UNSUPPORTED, fmt::format("backend {}: no device: {}", about.name, about.device_problem));
}

void require_features(const Plugin& plugin, const ib_model_desc& desc) {
  const std::string_view missing = missing_feature(decoder::required_features(desc), plugin.table().features);
  if (missing.empty()) return;
  throw BackendError(IB_UNSUPPORTED,
                     fmt::format("backend {} has no {}, which the model needs", plugin.name(), missing));
}

}  // namespace

// ---- context ----

struct BackendContext::Impl {
  Impl(Plugin loaded, HostCallbacks given) : plugin(std::move(loaded)), callbacks(std::move(given)) {
    host.struct_size = sizeof(host);
    host.user = this;
    if (callbacks.log) host.log = on_log;
    if (callbacks.progress) host.progress = on_progress;
    // Always set: if another callback throws, the call is ended by cancelling it.
    host.is_cancelled = on_is_cancelled;
  }
  ~Impl() {
    if (context != nullptr) destroy(callbacks, "shutdown", [&] { plugin.table().shutdown(context); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// checked_call. An exception that a callback throws during the call is rethrown here instead of in the backend.
  template <typename Call>
  void call(std::string_view name, Call function) {
    failed_callback = nullptr;
    cancel_asked = false;
    in_call = true;
    ib_error said{};
    std::exception_ptr failed_call;
    try {
      checked_call(plugin, name, [&](ib_error& error) {
        const ib_status status = function(error);
        said = error;
        return status;
      });
    } catch (const BackendError& error) {
      failed_call = std::current_exception();
      if (error.status() == IB_CANCELLED && !cancel_asked) {
        const std::string text = fmt::format("backend {}: {}", plugin.name(), unasked_cancel_text(name, said));
        failed_call = std::make_exception_ptr(BackendError(IB_INTERNAL, text));
      }
    }
    in_call = false;
    if (failed_callback != nullptr) std::rethrow_exception(std::exchange(failed_callback, nullptr));
    if (failed_call != nullptr) std::rethrow_exception(failed_call);
  }

  static void on_log(void* user, std::int32_t level, const char* message) {
    auto& self = *static_cast<Impl*>(user);
    self.guarded([&] { self.callbacks.log(level, message == nullptr ? "" : message); });
  }
  static void on_progress(void* user, double fraction) {
    auto& self = *static_cast<Impl*>(user);
    // NaN fails the first comparison and becomes 0.
    const double within = fraction > 0 ? std::min(fraction, 1.0) : 0.0;
    self.guarded([&] { self.callbacks.progress(within); });
  }
  static std::int32_t on_is_cancelled(void* user) {
    auto& self = *static_cast<Impl*>(user);
    bool cancelled = false;
    const bool asked = !self.callbacks.is_cancelled || self.guarded([&] { cancelled = self.callbacks.is_cancelled(); });
    const bool cancel = cancelled || !asked || self.failed_callback != nullptr;
    if (cancel) self.cancel_asked = true;
    return cancel ? 1 : 0;
  }

  // Returns false if `function` threw. Outside call() nothing could receive the exception, so it is dropped.
  template <typename Call>
  bool guarded(Call function) noexcept {
    try {
      function();
      return true;
    } catch (...) {
      if (in_call && failed_callback == nullptr) failed_callback = std::current_exception();
      return false;
    }
  }

  Plugin plugin;
  HostCallbacks callbacks;
  std::string device;
  ib_host host{};
  bool in_call = false;
  bool cancel_asked = false;           // by on_is_cancelled, since the last call() began
  std::exception_ptr failed_callback;  // the first one, during call()
  ib_context* context = nullptr;
};

BackendContext::BackendContext(Plugin plugin, std::int32_t n_threads, HostCallbacks callbacks,
                               const std::string& device)
    : impl_(std::make_shared<Impl>(std::move(plugin), std::move(callbacks))) {
  impl_->device = device.empty() ? default_device(impl_->plugin) : device;
  ib_init_params params{};
  params.struct_size = sizeof(params);
  params.host = &impl_->host;
  params.n_threads = n_threads;
  params.device = impl_->device.c_str();
  impl_->call("init", [&](ib_error& error) { return impl_->plugin.table().init(&params, &impl_->context, &error); });
  if (impl_->context == nullptr) throw_status(impl_->plugin, "init", IB_INTERNAL, "it returned ok, but no context");
}

const Plugin& BackendContext::plugin() const {
  return impl_->plugin;
}
ib_context* BackendContext::get() const {
  return impl_->context;
}
void BackendContext::call(std::string_view name, const std::function<ib_status(ib_error&)>& function) const {
  impl_->call(name, function);
}
const HostCallbacks& BackendContext::callbacks() const {
  return impl_->callbacks;
}
BackendError BackendContext::failure(std::string_view call, ib_status status, const ib_error& error) const {
  if (status == IB_CANCELLED && !impl_->cancel_asked) return {IB_INTERNAL, unasked_cancel_text(call, error)};
  return {status, failure_text(call, status, error)};
}

// ---- model ----

struct BackendModel::Impl {
  Impl(BackendContext parent, const ModelConfig& shape) : context(std::move(parent)), config(shape) {}
  ~Impl() {
    if (model == nullptr) return;
    destroy(context.callbacks(), "model_destroy", [&] { context.plugin().table().model_destroy(model); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  BackendContext context;
  ModelConfig config;
  ib_model* model = nullptr;
  ib_model_info info{};
};

BackendModel::BackendModel(BackendContext context, const Weights& weights, const std::string& precision,
                           const OptionValues& options)
    : impl_(std::make_shared<Impl>(std::move(context), weights.config())) {
  const Plugin& plugin = impl_->context.plugin();
  const std::string wanted = precision.empty() ? plugin.precisions().front().name : precision;
  const ib_model_desc desc = weights.desc();
  require_features(plugin, desc);
  ib_model_params params{};
  params.struct_size = sizeof(params);
  params.desc = &desc;
  params.precision = wanted.c_str();
  params.options = options.values().data();
  params.n_options = options.values().size();
  if (weights.place()) params.folder = weights.place()->c_str();
  impl_->context.impl_->call("model_create", [&](ib_error& error) {
    return plugin.table().model_create(impl_->context.get(), &params, &impl_->model, &error);
  });
  if (impl_->model == nullptr) throw_status(plugin, "model_create", IB_INTERNAL, "it returned ok, but no model");
  impl_->info = completed(plugin, "model_info", plugin.table().model_info(impl_->model));
  if (impl_->info.device == nullptr) impl_->info.device = "";
  if (impl_->info.kernels == nullptr) impl_->info.kernels = "";
}

const ib_model_info& BackendModel::info() const {
  return impl_->info;
}
const ModelConfig& BackendModel::config() const {
  return impl_->config;
}
const Plugin& BackendModel::plugin() const {
  return impl_->context.plugin();
}
ib_model* BackendModel::get() const {
  return impl_->model;
}

// ---- session ----

struct BackendSession::Impl {
  explicit Impl(BackendModel parent) : model(std::move(parent)) {}
  ~Impl() {
    if (session == nullptr) return;
    destroy(model.impl_->context.callbacks(), "session_destroy",
            [&] { model.plugin().table().session_destroy(session); });
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// Forwards one sequence.
  void forward(std::int32_t slot, std::span<const std::int32_t> tokens, std::int32_t output, std::span<float> logits,
               std::span<std::int32_t> ids) {
    const ib_sequence sequence{slot, static_cast<std::int32_t>(tokens.size()), tokens.data(), output, 0};
    ib_forward_params params{};
    params.struct_size = sizeof(params);
    params.sequences = &sequence;
    params.n_sequences = 1;
    params.logits = logits.data();
    params.logits_capacity = logits.size();
    params.ids = ids.data();
    params.ids_capacity = ids.size();
    model.impl_->context.impl_->call(
        "forward", [&](ib_error& error) { return model.plugin().table().forward(session, &params, &error); });
    held[slot] += tokens.size();
  }

  /// Checks the logits of a forward of `slot`: row-major [n, vocab], for the last n positions.
  void require_finite(std::int32_t slot, std::span<const float> logits, std::size_t vocab) {
    const auto wrong = find_wrong_logit(logits, vocab);
    if (!wrong) return;
    const std::size_t position = held[slot] - logits.size() / vocab + wrong->row;
    throw WrongOutput(
        fmt::format("backend {}: forward: at position {}, {}", model.plugin().name(), position, describe(*wrong)));
  }

  BackendModel model;
  ib_session* session = nullptr;
  ib_session_info info{};
  std::map<std::int32_t, std::size_t> held;  ///< slot -> positions that the convenience functions left in it
};

BackendSession::BackendSession(BackendModel model, std::int32_t n_slots, std::int32_t max_tokens,
                               std::int32_t max_forward_tokens)
    : impl_(std::make_shared<Impl>(std::move(model))) {
  const BackendModel& parent = impl_->model;
  const ib_backend& table = parent.plugin().table();
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = n_slots;
  params.max_tokens = max_tokens;
  params.max_forward_tokens = max_forward_tokens;
  parent.impl_->context.impl_->call("session_create", [&](ib_error& error) {
    return table.session_create(parent.get(), &params, &impl_->session, &error);
  });
  if (impl_->session == nullptr) {
    throw_status(parent.plugin(), "session_create", IB_INTERNAL, "it returned ok, but no session");
  }
  session_ = impl_->session;
  forward_ = table.forward;
}

const ib_session_info& BackendSession::info() const {
  const Plugin& plugin = impl_->model.plugin();
  impl_->info = completed(plugin, "session_info", plugin.table().session_info(session_));
  return impl_->info;
}

ib_session* BackendSession::get() const {
  return session_;
}

ib_status BackendSession::forward_threw(ib_error& error) noexcept {
  constexpr std::string_view kMessage = "forward threw an exception across the ABI";
  std::memcpy(error.message, kMessage.data(), kMessage.size() + 1);
  return IB_INTERNAL;
}

BackendError BackendSession::failure(std::string_view call, ib_status status, const ib_error& error) const {
  return impl_->model.impl_->context.failure(call, status, error);
}

std::vector<float> BackendSession::all_logits(std::int32_t slot, std::span<const std::int32_t> tokens) const {
  const auto vocab = static_cast<std::size_t>(impl_->model.config().vocab_size);
  std::vector<float> logits(tokens.size() * vocab);
  mark_unwritten(logits);
  impl_->forward(slot, tokens, IB_OUTPUT_ALL_LOGITS, logits, {});
  impl_->require_finite(slot, logits, vocab);
  return logits;
}

std::vector<float> BackendSession::last_logits(std::int32_t slot, std::span<const std::int32_t> tokens) const {
  std::vector<float> logits(static_cast<std::size_t>(impl_->model.config().vocab_size));
  mark_unwritten(logits);
  impl_->forward(slot, tokens, IB_OUTPUT_LAST_LOGITS, logits, {});
  impl_->require_finite(slot, logits, logits.size());
  return logits;
}

std::int32_t BackendSession::greedy(std::int32_t slot, std::span<const std::int32_t> tokens) const {
  constexpr std::int32_t kNoId = std::numeric_limits<std::int32_t>::min();
  const std::int32_t vocab = impl_->model.config().vocab_size;
  std::int32_t id = kNoId;
  impl_->forward(slot, tokens, IB_OUTPUT_GREEDY, {}, {&id, 1});
  if (id >= 0 && id < vocab) return id;
  const std::string_view name = impl_->model.plugin().name();
  if (id == kNoId) throw WrongOutput(fmt::format("backend {}: forward: it wrote no id", name));
  throw WrongOutput(fmt::format("backend {}: forward: id {} is outside the vocabulary of {}", name, id, vocab));
}

void BackendSession::truncate(std::int32_t slot, std::int32_t n_past) const {
  impl_->model.impl_->context.impl_->call("session_truncate", [&](ib_error& error) {
    return impl_->model.plugin().table().session_truncate(session_, slot, n_past, &error);
  });
  impl_->held[slot] = static_cast<std::size_t>(n_past);
}

}  // namespace inferbench
