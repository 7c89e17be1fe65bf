// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as a line of trials.jsonl. An accepted line can be written and read again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "check.hpp"
#include "results/trial_record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inferbench::fuzz::require;
  try {
    const auto record = inferbench::parse_trial_record({reinterpret_cast<const char*>(data), size});
    const std::string line = inferbench::to_json_line(record);
    require(line.find('\n') == std::string::npos, "a row is one line");
    require(inferbench::to_json_line(inferbench::parse_trial_record(line)) == line, "a row survives its line");
  } catch (const inferbench::Error& error) {
    require(error.what()[0] != '\0', "a refusal says why");
  }
  return 0;
}
