// SPDX-License-Identifier: Apache-2.0
// A GPU as its driver shows it, by a library that stands in for NVIDIA's.
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "measure/device_facts.hpp"
#include "measure/device_watch.hpp"
#include "measure/nvml.hpp"
#include "measure/nvml_abi.hpp"
#include "measure/trial_counters.hpp"
#include "support/error.hpp"
#include "support/fake_nvml.hpp"

namespace inferbench {
namespace {

using test::FakeNvml;
using testing::HasSubstr;

class Device : public testing::Test {
 protected:
  Device() {
    std::string pattern = (std::filesystem::temp_directory_path() / "inferbench-test-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Device() override { std::filesystem::remove_all(folder_); }

  FakeNvml fake(std::map<std::string, std::string> state) const { return {folder_ / "nvml", std::move(state)}; }
  const std::filesystem::path& folder() const { return folder_; }

  template <typename Function>
  static std::string complaint(Function function) {
    try {
      function();
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      return error.what();
    }
    return "no error";
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Device, AMissingLibraryIsAReason) {
  EXPECT_THAT(complaint([&] { Nvml((folder() / "libnone.so").string()); }), HasSubstr("NVML is not there: "));
  EXPECT_THAT(complaint([&] { Nvml("libc.so.6"); }), HasSubstr("has no nvmlInit_v2"));
  const FakeNvml nvml = fake({{"init", "9"}});
  EXPECT_EQ(complaint([&] { Nvml{nvml.library()}; }), "NVML does not start: Driver Not Loaded");
}

TEST_F(Device, CudaCountsTheVisibleOnes) {
  const FakeNvml fake_nvml = fake({{"count", "3"}});
  const Nvml nvml(fake_nvml.library());
  const auto name = [&](const char* id, const char* visible) { return nvml.device(id, visible).name(); };
  EXPECT_EQ(name("cuda:0", nullptr), "Card 0");
  EXPECT_EQ(name("cuda:2", nullptr), "Card 2");
  EXPECT_EQ(name("cuda:0", "2,0"), "Card 2");
  EXPECT_EQ(name("cuda:1", "2, 0"), "Card 0");
  EXPECT_EQ(name("cuda:0", "GPU-bb"), "Card 1");
  EXPECT_THAT(complaint([&] { name("cuda:3", nullptr); }), HasSubstr("does not tell which GPU cuda:3 is: it lists 3"));
  EXPECT_THAT(complaint([&] { name("cuda:1", "2"); }), HasSubstr("CUDA_VISIBLE_DEVICES is '2'"));
  EXPECT_THAT(complaint([&] { name("cuda:0", ""); }), HasSubstr("CUDA_VISIBLE_DEVICES is ''"));
  EXPECT_THAT(complaint([&] { name("cuda:0", "MIG-aaaa"); }), HasSubstr("MIG-aaaa"));
  EXPECT_EQ(complaint([&] { name("card:0", nullptr); }), "NVML knows no device 'card:0', only CUDA's");
  EXPECT_EQ(complaint([&] { name("cuda:", nullptr); }), "NVML knows no device 'cuda:', only CUDA's");
}

TEST_F(Device, WhatTheDriverDoesNotSayIsAbsent) {
  const FakeNvml fake_nvml = fake({{"count", "1"}});
  const NvmlDevice device = Nvml(fake_nvml.library()).device("cuda:0", nullptr);
  EXPECT_FALSE(device.memory());
  EXPECT_FALSE(device.sm_clock_mhz());
  EXPECT_FALSE(device.power_limit_w());
  EXPECT_FALSE(device.temperature_c());
  EXPECT_FALSE(device.ecc());
  EXPECT_FALSE(device.mig());
  EXPECT_FALSE(device.clock_reasons());
  EXPECT_FALSE(device.processes());
  EXPECT_FALSE(device.uses(0));
  EXPECT_EQ(complaint([&] { device.energy_mj(); }), "NVML's counter of energy: Not Supported");
}

TEST_F(Device, IsDescribedInTheEnvironment) {
  const FakeNvml fake_nvml = fake({{"count", "1"},
                                   {"used_bytes", "5000"},
                                   {"most_sm_mhz", "1980"},
                                   {"sm_mhz", "345"},
                                   {"power_limit_mw", "700000"},
                                   {"ecc", "1"},
                                   {"mig", "0"},
                                   {"reasons", "68"},
                                   {"processes", "2"}});
  const auto facts = device_facts({"cuda:0", "cuda:1"}, {fake_nvml.library(), ""});
  const auto& first = facts.at("cuda:0");
  EXPECT_EQ(first.at("name"), "Card 0");
  EXPECT_EQ(first.at("uuid"), "GPU-aaaa");
  EXPECT_EQ(first.at("pci_bus"), "00000000:01:00.0");
  EXPECT_EQ(first.at("driver"), "580.1");
  EXPECT_EQ(first.at("memory_bytes"), std::uint64_t{1} << 40U);
  EXPECT_EQ(first.at("most_sm_clock_mhz"), 1980);
  EXPECT_EQ(first.at("power_limit_w"), 700);
  EXPECT_EQ(first.at("ecc"), true);
  EXPECT_EQ(first.at("mig"), false);
  EXPECT_EQ(first.at("now").at("clock_reasons"), "heat (hardware), power limit");
  EXPECT_EQ(first.at("now").at("processes").size(), 2U);
  EXPECT_EQ(first.at("now").at("processes")[1].at("used_bytes"), 2'000'000);
  EXPECT_TRUE(first.at("now").at("temperature_c").is_null());
  EXPECT_THAT(facts.at("cuda:1").at("problem").get<std::string>(), HasSubstr("does not tell which GPU"));
}

// Other processes hold memory, too: only what changes while this one works is its own.
TEST_F(Device, MemoryOfThisProcessIsWhatItAdded) {
  FakeNvml fake_nvml = fake({{"count", "1"}, {"used_bytes", "1000"}, {"sm_mhz", "1900"}, {"temperature_c", "40"}});
  TrialCounters counters("cuda:0", {fake_nvml.library(), ""});
  counters.begin_memory();
  fake_nvml.set("used_bytes", "1600");  // the model was loaded
  counters.end_memory();
  fake_nvml.set("used_bytes", "9600");  // so was another contender's, in its own process
  counters.begin_memory();
  const auto watch = counters.watch();
  ASSERT_NE(watch, nullptr);
  watch->begin();
  fake_nvml.set("used_bytes", "9900");
  const auto use = counters.seen(watch.get());
  ASSERT_TRUE(use);
  EXPECT_EQ(use->peak_bytes, 900U);
  EXPECT_EQ(use->clock_mhz, 1900);
  EXPECT_EQ(use->temperature_c, 40);
  EXPECT_GE(use->samples, 1);
  EXPECT_FALSE(use->other_use_percent);
  fake_nvml.unset("used_bytes");
  counters.end_memory();
  fake_nvml.set("used_bytes", "5");
  counters.begin_memory();
  const auto later = counters.watch();
  later->begin();
  EXPECT_FALSE(counters.seen(later.get())->peak_bytes);  // what it holds is not known any more
}

TEST_F(Device, ATrialKeepsTheWorstOfItsSamples) {
  FakeNvml fake_nvml = fake({{"count", "1"}, {"sm_mhz", "1900"}, {"reasons", "0"}, {"temperature_c", "40"}});
  DeviceWatch watch(Nvml(fake_nvml.library()).device("cuda:0", nullptr));
  fake_nvml.set("sm_mhz", "100");  // before the trial
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  fake_nvml.set("sm_mhz", "1200");
  fake_nvml.set("reasons", "32");
  fake_nvml.set("temperature_c", "88");
  watch.begin();
  std::this_thread::sleep_for(std::chrono::milliseconds(350));
  fake_nvml.set("sm_mhz", "1900");
  fake_nvml.set("reasons", "0");
  fake_nvml.set("temperature_c", "60");
  const DeviceUse use = watch.seen(DeviceMemory(Nvml(fake_nvml.library()).device("cuda:0", nullptr)));
  EXPECT_GE(use.samples, 2);
  EXPECT_EQ(use.clock_mhz, 1200);
  EXPECT_EQ(use.temperature_c, 88);
  EXPECT_EQ(use.slowed_by, "heat");
  EXPECT_TRUE(use.overheated);
  EXPECT_EQ(find_device_disturbance(use, 0.3, 1900), "the device lowered its clocks: heat");
}

TEST(DeviceDisturbance, IsALowClockWithoutAReasonOrAnotherProcess) {
  DeviceUse use;
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "");
  use.clock_mhz = 1750;
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "");
  use.clock_mhz = 1600;
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "the device ran at 1600 MHz, earlier at 1900");
  EXPECT_EQ(find_device_disturbance(use, 0.05, 1900), "");  // the clock may not have risen yet
  EXPECT_EQ(find_device_disturbance(use, 1, 0), "");
  // What the contender draws is its own: the device limits it in every trial.
  use.slowed_by = clock_reasons_text(nvml::kReasonPowerCap);
  EXPECT_EQ(use.slowed_by, "power limit");
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "");
  use.other_use_percent = 30;
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "another process used 30% of the device");
  use.other_use_percent = 1;
  EXPECT_EQ(find_device_disturbance(use, 1, 1900), "");
}

