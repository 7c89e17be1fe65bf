// SPDX-License-Identifier: Apache-2.0
// Every check of a backend's table, on tables in memory. tests/abi does the same with complete libraries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "plugin/table_check.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr const char* kChoices[] = {"auto", "generic", nullptr};
constexpr const char* kTwice[] = {"auto", "auto", nullptr};
constexpr const char* kNoChoices[] = {nullptr};

// A valid table and the arrays that it points to. Each test breaks one thing.
class TableCheckTest : public ::testing::Test {
 protected:
  TableCheckTest() {
    table_.magic = IB_MAGIC;
    table_.abi_major = IB_ABI_MAJOR;
    table_.abi_minor = IB_ABI_MINOR;
    table_.struct_size = sizeof(table_);
    table_.name = "mine";
    table_.version = "1.0";
    table_.build = "test";
    table_.license = "Apache-2.0";
    table_.doc = "a table";
    table_.features = IB_FEATURES_GPT2;
    table_.precisions = precisions_.data();
    table_.n_precisions = precisions_.size();
    table_.options = options_.data();
    table_.n_options = options_.size();
    table_.init = [](const ib_init_params*, ib_context**, ib_error*) { return ib_status{IB_OK}; };
    table_.shutdown = [](ib_context*) {};
    table_.model_create = [](ib_context*, const ib_model_params*, ib_model**, ib_error*) { return ib_status{IB_OK}; };
    table_.model_destroy = [](ib_model*) {};
    table_.model_info = [](const ib_model*) -> const ib_model_info* { return nullptr; };
    table_.session_create = [](ib_model*, const ib_session_params*, ib_session**, ib_error*) {
      return ib_status{IB_OK};
    };
    table_.session_destroy = [](ib_session*) {};
    table_.session_info = [](const ib_session*) -> const ib_session_info* { return nullptr; };
    table_.forward = [](ib_session*, const ib_forward_params*, ib_error*) { return ib_status{IB_OK}; };
    table_.session_truncate = [](ib_session*, std::int32_t, std::int32_t, ib_error*) { return ib_status{IB_OK}; };
    table_.extension = [](const char*) -> const void* { return nullptr; };
  }

  // "" if the table is valid.
  std::string fault() const {
    try {
      checked_table(&table_, "P");
      return {};
    } catch (const Error& error) {
      EXPECT_FALSE(error.cure().empty());
      EXPECT_THAT(error.what(), ::testing::StartsWith("P: "));
      return std::string(error.what()).substr(3);
    }
  }

  // Checks a field that may not be null.
  template <typename Field>
  void expect_required(Field ib_backend::*field, const std::string& name, const std::string& kind) {
    const Field before = std::exchange(table_.*field, nullptr);
    EXPECT_EQ(fault(), "its required " + kind + " '" + name + "' is null");
    table_.*field = before;
    EXPECT_EQ(fault(), "");
  }

  std::array<ib_precision_info, 2> precisions_{{{"int8", "one", 8, 1}, {"int4", "two", 4, 1}}};
  std::array<ib_option_info, 2> options_{{{"tile", IB_OPTION_INT, 0, "8", 1, 64, nullptr, "doc"},
                                          {"isa", IB_OPTION_CHOICE, 0, "auto", 0, 0, kChoices, "doc"}}};
  ib_backend table_{};
};

TEST_F(TableCheckTest, GoodTable) {
  EXPECT_EQ(fault(), "");
}

TEST_F(TableCheckTest, OptionalParts) {
  table_.extension = nullptr;
  table_.options = nullptr;
  table_.n_options = 0;
  table_.abi_minor = 100;
  table_.flags = ~std::uint64_t{0};
  EXPECT_EQ(fault(), "");
}

