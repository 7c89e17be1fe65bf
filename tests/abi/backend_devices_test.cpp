// SPDX-License-Identifier: Apache-2.0
// What a table says of devices, driver threads and features, and what the host makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "abi/tiny_weights.hpp"
#include "inferbench/device_list.hpp"
#include "ipc/zero_weights.hpp"
#include "plugin/backend.hpp"
#include "plugin/description.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BackendDevices : public ::testing::Test {
 protected:
  ~BackendDevices() override { unsetenv("INFERBENCH_TEST_FAULT"); }

  static void set_fault(const char* fault) { setenv("INFERBENCH_TEST_FAULT", fault, 1); }

  static BackendModel model_on(const std::string& device) {
    return BackendModel(BackendContext(Plugin::load(INFERBENCH_MISBEHAVING_PLUGIN), 1, {}, device), tiny_weights(), "",
                        OptionValues({}, {}));
  }

  // The message of the Error, or BackendError, that `function` throws; "" if it throws none.
  template <typename Function>
  static std::string complaint(Function function) {
    try {
      function();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(BackendDevices, AreListedWithTheDefaultFirst) {
  const PluginDescription described = describe_plugin(INFERBENCH_MISBEHAVING_PLUGIN);
  EXPECT_THAT(described.devices, ElementsAre(DeviceDescription{"cpu", "a processor", 0},
                                             DeviceDescription{"card:0", "a card", std::uint64_t{3} << 30U}));
  EXPECT_EQ(described.device_problem, "");
  EXPECT_EQ(described.n_driver_threads, 3);
  EXPECT_EQ(described.features, IB_FEATURES_GPT2);
}

TEST_F(BackendDevices, ATableWithoutTheFunctionHasTheCpu) {
  const PluginDescription described = describe_plugin(std::string(INFERBENCH_TEST_PLUGINS) + "/libminimal_c.so");
  EXPECT_THAT(described.devices, ElementsAre(DeviceDescription{"cpu", "", 0}));
  EXPECT_EQ(described.n_driver_threads, 0);
}

TEST_F(BackendDevices, InitGetsTheDefaultUnlessOneIsNamed) {
  EXPECT_STREQ(model_on("").info().device, "cpu");
  EXPECT_STREQ(model_on("card:0").info().device, "card:0");
  EXPECT_EQ(complaint([] { model_on("card:1"); }), "backend misbehaving: init: unsupported: no such device");
}

// The minimal backends have no list, so they refuse all but the CPU themselves.
TEST_F(BackendDevices, ABackendWithoutAListRefusesOtherDevices) {
  const std::vector<std::string> libraries = {INFERBENCH_TEST_PLUGINS "/libminimal_c.so", INFERBENCH_RUST_PLUGIN,
                                              INFERBENCH_TEST_PLUGINS "/libnull.so"};
  for (const std::string& library : libraries) {
    if (library.empty()) continue;  // there was no rustc
    const Plugin plugin = Plugin::load(library);
    EXPECT_THAT(complaint([&] { BackendContext(plugin, 1, {}, "card:0"); }),
                ::testing::AllOf(::testing::HasSubstr("init: unsupported: "), ::testing::HasSubstr("only")));
  }
}

TEST_F(BackendDevices, AMachineWithoutOneIsAReasonNotAFault) {
  set_fault("devices_none");
  const PluginDescription described = describe_plugin(INFERBENCH_MISBEHAVING_PLUGIN);
  EXPECT_THAT(described.devices, IsEmpty());
  EXPECT_EQ(described.device_problem, "no driver is loaded");
  EXPECT_EQ(complaint([] { model_on(""); }), "backend misbehaving: no device: no driver is loaded");
  set_fault("devices_silent");
  EXPECT_EQ(describe_plugin(INFERBENCH_MISBEHAVING_PLUGIN).device_problem, "it gives no reason");
}

TEST_F(BackendDevices, AListThatMakesNoSenseIsAFault) {
  const auto fault_of = [](const char* fault) {
    set_fault(fault);
    const std::string what = complaint([] { describe_plugin(INFERBENCH_MISBEHAVING_PLUGIN); });
    const std::string path = std::string(INFERBENCH_MISBEHAVING_PLUGIN) + ": ";
    return what.starts_with(path) ? what.substr(path.size()) : what;
  };
  EXPECT_EQ(fault_of("devices_nothing"), "devices returned ok, but no device");
  EXPECT_EQ(fault_of("devices_null"), "devices returned ok, but its array is null");
  EXPECT_EQ(fault_of("devices_no_name"), "a device has no id or no name");
  EXPECT_EQ(fault_of("devices_not_named"), "device 'Card 0' is not named like cpu or cuda:0");
  EXPECT_EQ(fault_of("devices_twice"), "it has device 'cpu' twice");
}

/// A model of one layer and no values, with one thing changed.
template <typename Change>
Weights zeros(Change change) {
  ModelConfig config;
  set_gpt2_sizes(config, 1, 2, 8, 16, 20);
  change(config);
  return {config, std::make_shared<ZeroWeights>(config)};
}

// model_create is not called: the backend would log it when the model is destroyed.
TEST_F(BackendDevices, AModelThatNeedsAnotherFeatureIsRefusedBeforeTheBackendSeesIt) {
  std::vector<std::string> log;
  HostCallbacks callbacks;
  callbacks.log = [&log](std::int32_t, std::string_view message) { log.emplace_back(message); };
  const BackendContext context(Plugin::load(INFERBENCH_MISBEHAVING_PLUGIN), 1, callbacks);
  const auto refusal = [&context](const Weights& weights) {
    return complaint([&] { BackendModel(context, weights, "", OptionValues({}, {})); });
  };
  EXPECT_EQ(refusal(zeros([](ModelConfig&) {})), "");
  EXPECT_THAT(log, ElementsAre("model_destroy"));
  EXPECT_EQ(refusal(zeros([](ModelConfig& config) { config.norm = IB_NORM_RMS; })),
            "backend misbehaving has no RMS norm, which the model needs");
  EXPECT_EQ(refusal(zeros([](ModelConfig& config) { config.layers[0].window = 4; })),
            "backend misbehaving has no sliding windows, which the model needs");
  EXPECT_EQ(refusal(zeros([](ModelConfig& config) { config.logit_soft_cap = 30; })),
            "backend misbehaving has no soft cap of logits, which the model needs");
  EXPECT_THAT(log, ElementsAre("model_destroy"));
}

void ask_for_two(DeviceAnswer& answer) {
  answer.add("cpu", "a processor", 0);
  answer.add("card:1", std::string(1000, 'x'), 7);
  for (int i = 0; i < 2 * DeviceAnswer::kMost; ++i) answer.add("card:2", "too many", 0);
}

pid_t asked_by = 0;
void ask_for_none(DeviceAnswer& answer) {
  asked_by = getpid();
  answer.set_problem("no driver");
}

void ask_and_crash(DeviceAnswer&) {
  abort();
}

TEST(DevicesOfChild, AreListedOnceAndKept) {
  const ib_device_info* devices = nullptr;
  std::uint64_t n = 0;
  ib_error error{};
  ASSERT_EQ(list_devices_of_child<ask_for_two>(&devices, &n, &error), IB_OK) << error.message;
  ASSERT_EQ(n, std::uint64_t{DeviceAnswer::kMost});
  EXPECT_EQ(std::string(devices[0].id) + "|" + devices[0].name, "cpu|a processor");
  EXPECT_EQ(devices[1].memory_bytes, 7U);
  EXPECT_EQ(std::string(devices[1].name), std::string(127, 'x'));
  const ib_device_info* again = nullptr;
  ASSERT_EQ(list_devices_of_child<ask_for_two>(&again, &n, &error), IB_OK);
  EXPECT_EQ(again, devices);
}

TEST(DevicesOfChild, HaveTheProblemIfThereIsNone) {
  const ib_device_info* devices = nullptr;
  std::uint64_t n = 0;
  ib_error error{};
  EXPECT_EQ(list_devices_of_child<ask_for_none>(&devices, &n, &error), IB_UNSUPPORTED);
  EXPECT_EQ(std::string(error.message), "no driver");
  EXPECT_EQ(asked_by, 0) << "asked in this process";
  EXPECT_EQ(list_devices_of_child<ask_and_crash>(&devices, &n, &error), IB_INTERNAL);
  EXPECT_EQ(list_devices_of_child<ask_for_two>(nullptr, &n, &error), IB_INVALID_ARGUMENT);
}

TEST(DevicesOfChild, HaveANumberInTheirName) {
  EXPECT_EQ(device_index("cuda:0", "cuda:"), 0);
  EXPECT_EQ(device_index("cuda:12", "cuda:"), 12);
  for (const char* name : {"cuda", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "card:1", "", "cuda:99999999999"}) {
    EXPECT_THROW(device_index(name, "cuda:"), Failure) << name;
  }
}

}  // namespace
}  // namespace inferbench