TEST(DeviceDisturbance, OtherUseIsThatOfAllButTheBusiest) {
  const std::uint64_t begin = 10'000'000;
  EXPECT_EQ(other_use({}, begin), std::nullopt);
  // These periods began before the trial, perhaps in that of another contender.
  EXPECT_EQ(other_use({{1, begin + 900'000, 80}, {2, begin + 900'000, 70}}, begin), std::nullopt);
  EXPECT_EQ(other_use({{1, begin + 1'200'000, 80}}, begin), 0);
  EXPECT_EQ(other_use({{1, begin + 1'200'000, 80},
                       {2, begin + 1'200'000, 7},
                       {3, begin + 1'200'000, 5},
                       {1, begin + 2'200'000, 90}},
                      begin),
            12);
}

TEST_F(Device, UsesSinceATimeAreThoseOfTheDriver) {
  const FakeNvml fake_nvml = fake({{"count", "1"}, {"other_percent", "25"}});
  const auto uses = Nvml(fake_nvml.library()).device("cuda:0", nullptr).uses(5);
  ASSERT_TRUE(uses);
  ASSERT_EQ(uses->size(), 2U);
  EXPECT_EQ((*uses)[1].pid, 101U);
  EXPECT_EQ(other_use(*uses, 6), 25);
}

}  // namespace
}  // namespace inferbench
