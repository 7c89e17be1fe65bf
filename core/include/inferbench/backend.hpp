// SPDX-License-Identifier: Apache-2.0
//
// Help for backends written in C++20; header-only, needs only the standard library. Nothing of it crosses the C ABI, so
// a backend may use all of it, some, or none.
//
// A backend is three classes. Constructors are the ABI's init, model_create and session_create; destructors are
// shutdown, model_destroy and session_destroy:
//
//   struct Context { explicit Context(const ib_init_params&); };
//   struct Model   { Model(Context&, const ib_model_params&);      const ib_model_info& info() const; };
//   struct Session { Session(Model&, const ib_session_params&);    const ib_session_info& info() const;
//                    void forward(const ib_forward_params&);
//                    void truncate(std::int32_t slot, std::int32_t n_past); };
//
//   constexpr ib_precision_info kPrecisions[] = {{"fp32", "weights, activations and sums in fp32", 32, 0}};
//   extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 =
//       inferbench::make_table<Context, Model, Session>({.name = "mine",
//                                                        .version = "1.0",
//                                                        .build = "g++ 12.2 -O3",
//                                                        .license = "Apache-2.0",
//                                                        .doc = "what it is, in one line",
//                                                        .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA,
//                                                        .precisions = kPrecisions});
//
// Constructors and methods throw Failure (or anything else); the table's functions turn it into a status and a message.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "inferbench/backend.h"
#include "inferbench/backend_checks.hpp"
#include "inferbench/backend_failure.hpp"
#include "inferbench/pass_plan.hpp"

namespace inferbench {

// ---- the host's callbacks ----

/// The host's callbacks, any of which may be missing. Only from the thread that is inside a call of the backend.
class HostCalls {
 public:
  explicit HostCalls(const ib_host* host = nullptr) : host_(host) {}

  void log(std::int32_t level, const std::string& message) const {
    if (host_ != nullptr && IB_HAS(ib_host, host_, log) && host_->log != nullptr) {
      host_->log(host_->user, level, message.c_str());
    }
  }
  /// `fraction` of the present call that is done, 0 to 1.
  void progress(double fraction) const {
    if (host_ != nullptr && IB_HAS(ib_host, host_, progress) && host_->progress != nullptr) {
      host_->progress(host_->user, fraction);
    }
  }
  bool is_cancelled() const {
    return host_ != nullptr && IB_HAS(ib_host, host_, is_cancelled) && host_->is_cancelled != nullptr &&
           host_->is_cancelled(host_->user) != 0;
  }
  /// Throws Failure(IB_CANCELLED) if the host wants the present call to stop.
  void throw_if_cancelled() const {
    if (is_cancelled()) throw Failure(IB_CANCELLED, "cancelled by the host");
  }

 private:
  const ib_host* host_;
};

// ---- options ----

/// The values of model_create's options by key. Borrows from the parameters. A missing key, or one of another type,
/// throws Failure(IB_INVALID_ARGUMENT): the host passes every option of the schema.
class OptionReader {
 public:
  explicit OptionReader(const ib_model_params& params) : OptionReader(params.options, params.n_options) {}
  OptionReader(const ib_option_value* values, std::uint64_t count) : values_(values), count_(count) {
    require(values != nullptr || count == 0, "options is null");
  }

  bool boolean(std::string_view key) const { return get(key, IB_OPTION_BOOL).boolean != 0; }
  std::int64_t integer(std::string_view key) const { return get(key, IB_OPTION_INT).integer; }
  double number(std::string_view key) const { return get(key, IB_OPTION_FLOAT).number; }
  /// Of a choice or a text.
  std::string_view text(std::string_view key) const {
    const ib_option_value& value = get(key, IB_OPTION_CHOICE, IB_OPTION_TEXT);
    if (value.text == nullptr) throw Failure(IB_INVALID_ARGUMENT, "option '" + std::string(key) + "' has no text");
    return value.text;
  }

 private:
  const ib_option_value& get(std::string_view key, std::int32_t type, std::int32_t other_type = -1) const {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const ib_option_value& value = values_[i];
      if (value.key == nullptr || key != value.key) continue;
      if (value.type == type || value.type == other_type) return value;
      throw Failure(IB_INVALID_ARGUMENT, "option '" + std::string(key) + "' has another type than its schema says");
    }
    throw Failure(IB_INVALID_ARGUMENT, "option '" + std::string(key) + "' is missing");
  }

  const ib_option_value* values_;
  std::uint64_t count_;
};

// ---- the table ----

/// The ABI's functions over three C++ classes (see the top of this file). Handles are the objects themselves. Each
/// function checks its pointers for null and lets no exception out; destroying null does nothing.
template <typename Context, typename Model, typename Session>
struct BackendFunctions {
  static_assert(std::constructible_from<Context, const ib_init_params&>, "Context(const ib_init_params&)");
  static_assert(std::constructible_from<Model, Context&, const ib_model_params&>,
                "Model(Context&, const ib_model_params&)");
  static_assert(std::constructible_from<Session, Model&, const ib_session_params&>,
                "Session(Model&, const ib_session_params&)");

  static Context* object(ib_context* handle) { return reinterpret_cast<Context*>(handle); }
  static Model* object(ib_model* handle) { return reinterpret_cast<Model*>(handle); }
  static Session* object(ib_session* handle) { return reinterpret_cast<Session*>(handle); }

