// SPDX-License-Identifier: Apache-2.0
// make_table: the table's layout, what its functions make of exceptions, and the life of its objects.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <new>
#include <stdexcept>
#include <vector>

#include "inferbench/backend.hpp"
#include "plugin/table_check.hpp"

namespace inferbench {
namespace {

// Called at the start of every constructor and method of the backend; may throw.
std::function<void()>& on_call() {
  static std::function<void()> function;
  return function;
}
int n_alive = 0;  // contexts, models and sessions

struct Counted {
  Counted() {
    if (on_call()) on_call()();
    ++n_alive;
  }
  ~Counted() { --n_alive; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

struct TableContext : Counted {
  explicit TableContext(const ib_init_params& params) : n_threads(params.n_threads) {}
  int n_threads;
};

struct TableModel : Counted {
  TableModel(TableContext& made_by, const ib_model_params&) : context(made_by) {}
  const ib_model_info& info() const { return info_; }
  TableContext& context;
  ib_model_info info_{sizeof(ib_model_info), 7, 0, "cpu", "none"};
};

struct TableSession : Counted {
  TableSession(TableModel& made_by, const ib_session_params&) : model(made_by) {}
  const ib_session_info& info() const { return info_; }
  void forward(const ib_forward_params& params) {
    if (on_call()) on_call()();
    params.ids[0] = 41 + model.context.n_threads;
  }
  void truncate(std::int32_t slot, std::int32_t n_past) {
    if (on_call()) on_call()();
    info_.kv_bytes = static_cast<std::uint64_t>(10 * slot + n_past);
  }
  TableModel& model;
  ib_session_info info_{sizeof(ib_session_info), 0, 0, 0, 0};
};

constexpr ib_precision_info kTwoPrecisions[] = {{"fp32", "the first", 32, 0}, {"int8", "the second", 8, 1}};
constexpr ib_option_info kOneOption[] = {{"tile", IB_OPTION_INT, 0, "4", 1, 64, nullptr, "rows of a tile"}};
const void* any_extension(const char* name) {
  return name;
}

ib_status two_devices(const ib_device_info** devices, std::uint64_t* n_devices, ib_error*) {
  static constexpr ib_device_info kDevices[] = {{"cpu", "a processor", 0}, {"gpu:0", "a card", 1 << 30}};
  *devices = kDevices;
  *n_devices = 2;
  return IB_OK;
}

constexpr BackendDescription kShort = {
    .name = "table_test",
    .version = "1.2",
    .build = "test build",
    .license = "Apache-2.0",
    .doc = "one line",
    .precisions = kTwoPrecisions,
};
constexpr BackendDescription kFull = {
    .name = "table_test",
    .version = "1.2",
    .build = "test build",
    .license = "Apache-2.0",
    .doc = "one line",
    .flags = IB_FLAG_CONCURRENT_SESSIONS,
    .features = IB_FEATURES_GPT2,
    .precisions = kTwoPrecisions,
    .options = kOneOption,
    .n_driver_threads = 3,
    .devices = two_devices,
    .extension = any_extension,
};
using Functions = BackendFunctions<TableContext, TableModel, TableSession>;
// Declared as a backend does it: it does not compile unless the table is complete before any code runs.
constinit const ib_backend kTable = make_table<TableContext, TableModel, TableSession>(kFull);

TEST(BackendTable, HasTheHeaderAndTheDescription) {
  EXPECT_EQ((std::array<std::uint64_t, 4>{kTable.magic, kTable.abi_major, kTable.abi_minor, kTable.struct_size}),
            (std::array<std::uint64_t, 4>{IB_BACKEND_HEADER}));
  EXPECT_STREQ(kTable.name, "table_test");
  EXPECT_STREQ(kTable.version, "1.2");
  EXPECT_STREQ(kTable.build, "test build");
  EXPECT_STREQ(kTable.license, "Apache-2.0");
  EXPECT_STREQ(kTable.doc, "one line");
  EXPECT_EQ(kTable.flags, IB_FLAG_CONCURRENT_SESSIONS);
  EXPECT_EQ(kTable.features, IB_FEATURES_GPT2);
  EXPECT_EQ(kTable.precisions, kTwoPrecisions);
  EXPECT_EQ(kTable.n_precisions, 2U);
  EXPECT_EQ(kTable.options, kOneOption);
  EXPECT_EQ(kTable.n_options, 1U);
  EXPECT_EQ(kTable.n_driver_threads, 3);
  EXPECT_EQ(kTable.reserved, 0);
  EXPECT_EQ(kTable.devices, two_devices);
  EXPECT_EQ(kTable.extension, any_extension);
}

TEST(BackendTable, TheHostAcceptsIt) {
  EXPECT_STREQ(checked_table(&kTable, "libtable_test.so").name, "table_test");
}

TEST(BackendTable, WhatTheDescriptionLeavesOutIsNone) {
  constexpr ib_backend table = make_table<TableContext, TableModel, TableSession>(kShort);
  EXPECT_EQ(table.flags, 0U);
  EXPECT_EQ(table.features, 0U);
  EXPECT_EQ(table.n_driver_threads, 0);
  EXPECT_EQ(table.devices, nullptr);
  EXPECT_EQ(table.options, nullptr);
  EXPECT_EQ(table.n_options, 0U);
  EXPECT_EQ(table.extension, nullptr);
}

TEST(BackendTable, EveryFunctionIsItsOwn) {
  EXPECT_EQ(kTable.init, Functions::init);
  EXPECT_EQ(kTable.shutdown, Functions::shutdown);
  EXPECT_EQ(kTable.model_create, Functions::model_create);
  EXPECT_EQ(kTable.model_destroy, Functions::model_destroy);
  EXPECT_EQ(kTable.model_info, Functions::model_info);
  EXPECT_EQ(kTable.session_create, Functions::session_create);
  EXPECT_EQ(kTable.session_destroy, Functions::session_destroy);
  EXPECT_EQ(kTable.session_info, Functions::session_info);
  EXPECT_EQ(kTable.forward, Functions::forward);
  EXPECT_EQ(kTable.session_truncate, Functions::session_truncate);
}

/// A whole life: what each function needs, and the objects that the table made.
class BackendTableCalls : public ::testing::Test {
 protected:
  BackendTableCalls() {
    init_.struct_size = sizeof(init_);
    init_.n_threads = 1;
    init_.device = "gpu:0";
    tensor_ = {"token_embedding.weight", IB_DTYPE_F32, 2, {1, 2, 0, 0}, {2, 1, 0, 0}, weights_, sizeof(weights_)};
    desc_.struct_size = sizeof(desc_);
    desc_.n_layers = desc_.n_heads = desc_.n_kv_heads = desc_.intermediate_size = 1;
    desc_.max_positions = desc_.vocab_size = 1;
    desc_.hidden_size = desc_.head_dim = 2;
    desc_.norm_epsilon = 1e-5;
    desc_.embedding_scale = 1;
    desc_.layers = &layer_;
    desc_.tensors = &tensor_;
    desc_.n_tensors = 1;
    model_params_.struct_size = sizeof(model_params_);
    model_params_.desc = &desc_;
    model_params_.precision = "fp32";
    session_params_.struct_size = sizeof(session_params_);
    forward_.struct_size = sizeof(forward_);
    forward_.ids = &id_;
    forward_.ids_capacity = 1;
  }
  ~BackendTableCalls() override {
    on_call() = nullptr;
    kTable.session_destroy(session_);
    kTable.model_destroy(model_);
    kTable.shutdown(context_);
    EXPECT_EQ(n_alive, 0);
  }
  void make_all() {
    ASSERT_EQ(kTable.init(&init_, &context_, &error_), IB_OK);
    ASSERT_EQ(kTable.model_create(context_, &model_params_, &model_, &error_), IB_OK) << error_.message;
    ASSERT_EQ(kTable.session_create(model_, &session_params_, &session_, &error_), IB_OK) << error_.message;
  }
  /// Each function that returns a status, in place of an object that it must not touch.
  std::vector<std::function<ib_status()>> calls() {
    return {[this] { return kTable.init(&init_, &no_context_, &error_); },
            [this] { return kTable.model_create(context_, &model_params_, &no_model_, &error_); },
            [this] { return kTable.session_create(model_, &session_params_, &no_session_, &error_); },
            [this] { return kTable.forward(session_, &forward_, &error_); },
            [this] { return kTable.session_truncate(session_, 0, 0, &error_); }};
  }
  void expect_all(ib_status status, const char* message, const std::function<void()>& thrower) {
    on_call() = thrower;
    for (const auto& call : calls()) {
      error_ = {};
      EXPECT_EQ(call(), status);
      EXPECT_STREQ(error_.message, message);
    }
    on_call() = nullptr;
    EXPECT_EQ(no_context_, nullptr);
    EXPECT_EQ(no_model_, nullptr);
    EXPECT_EQ(no_session_, nullptr);
    EXPECT_EQ(n_alive, 3);
  }

  float weights_[2] = {};
  ib_init_params init_{};
  ib_tensor tensor_{};
  ib_layer_desc layer_{0, -1, 1};
  ib_model_desc desc_{};
  ib_model_params model_params_{};
  ib_session_params session_params_{};
  ib_forward_params forward_{};
  std::int32_t id_ = 0;
  ib_error error_{};
  ib_context* context_ = nullptr;
  ib_model* model_ = nullptr;
  ib_session* session_ = nullptr;
  ib_context* no_context_ = nullptr;
  ib_model* no_model_ = nullptr;
  ib_session* no_session_ = nullptr;
};

TEST_F(BackendTableCalls, ReachTheObjects) {
  make_all();
  EXPECT_EQ(n_alive, 3);
  EXPECT_EQ(kTable.model_info(model_)->weights_bytes, 7U);
  EXPECT_EQ(kTable.forward(session_, &forward_, &error_), IB_OK);
  EXPECT_EQ(id_, 42);
  EXPECT_EQ(kTable.session_truncate(session_, 3, 5, &error_), IB_OK);
  EXPECT_EQ(kTable.session_info(session_)->kv_bytes, 35U);
}

TEST_F(BackendTableCalls, TurnEachKindOfExceptionIntoItsStatus) {
  make_all();
  expect_all(IB_UNSUPPORTED, "no such unit", [] { throw Failure(IB_UNSUPPORTED, "no such unit"); });
  expect_all(IB_DEVICE_LOST, "gone", [] { throw Failure(IB_DEVICE_LOST, "gone"); });
  expect_all(IB_CANCELLED, "stopped", [] { throw Failure(IB_CANCELLED, "stopped"); });
  expect_all(IB_OUT_OF_MEMORY, "out of memory", [] { throw std::bad_alloc(); });
  expect_all(IB_INTERNAL, "index", [] { throw std::out_of_range("index"); });
  expect_all(IB_INTERNAL, "an exception that is not a std::exception", [] { throw 5; });
}

TEST_F(BackendTableCalls, RefuseNull) {
  make_all();
  const auto expect_refused = [this](ib_status status) {
    EXPECT_EQ(status, IB_INVALID_ARGUMENT);
    EXPECT_STREQ(error_.message, "null argument");
    error_ = {};
  };
  expect_refused(kTable.init(nullptr, &no_context_, &error_));
  expect_refused(kTable.init(&init_, nullptr, &error_));
  expect_refused(kTable.model_create(nullptr, &model_params_, &no_model_, &error_));
  expect_refused(kTable.model_create(context_, nullptr, &no_model_, &error_));
  expect_refused(kTable.model_create(context_, &model_params_, nullptr, &error_));
  expect_refused(kTable.session_create(nullptr, &session_params_, &no_session_, &error_));
  expect_refused(kTable.session_create(model_, nullptr, &no_session_, &error_));
  expect_refused(kTable.session_create(model_, &session_params_, nullptr, &error_));
  expect_refused(kTable.forward(nullptr, &forward_, &error_));
  expect_refused(kTable.forward(session_, nullptr, &error_));
  expect_refused(kTable.session_truncate(nullptr, 0, 0, &error_));
  EXPECT_EQ(n_alive, 3);
}

TEST_F(BackendTableCalls, InitNeedsThreadsAndADevice) {
  init_.n_threads = 0;
  EXPECT_EQ(kTable.init(&init_, &no_context_, &error_), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "n_threads must be at least 1");
  init_.n_threads = 1;
  init_.device = nullptr;
  EXPECT_EQ(kTable.init(&init_, &no_context_, &error_), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "device is null");
  init_.device = "cpu";
  init_.struct_size = offsetof(ib_init_params, device);
  EXPECT_EQ(kTable.init(&init_, &no_context_, &error_), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "ib_init_params is shorter than that of ABI 1.0");
  EXPECT_EQ(no_context_, nullptr);
}

// Without a list of devices there is only "cpu", and Context never sees another name.
TEST_F(BackendTableCalls, WithoutDevicesThereIsOnlyTheCpu) {
  constexpr ib_backend table = make_table<TableContext, TableModel, TableSession>(kShort);
  EXPECT_EQ(table.init(&init_, &no_context_, &error_), IB_UNSUPPORTED);
  EXPECT_STREQ(error_.message, "no device 'gpu:0', only 'cpu'");
  init_.device = nullptr;
  EXPECT_EQ(table.init(&init_, &no_context_, &error_), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "device is null");
  EXPECT_EQ(table.init(nullptr, &no_context_, &error_), IB_INVALID_ARGUMENT);
  EXPECT_STREQ(error_.message, "null argument");
  EXPECT_EQ(no_context_, nullptr);
  init_.device = "cpu";
  ASSERT_EQ(table.init(&init_, &context_, &error_), IB_OK);
  EXPECT_EQ(n_alive, 1);
}

TEST_F(BackendTableCalls, DestroyingNullDoesNothing) {
  make_all();
  kTable.session_destroy(nullptr);
  kTable.model_destroy(nullptr);
  kTable.shutdown(nullptr);
  EXPECT_EQ(n_alive, 3);
}

}  // namespace
}  // namespace inferbench
