// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/program.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

void expect_ordered(const nlohmann::json& cost) {
  EXPECT_GE(cost["n_samples"].get<int>(), 100) << "p99 needs them";
  const double p50 = cost["p50_ns"].get<double>();
  EXPECT_GT(p50, 0);
  EXPECT_LE(p50, cost["p95_ns"].get<double>());
  EXPECT_LE(cost["p95_ns"].get<double>(), cost["p99_ns"].get<double>());
}

TEST(Ipc, MeasuresCallsFramesAndRoundTrips) {
  const auto result = run_program({"ipc", "--quick", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["backend"], "null");
  ASSERT_EQ(json["calls"].size(), 3U);
  for (const auto& call : json["calls"]) expect_ordered(call["cost"]);

  std::map<std::string, std::map<std::string, std::size_t>> bytes;  // message -> format -> bytes
  for (const auto& frame : json["frames"]) {
    bytes[frame["message"]][frame["format"]] = frame["bytes"];
    expect_ordered(frame["encode"]);
    expect_ordered(frame["decode"]);
  }
  ASSERT_EQ(bytes.size(), 5U);
  for (const auto& [message, formats] : bytes) EXPECT_LT(formats.at("MessagePack"), formats.at("JSON")) << message;

  ASSERT_EQ(json["round_trips"].size(), 3U);
  for (const auto& trip : json["round_trips"]) {
    expect_ordered(trip["cost"]);
    EXPECT_EQ(trip["bytes"], bytes.at(trip["message"]).at("MessagePack"));
  }
  // A round trip to the worker takes longer with 65536 ids than with 32.
  EXPECT_GT(json["round_trips"][2]["cost"]["p50_ns"].get<double>(),
            json["round_trips"][0]["cost"]["p50_ns"].get<double>());
}

TEST(Ipc, ChecksTheBackendAndItsOptions) {
  const auto unknown = run_program({"ipc", "--quick", "--backend", "no_such_backend"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("no backend 'no_such_backend'"));
  const auto option = run_program({"ipc", "--quick", "--option", "speed=fast"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_THAT(option.err, HasSubstr("option 'speed'"));
}

TEST(Ipc, WithoutTheNullBackendItSaysWhatIsMissing) {
  const auto result = run_program({"ipc", "--plugin-dir", "/no/such/folder"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--plugin-dir /no/such/folder: no such folder"));
}

}  // namespace
}  // namespace inferbench
