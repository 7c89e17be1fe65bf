// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace inferbench {

/// An invalid command line: what is wrong with it and how to fix it, one line each.
struct Misuse {
  std::string what;
  std::string hint;
};

/// Explains why parsing `app`'s command line failed with `error`. Names an unknown command or option, with the nearest
/// one.
Misuse explain_misuse(const CLI::App& app, const CLI::ParseError& error);

}  // namespace inferbench
