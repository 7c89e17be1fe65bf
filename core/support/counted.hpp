// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace inferbench {

/// The regular English plural of a noun or of a phrase that ends in one: "thread" -> "threads", "process" ->
/// "processes", "entry" -> "entries", "trace event" -> "trace events".
std::string plural(std::string_view singular);

/// A number with its noun: counted(1, "thread") is "1 thread", counted(0, "thread") is "0 threads". Every text with a
/// counted noun is made with it. "2 of 3 trials" counts the trials: fmt::format("{} of {}", n, counted(all, "trial")).
template <std::integral Count>
std::string counted(Count n, std::string_view singular) {
  return n == 1 ? fmt::format("1 {}", singular) : fmt::format("{} {}", n, plural(singular));
}

}  // namespace inferbench
