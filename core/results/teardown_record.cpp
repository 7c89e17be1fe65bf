// SPDX-License-Identifier: Apache-2.0
#include "results/teardown_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

namespace {
using Json = nlohmann::ordered_json;
}  // namespace

void add_teardown(std::vector<TeardownRecord>& records, const TeardownRecord& record) {
  const auto same = std::find_if(records.begin(), records.end(), [&](const TeardownRecord& other) {
    return other.contender == record.contender && other.fault == record.fault;
  });
  if (same == records.end()) {
    records.push_back(record);
  } else {
    same->workers += record.workers;
  }
}

std::string to_json_lines(const std::vector<TeardownRecord>& records) {
  std::string text;
  for (const TeardownRecord& record : records) {
    const Json line{{"contender", record.contender}, {"fault", record.fault}, {"workers", record.workers}};
    text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return text;
}

std::vector<TeardownRecord> read_teardown(const std::filesystem::path& path) {
  std::vector<TeardownRecord> records;
  std::ifstream file(path);
  std::size_t number = 1;
  for (std::string line; std::getline(file, line); ++number) {
    try {
      const Json object = Json::parse(line);
      records.push_back({object.at("contender").get<std::string>(), object.at("fault").get<std::string>(),
                         integer_of<std::uint64_t>(object.at("workers"))});
    } catch (const Json::exception&) {
      throw Error(fmt::format("{}:{}: not a teardown record", path.string(), number),
                  "the file was changed by something else; restore it or start a new run");
    }
  }
  return records;
}

}  // namespace inferbench
