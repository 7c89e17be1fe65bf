// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "stats/interval.hpp"

namespace inferbench {

/// Four significant digits, never in exponent form below 10 million: "0.1234", "12.34", "1234", "123400".
std::string number_text(double value);

/// For speed ratios: two decimals below 10, one below 100.
std::string ratio_text(double ratio);

/// "12 s", "3 min 20 s", "2 h 5 min".
std::string duration_text(double seconds);

/// "2.28-2.60"; with a third decimal if two would show a bound as 1 that is not: "1.001-1.012".
std::string interval_text(const Interval& interval);

}  // namespace inferbench
