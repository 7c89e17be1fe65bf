// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/ending.hpp"
#include "measure/interference.hpp"
#include "measure/resources.hpp"
#include "ops/operator_spec.hpp"

namespace inferbench {

/// Where a run finds its weights, keys and values.
enum class OperatorCache : std::int32_t {
  kCold,  ///< in memory, as in decoding: runs rotate through more copies than the last-level cache holds
  kHot    ///< where the previous run left them
};
std::string_view to_string(OperatorCache cache);
std::optional<OperatorCache> operator_cache_from(std::string_view text);

/// Prepares one operator of one backend. Plain data, like the other types here: it is sent between processes.
struct OperatorRequest {
  std::string contender;  ///< for messages
  std::string plugin;     ///< absolute path of the library
  std::string precision;
  std::map<std::string, std::string> options;
  std::string device{};                  ///< empty: the backend's first
  std::uint64_t device_cache_bytes = 0;  ///< of the device's last cache; 0: unknown
  std::int32_t threads = 1;
  OperatorSpec spec;
  std::uint64_t seed = 0;
  OperatorCache cache = OperatorCache::kCold;
  double timeout_s = 0;            ///< 0: none
  std::uint64_t memory_bytes = 0;  ///< 0: none

  friend bool operator==(const OperatorRequest&, const OperatorRequest&) = default;
};

/// The result of preparing.
struct OperatorPrepared : Ending {
  std::vector<float> output;  ///< of the first run
  std::uint64_t weights_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::int32_t n_copies = 1;
  std::string kernels;
  // What the backend says of the precision; it says so even if it has no such operator.
  std::int32_t weight_bits = 32;
  bool integer_products = false;

  std::uint64_t bytes() const { return weights_bytes + kv_bytes; }
};

/// Times the prepared operator.
struct OperatorSampleRequest {
  double seconds = 0.01;  ///< approximate total time of the repeated runs
  double timeout_s = 0;   ///< 0: none

  friend bool operator==(const OperatorSampleRequest&, const OperatorSampleRequest&) = default;
};

/// One sample: a number of runs between two readings of the clock.
struct OperatorSample : Ending {
  std::int64_t runs = 0;
  double run_s = 0;   ///< per run
  double change = 0;  ///< largest difference from the first result, in units of the first result's root mean square
  ResourceUse used;
  Interference interference;
};

nlohmann::json to_json(const OperatorRequest& request);
nlohmann::json to_json(const OperatorPrepared& outcome);
nlohmann::json to_json(const OperatorSampleRequest& request);
nlohmann::json to_json(const OperatorSample& outcome);

// Read the output of to_json. They throw Error or nlohmann's exceptions for anything else.
OperatorRequest operator_request_from(const nlohmann::json& object);
OperatorPrepared operator_prepared_from(const nlohmann::json& object);
OperatorSampleRequest operator_sample_request_from(const nlohmann::json& object);
OperatorSample operator_sample_from(const nlohmann::json& object);

}  // namespace inferbench
