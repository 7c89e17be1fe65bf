// SPDX-License-Identifier: Apache-2.0
// Energy by the counters of a made powercap tree, and of a library that stands in for NVIDIA's.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "measure/energy.hpp"
#include "measure/trial_counters.hpp"
#include "support/fake_nvml.hpp"

namespace inferbench {
namespace {

using test::FakeNvml;
using testing::EndsWith;
using testing::HasSubstr;

constexpr std::uint64_t kRangeUj = 262'143'328'850;

class Energy : public testing::Test {
 protected:
  Energy() {
    std::string pattern = (std::filesystem::temp_directory_path() / "inferbench-test-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Energy() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path powercap() const { return folder_ / "powercap"; }
  const std::filesystem::path& folder() const { return folder_; }

  void zone(const std::string& zone_folder, const std::string& name, std::uint64_t uj,
            std::uint64_t range = kRangeUj) const {
    const auto path = powercap() / zone_folder;
    std::filesystem::create_directories(path);
    std::ofstream(path / "name") << name << "\n";
    std::ofstream(path / "energy_uj") << uj << "\n";
    std::ofstream(path / "max_energy_range_uj") << range << "\n";
  }

  // What a meter sees if the zones change as `change` says, in 20 ms.
  template <typename Change>
  EnergyUse use(const Change& change) const {
    const EnergyCounter counter = powercap_counter(powercap());
    const EnergyMeter meter(counter);
    change();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return meter.seen();
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Energy, IsThatOfPackagesAndTheirMemory) {
  zone("intel-rapl:0", "package-0", 1'000'000);
  zone("intel-rapl:0:0", "core", 1'000'000);  // part of the package
  zone("intel-rapl:0:1", "dram", 500'000, 65'712'999'613);
  zone("intel-rapl:1", "package-1", 7'000'000);
  zone("intel-rapl:2", "psys", 1'000'000);            // contains the packages
  zone("intel-rapl-mmio:0", "package-0", 1'000'000);  // the same package once more
  const EnergyUse seen = use([&] {
    zone("intel-rapl:0", "package-0", 3'000'000);
    zone("intel-rapl:0:0", "core", 90'000'000);
    zone("intel-rapl:0:1", "dram", 750'000, 65'712'999'613);
    zone("intel-rapl:1", "package-1", 8'000'000);
    zone("intel-rapl:2", "psys", 90'000'000);
    zone("intel-rapl-mmio:0", "package-0", 90'000'000);
  });
  EXPECT_EQ(seen.unknown, "");
  ASSERT_TRUE(seen.joules);
  EXPECT_DOUBLE_EQ(*seen.joules, 3.25);
  ASSERT_TRUE(seen.watts);
  EXPECT_GT(*seen.watts, 0);
  EXPECT_LT(*seen.watts, 3.25 / 0.02);  // it took at least 20 ms
}

TEST_F(Energy, ACounterThatBeginsAnewWentThroughItsRange) {
  zone("intel-rapl:0", "package-0", kRangeUj - 1'000'000);
  const EnergyUse seen = use([&] { zone("intel-rapl:0", "package-0", 500'000); });
  ASSERT_TRUE(seen.joules) << seen.unknown;
  EXPECT_DOUBLE_EQ(*seen.joules, 1.5);
}

// A range that 1000 W fill in 20 ms, or none at all: it may have begun anew more than once.
TEST_F(Energy, IsUnknownIfTheCounterMayHaveBegunAnewTwice) {
  zone("intel-rapl:0", "package-0", 5'000'000, 10'000'000);
  EXPECT_EQ(use([&] { zone("intel-rapl:0", "package-0", 6'000'000, 10'000'000); }).unknown,
            "the counter of cpu may have begun anew");
  zone("intel-rapl:0", "package-0", 5'000'000, 0);
  const EnergyUse seen = use([&] { zone("intel-rapl:0", "package-0", 4'000'000, 0); });
  EXPECT_EQ(seen.unknown, "the counter of cpu may have begun anew");
  EXPECT_FALSE(seen.joules);
  EXPECT_FALSE(seen.watts);
}

TEST_F(Energy, IsUnknownWithItsReasonWithoutACounter) {
  EXPECT_THAT(use([] {}).unknown, EndsWith("powercap has no processor package (RAPL)"));
  zone("intel-rapl:0", "psys", 1);
  EXPECT_THAT(use([] {}).unknown, EndsWith("has no processor package (RAPL)"));
  zone("intel-rapl:1", "package-0", 1);
  const auto file = powercap() / "intel-rapl:1" / "energy_uj";
  std::ofstream(file) << "none\n";
  EXPECT_EQ(use([] {}).unknown, "cannot read " + file.string() + ": it holds no number");
  std::filesystem::remove(file);
  EXPECT_EQ(use([] {}).unknown, "cannot read " + file.string() + ": No such file or directory");
  if (geteuid() == 0) return;  // root reads everything
  zone("intel-rapl:1", "package-0", 1);
  chmod(file.c_str(), 0);
  EXPECT_EQ(use([] {}).unknown, "cannot read " + file.string() + ": Permission denied");
}

TEST_F(Energy, ACounterThatEndsIsUnknown) {
  zone("intel-rapl:0", "package-0", 1);
  EXPECT_EQ(use([&] { std::filesystem::remove_all(powercap()); }).unknown, "the counter of cpu could not be read");
}

TEST_F(Energy, OfATrialShorterThanTheCounterIsUnknown) {
  zone("intel-rapl:0", "package-0", 1);
  const EnergyCounter counter = powercap_counter(powercap());
  EXPECT_EQ(EnergyMeter(counter).seen().unknown,
            "too short: the counter of cpu advances every 1 ms, so it needs 0.01 s");
}

TEST_F(Energy, OfADeviceIsThatOfItsDriver) {
  FakeNvml fake(folder() / "nvml", {{"count", "1"}, {"power_mw", "250000"}});
  const CounterPlaces places{fake.library(), powercap().string()};
  const EnergyCounter counter = energy_counter("cuda:0", places);
  EXPECT_EQ(counter.problem, "");
  const EnergyMeter meter(counter);
  EXPECT_THAT(meter.seen().unknown, HasSubstr("too short: the counter of cuda:0 advances every 100 ms"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  const EnergyUse seen = meter.seen();
  ASSERT_TRUE(seen.watts) << seen.unknown;
  EXPECT_NEAR(*seen.watts, 250, 3);
  EXPECT_NEAR(*seen.joules, 250 * 1.05, 250 * 0.5);  // the machine may be busy
  fake.unset("power_mw");
  EXPECT_EQ(meter.seen().unknown, "the counter of cuda:0 could not be read");
  EXPECT_EQ(energy_counter("cuda:0", places).problem, "NVML's counter of energy: Not Supported");
  EXPECT_THAT(energy_counter("cuda:1", places).problem, HasSubstr("does not tell which GPU cuda:1 is"));
  EXPECT_EQ(energy_counter("card:0", places).problem, "NVML knows no device 'card:0', only CUDA's");
  EXPECT_THAT(energy_counter("cuda:0", {"/nowhere.so", ""}).problem, HasSubstr("NVML is not there"));
}

TEST_F(Energy, IdlePowerIsKnownOrHasAReason) {
  const FakeNvml fake(folder() / "nvml", {{"count", "1"}, {"power_mw", "75000"}});
  const CounterPlaces places{fake.library(), powercap().string()};
  const std::vector<EnergyCounter> counters{energy_counter("cpu", places), energy_counter("cuda:0", places)};
  const std::vector<IdlePower> idle = measure_idle_power(counters);
  ASSERT_EQ(idle.size(), 2U);
  EXPECT_EQ(idle[0].source, "cpu");
  EXPECT_FALSE(idle[0].watts);
  EXPECT_THAT(idle[0].unknown, HasSubstr("no processor package"));
  EXPECT_EQ(idle[1].source, "cuda:0");
  ASSERT_TRUE(idle[1].watts) << idle[1].unknown;
  EXPECT_NEAR(*idle[1].watts, 75, 2);
}

}  // namespace
}  // namespace inferbench