  static ib_status init(const ib_init_params* params, ib_context** context, ib_error* error) noexcept {
    return guard(error, [&] {
      require(params != nullptr && context != nullptr, "null argument");
      require(IB_HAS(ib_init_params, params, device), "ib_init_params is shorter than that of ABI 1.0");
      require(params->n_threads >= 1, "n_threads must be at least 1");
      require(params->device != nullptr, "device is null");
      *context = reinterpret_cast<ib_context*>(new Context(*params));
    });
  }
  /// init of a backend that knows only the device "cpu".
  static ib_status init_on_cpu(const ib_init_params* params, ib_context** context, ib_error* error) noexcept {
    const ib_status status = guard(error, [&] {
      // init refuses parameters without a device.
      if (params == nullptr || !IB_HAS(ib_init_params, params, device) || params->device == nullptr) return;
      if (std::string_view(params->device) != "cpu") {
        throw Failure(IB_UNSUPPORTED, "no device '" + std::string(params->device) + "', only 'cpu'");
      }
    });
    return status == IB_OK ? init(params, context, error) : status;
  }
  static void shutdown(ib_context* context) noexcept { delete object(context); }

  static ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model,
                                ib_error* error) noexcept {
    return guard(error, [&] {
      require(context != nullptr && params != nullptr && model != nullptr, "null argument");
      check_model_params(*params);
      *model = reinterpret_cast<ib_model*>(new Model(*object(context), *params));
    });
  }
  static void model_destroy(ib_model* model) noexcept { delete object(model); }
  static const ib_model_info* model_info(const ib_model* model) noexcept {
    return &reinterpret_cast<const Model*>(model)->info();
  }

  static ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session,
                                  ib_error* error) noexcept {
    return guard(error, [&] {
      require(model != nullptr && params != nullptr && session != nullptr, "null argument");
      *session = reinterpret_cast<ib_session*>(new Session(*object(model), *params));
    });
  }
  static void session_destroy(ib_session* session) noexcept { delete object(session); }
  static const ib_session_info* session_info(const ib_session* session) noexcept {
    return &reinterpret_cast<const Session*>(session)->info();
  }

  static ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) noexcept {
    return guard(error, [&] {
      require(session != nullptr && params != nullptr, "null argument");
      object(session)->forward(*params);
    });
  }
  static ib_status session_truncate(ib_session* session, std::int32_t slot, std::int32_t n_past,
                                    ib_error* error) noexcept {
    return guard(error, [&] {
      require(session != nullptr, "null argument");
      object(session)->truncate(slot, n_past);
    });
  }
};

/// What a backend says about itself: the fields of ib_backend that are not functions over the three classes. Strings
/// and arrays are borrowed; they must live as long as the library.
struct BackendDescription {
  const char* name;                               ///< [a-z0-9_]+
  const char* version;                            ///< of the backend
  const char* build;                              ///< compiler, flags, libraries: whatever tells two builds apart
  const char* license;                            ///< SPDX expression
  const char* doc;                                ///< one line
  std::uint64_t flags = 0;                        ///< IB_FLAG_*
  std::uint64_t features = 0;                     ///< IB_FEATURE_*: what it computes
  std::span<const ib_precision_info> precisions;  ///< at least one; the first is the default
  std::span<const ib_option_info> options = {};   ///< the schema of model_create's options
  std::int32_t n_driver_threads = 0;              ///< see ib_backend
  /// See ib_backend; null: only the device "cpu", and any other name is refused before Context sees it.
  ib_status (*devices)(const ib_device_info**, std::uint64_t*, ib_error*) = nullptr;
  const void* (*extension)(const char*) = nullptr;  ///< see ib_backend; op_bench.hpp has one
};

/// The table that a backend exports as inferbench_backend_v1. A constant expression where the description is one:
/// declare the table constinit, so that it is complete before any code of the library runs.
template <typename Context, typename Model, typename Session>
constexpr ib_backend make_table(const BackendDescription& about) {
  using Functions = BackendFunctions<Context, Model, Session>;
  return {.magic = IB_MAGIC,
          .abi_major = IB_ABI_MAJOR,
          .abi_minor = IB_ABI_MINOR,
          .struct_size = sizeof(ib_backend),
          .name = about.name,
          .version = about.version,
          .build = about.build,
          .license = about.license,
          .doc = about.doc,
          .flags = about.flags,
          .features = about.features,
          .precisions = about.precisions.data(),
          .n_precisions = about.precisions.size(),
          .options = about.options.data(),
          .n_options = about.options.size(),
          .n_driver_threads = about.n_driver_threads,
          .reserved = 0,
          .devices = about.devices,
          .init = about.devices == nullptr ? Functions::init_on_cpu : Functions::init,
          .shutdown = Functions::shutdown,
          .model_create = Functions::model_create,
          .model_destroy = Functions::model_destroy,
          .model_info = Functions::model_info,
          .session_create = Functions::session_create,
          .session_destroy = Functions::session_destroy,
          .session_info = Functions::session_info,
          .forward = Functions::forward,
          .session_truncate = Functions::session_truncate,
          .extension = about.extension};
}

}  // namespace inferbench
