// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/error.hpp"

namespace inferbench::fuzz {

/// Aborts the process if a property does not hold; both libFuzzer and the replay detect this.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property violated: %s\n", property);
  std::abort();
}

/// For any input, an error must be one short line without control characters, with a hint.
inline void check_error(const Error& error) {
  const std::string text = error.what() + error.cure();
  require(text.size() < 2000, "messages are short");
  require(!error.cure().empty(), "messages have a cure");
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "messages are one plain line");
}

}  // namespace inferbench::fuzz