TEST_F(TableCheckTest, EachFunctionIsRequired) {
  expect_required(&ib_backend::init, "init", "function");
  expect_required(&ib_backend::shutdown, "shutdown", "function");
  expect_required(&ib_backend::model_create, "model_create", "function");
  expect_required(&ib_backend::model_destroy, "model_destroy", "function");
  expect_required(&ib_backend::model_info, "model_info", "function");
  expect_required(&ib_backend::session_create, "session_create", "function");
  expect_required(&ib_backend::session_destroy, "session_destroy", "function");
  expect_required(&ib_backend::session_info, "session_info", "function");
  expect_required(&ib_backend::forward, "forward", "function");
  expect_required(&ib_backend::session_truncate, "session_truncate", "function");
}

TEST_F(TableCheckTest, EachStringIsRequired) {
  expect_required(&ib_backend::name, "name", "string");
  expect_required(&ib_backend::version, "version", "string");
  expect_required(&ib_backend::build, "build", "string");
  expect_required(&ib_backend::license, "license", "string");
  expect_required(&ib_backend::doc, "doc", "string");
}

TEST_F(TableCheckTest, EachFieldMustBeThere) {
  const std::vector<std::pair<std::string, std::size_t>> fields{
      {"name", offsetof(ib_backend, name)},
      {"n_precisions", offsetof(ib_backend, n_precisions)},
      {"init", offsetof(ib_backend, init)},
      {"forward", offsetof(ib_backend, forward)},
      {"session_truncate", offsetof(ib_backend, session_truncate)},
  };
  for (const auto& [name, offset] : fields) {
    for (const std::size_t size : {offset, offset + 7}) {
      table_.struct_size = size;
      EXPECT_EQ(fault(), "its table says that it has " + std::to_string(size) +
                             " bytes, too few to hold the required '" + name + "'");
    }
  }
  table_.struct_size = 0;
  EXPECT_THAT(fault(), ::testing::HasSubstr("too few"));
}

TEST_F(TableCheckTest, NothingBeyondTheDeclaredSizeIsRead) {
  table_.struct_size = offsetof(ib_backend, extension);
  EXPECT_EQ(checked_table(&table_, "P").extension, nullptr);  // even though the memory there is not zero
  table_.struct_size = std::numeric_limits<std::uint64_t>::max();
  EXPECT_NE(checked_table(&table_, "P").extension, nullptr);
}

TEST_F(TableCheckTest, Names) {
  for (const char* bad : {"", "Upper", "with space", "dash-ed", "gr\u00fcn", "../up"}) {
    table_.name = bad;
    EXPECT_THAT(fault(), ::testing::StartsWith("its name '")) << bad;
  }
  const std::string longest(64, 'x');
  table_.name = longest.c_str();
  EXPECT_EQ(fault(), "");
  const std::string longer(65, 'x');
  table_.name = longer.c_str();
  EXPECT_THAT(fault(), ::testing::StartsWith("its name '"));
}

TEST_F(TableCheckTest, EndlessString) {
  const std::string endless(5000, 'x');
  table_.build = endless.c_str();
  EXPECT_EQ(fault(), "its string 'build' is longer than 4096 bytes");
}

TEST_F(TableCheckTest, Precisions) {
  precisions_[1].name = "int8";
  EXPECT_EQ(fault(), "it offers precision 'int8' twice");
  precisions_[1].name = "INT4";
  EXPECT_EQ(fault(), "its precisions[1].name 'INT4' is not [a-z0-9_]+ of at most 64 characters");
  precisions_[1] = {"int4", "two", 0, 0};
  EXPECT_EQ(fault(), "precision 'int4' has 0 bits a weight, not 1 to 64");
  precisions_[1] = {"int4", nullptr, 4, 1};
  EXPECT_EQ(fault(), "its required string 'precisions[1].doc' is null");
  table_.precisions = nullptr;
  EXPECT_EQ(fault(), "its n_precisions is 2, but 'precisions' is null");
  table_.n_precisions = 0;
  EXPECT_EQ(fault(), "it offers no precision");
  table_.n_precisions = std::uint64_t{1} << 40;
  EXPECT_EQ(fault(), "its n_precisions is 1099511627776, more than 1024");
}

