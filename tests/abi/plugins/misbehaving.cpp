// SPDX-License-Identifier: Apache-2.0
//
// A backend that breaks one rule of the ABI, named by the environment variable INFERBENCH_TEST_FAULT. If it is not
// set, the backend breaks no rule: it accepts GPT-2's features, on either of two devices. It logs every object that is
// destroyed.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "inferbench/backend.hpp"

namespace {

bool is_fault(std::string_view name) {
  const char* fault = std::getenv("INFERBENCH_TEST_FAULT");
  return fault != nullptr && name == fault;
}

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host), device(params.device) {}
  ~Context() { host.log(IB_LOG_DEBUG, "shutdown"); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  const inferbench::HostCalls host;
  const char* const device;  // the host keeps it
};

struct Model {
  Model(Context& context, const ib_model_params& params) : host(context.host), shape(*params.desc) {
    if (is_fault("model_progress_wild")) {
      host.progress(std::numeric_limits<double>::quiet_NaN());
      host.progress(-3);
      host.progress(7);
    }
    model_info.device = context.device;
    host.progress(0.5);
    host.throw_if_cancelled();
    if (is_fault("model_out_of_memory")) throw std::bad_alloc();
    if (is_fault("model_info_short")) model_info.struct_size = offsetof(ib_model_info, decode_weights_bytes);
    if (is_fault("model_info_no_text")) model_info.device = nullptr;
  }
  ~Model() { host.log(IB_LOG_DEBUG, "model_destroy"); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ib_model_info& info() const { return model_info; }

  const inferbench::HostCalls host;
  const ib_model_desc shape;
  ib_model_info model_info{sizeof(ib_model_info), 11, 22, "cpu", "none"};
};

struct Session {
  Session(Model& model, const ib_session_params& params)
      : host(model.host),
        limits(inferbench::checked_session_limits(params, model.shape.max_positions, model.shape.vocab_size)),
        held(static_cast<std::size_t>(limits.n_slots), 0) {
    if (is_fault("session_info_short")) session_info.struct_size = offsetof(ib_session_info, peak_bytes);
  }
  ~Session() { host.log(IB_LOG_DEBUG, "session_destroy"); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const ib_session_info& info() const { return session_info; }
  void forward(const ib_forward_params& params) {
    inferbench::check_forward(params, limits, held);
    host.throw_if_cancelled();
    ++session_info.kv_bytes;
    if (is_fault("forward_writes_nothing")) return;
    float* logits = params.logits;
    std::int32_t* ids = params.ids;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      const std::int32_t output = params.sequences[i].output;
      if (output == IB_OUTPUT_GREEDY) *ids++ = 0;
      if (output == IB_OUTPUT_LAST_LOGITS) logits = std::fill_n(logits, limits.vocab_size, 0.0F);
    }
  }
  void truncate(std::int32_t slot, std::int32_t n_past) { inferbench::check_truncate(slot, n_past, held); }

  const inferbench::HostCalls host;
  const inferbench::SessionLimits limits;
  const std::vector<std::int32_t> held;
  ib_session_info session_info{sizeof(ib_session_info), 1, 2, 3, 4};
};

using Functions = inferbench::BackendFunctions<Context, Model, Session>;

constexpr ib_device_info kDevices[] = {{"cpu", "a processor", 0}, {"card:0", "a card", std::uint64_t{3} << 30U}};
constexpr ib_device_info kNotNamed[] = {{"Card 0", "a card", 0}};
constexpr ib_device_info kTwice[] = {{"cpu", "a processor", 0}, {"cpu", "a processor", 0}};
constexpr ib_device_info kNoName[] = {{"cpu", nullptr, 0}};

ib_status devices(const ib_device_info** list, std::uint64_t* n, ib_error* error) {
  if (is_fault("devices_none")) {
    std::strcpy(error->message, "no driver\nis loaded");
    return IB_UNSUPPORTED;
  }
  if (is_fault("devices_silent")) return IB_UNSUPPORTED;
  if (is_fault("devices_nothing")) return IB_OK;
  *n = 1;
  if (is_fault("devices_null")) return IB_OK;
  *list = is_fault("devices_not_named") ? kNotNamed : kNoName;
  if (is_fault("devices_not_named") || is_fault("devices_no_name")) return IB_OK;
  *list = is_fault("devices_twice") ? kTwice : kDevices;
  *n = 2;
  return IB_OK;
}

ib_status init(const ib_init_params* params, ib_context** context, ib_error* error) {
  if (is_fault("init_nothing")) return IB_OK;
  if (is_fault("init_silent")) return IB_UNSUPPORTED;
  if (is_fault("init_unterminated")) {
    std::memset(error->message, 'x', sizeof(error->message));
    return 42;
  }
  if (is_fault("init_lines")) {
    std::strcpy(error->message, "  one\n\ttwo \033[31mthree\xff");
    return IB_INTERNAL;
  }
  const auto is_named = [&](const ib_device_info& device) { return std::strcmp(device.id, params->device) == 0; };
  if (std::none_of(std::begin(kDevices), std::end(kDevices), is_named)) {
    std::strcpy(error->message, "no such device");
    return IB_UNSUPPORTED;
  }
  return Functions::init(params, context, error);
}

ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
  if (is_fault("model_nothing")) return IB_OK;
  return Functions::model_create(context, params, model, error);
}

const ib_model_info* model_info(const ib_model* model) {
  return is_fault("model_info_null") ? nullptr : Functions::model_info(model);
}

ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session, ib_error* error) {
  if (is_fault("session_nothing")) return IB_OK;
  return Functions::session_create(model, params, session, error);
}

const ib_session_info* session_info(const ib_session* session) {
  return is_fault("session_info_null") ? nullptr : Functions::session_info(session);
}

ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  if (is_fault("forward_throws")) throw std::runtime_error("across the border");
  if (is_fault("forward_cancels")) {
    std::strcpy(error->message, "for no reason");
    return IB_CANCELLED;
  }
  if (is_fault("forward_silent")) return IB_DEVICE_LOST;
  if (is_fault("forward_odd_status")) return 42;
  return Functions::forward(session, params, error);
}

constexpr ib_precision_info kPrecisions[] = {{"fp32", "the first", 32, 0}, {"int8", "the second", 8, 1}};

constexpr ib_backend spoiled_table() {
  ib_backend table = inferbench::make_table<Context, Model, Session>({
      .name = "misbehaving",
      .version = "1.0.0",
      .build = "test",
      .license = "Apache-2.0",
      .doc = "breaks a rule on demand",
      .features = IB_FEATURES_GPT2,
      .precisions = kPrecisions,
      .n_driver_threads = 3,
      .devices = devices,
  });
  table.init = init;
  table.model_create = model_create;
  table.model_info = model_info;
  table.session_create = session_create;
  table.session_info = session_info;
  table.forward = forward;
  return table;
}

}  // namespace

extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 = spoiled_table();
