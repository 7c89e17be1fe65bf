// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "serve/objective.hpp"
#include "support/random.hpp"

namespace inferbench {

/// When requests arrive.
enum class ScenarioKind : std::int32_t {
  kOffline,  ///< all at once, at the start
  kClosed,   ///< a fixed number of users, each of which sends the next request when the last one has ended
  kOpen,     ///< at a rate, whether or not earlier requests have ended
  kTrace,    ///< at the times of a recorded trace
  kMaxRate,  ///< open runs at several rates, in search of the highest one that holds
};

/// "offline", "closed", "open", "trace", "max_rate".
std::string_view to_string(ScenarioKind kind);
std::optional<ScenarioKind> scenario_kind_from(std::string_view text);

enum class ArrivalProcess : std::int32_t {
  kPoisson,   ///< independent arrivals: exponential gaps
  kConstant,  ///< equal gaps
};

/// What becomes of the generated tokens.
enum class Delivery : std::int32_t {
  kNone,    ///< they stay ids
  kStream,  ///< each token is turned into text and sent when it is known
  kWhole,   ///< the text is made and sent when the request has ended
};

/// "none", "stream", "whole".
std::string_view to_string(Delivery delivery);
std::optional<Delivery> delivery_from(std::string_view text);

struct Scenario {
  ScenarioKind kind = ScenarioKind::kOffline;
  std::int32_t concurrency = 0;  ///< kClosed: users, at least 1
  double rate = 0;               ///< kOpen: requests per second, above 0; kMaxRate: 1, see search_max_rate
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
  std::string trace{};  ///< kTrace: the path; only its file name is part of the text
  RateGoal goal{};      ///< kMaxRate; RateGoal::within is not part of the text
  Delivery delivery = Delivery::kNone;

  friend bool operator==(const Scenario&, const Scenario&) = default;
};

/// "offline", "closed 8", "open 2/s", "open 2/s constant", "trace azure.csv", "max rate p99 ttft 200 ms tpot 50 ms".
/// A delivery other than kNone follows: "closed 8, stream".
std::string to_string(const Scenario& scenario);
/// The inverse, up to what is not part of the text.
std::optional<Scenario> scenario_from(std::string_view text);

/// A number of tokens, drawn for each request.
struct LengthDistribution {
  enum class Kind : std::int32_t { kFixed, kUniform, kLognormal };

  Kind kind = Kind::kFixed;
  std::int32_t low = 0;   ///< kFixed: the length; otherwise the smallest
  std::int32_t high = 0;  ///< kFixed: the same; otherwise the largest
  double median = 0;      ///< kLognormal, before the bounds apply
  double sigma = 0;       ///< kLognormal: standard deviation of the logarithm

  static LengthDistribution fixed(std::int32_t length) { return {Kind::kFixed, length, length, 0, 0}; }
  friend bool operator==(const LengthDistribution&, const LengthDistribution&) = default;
};

/// A length within [low, high]. Equal draws on every platform for equal states of `random`, up to the last bit of the
/// standard library's logarithm.
std::int32_t draw_length(const LengthDistribution& lengths, SplitMix64& random);

/// "128", "16 to 512", "lognormal, median 100, sigma 0.8, 1 to 512".
std::string to_string(const LengthDistribution& lengths);

}  // namespace inferbench