TEST_F(TableCheckTest, FeaturesMakeAModel) {
  const auto fault_with = [this](std::uint64_t features) {
    table_.features = features;
    return fault();
  };
  EXPECT_EQ(fault_with(IB_FEATURES_LLAMA), "");
  EXPECT_EQ(fault_with(~std::uint64_t{0}), "") << "features of later versions";
  EXPECT_EQ(fault_with(0), "its features have neither layer_norm nor rms_norm");
  EXPECT_EQ(fault_with(IB_FEATURE_RMS_NORM), "its features have neither plain_mlp nor gated_mlp");
  EXPECT_EQ(fault_with(IB_FEATURES_LLAMA & ~IB_FEATURE_ROTARY),
            "its features have neither learned_positions nor rotary");
  EXPECT_EQ(fault_with(IB_FEATURES_LLAMA & ~IB_FEATURE_SILU), "its features have no activation");
  table_.features = IB_FEATURES_GPT2;
  table_.n_driver_threads = -1;
  EXPECT_EQ(fault(), "its n_driver_threads is negative");
}

TEST_F(TableCheckTest, Devices) {
  const auto fault_of = [](std::vector<ib_device_info> devices) -> std::string {
    try {
      checked_devices(devices.data(), devices.size(), "P");
      return {};
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(fault_of({{"cuda:0", "a card", 1024}, {"cuda:1", "a card", 1024}, {"cpu", "", 0}}), "");
  EXPECT_EQ(fault_of({}), "P: devices returned ok, but no device");
  EXPECT_EQ(fault_of({{"cuda:0", nullptr, 0}}), "P: a device has no id or no name");
  EXPECT_EQ(fault_of({{"cpu", "", 0}, {"cpu", "", 0}}), "P: it has device 'cpu' twice");
  for (const char* id : {"", "GPU", "cuda:", "cuda:x", "cuda:0:1", "cuda 0"}) {
    EXPECT_THAT(fault_of({{id, "", 0}}), ::testing::HasSubstr("is not named like cpu or cuda:0")) << id;
  }
}

TEST_F(TableCheckTest, OptionKeys) {
  options_[1].key = "tile";
  EXPECT_EQ(fault(), "it has option 'tile' twice");
  options_[1].key = "is a";
  EXPECT_EQ(fault(), "its options[1].key 'is a' is not [a-z0-9_]+ of at most 64 characters");
  options_[1].key = nullptr;
  EXPECT_EQ(fault(), "its required string 'options[1].key' is null");
  table_.options = nullptr;
  EXPECT_EQ(fault(), "its n_options is 2, but 'options' is null");
}

TEST_F(TableCheckTest, OptionSchemas) {
  options_[0].default_value = "65";
  EXPECT_EQ(fault(), "it refuses its own default: option 'tile': '65' is not a whole number from 1 to 64");
  options_[0].default_value = nullptr;
  EXPECT_EQ(fault(), "its required string 'option 'tile' default_value' is null");
  options_[0].default_value = "8";
  options_[0].max = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(fault(), "option 'tile' has a bound that is not a number");
  options_[0].max = 64;
  options_[0].type = -1;
  EXPECT_EQ(fault(), "option 'tile' has the unknown type -1");
  options_[0].type = IB_OPTION_INT;
  options_[0].doc = nullptr;
  EXPECT_EQ(fault(), "its required string 'option 'tile' doc' is null");
}

TEST_F(TableCheckTest, OptionChoices) {
  options_[1].choices = nullptr;
  EXPECT_EQ(fault(), "option 'isa' has no choices");
  options_[1].choices = kNoChoices;
  EXPECT_EQ(fault(), "option 'isa' has no choices");
  options_[1].choices = kTwice;
  EXPECT_EQ(fault(), "option 'isa' has choice 'auto' twice");
  options_[1].choices = kChoices;
  options_[1].default_value = "avx";
  EXPECT_EQ(fault(), "it refuses its own default: option 'isa': 'avx' is not one of auto, generic");
}

}  // namespace
}  // namespace inferbench
