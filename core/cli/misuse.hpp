// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace inferbench {

/// A command line that cannot be obeyed: what is wrong with it, and how to put it right. One line each.
struct Misuse {
  std::string what;
  std::string hint;
};

/// Why parsing `app`'s command line ended with `error`. An unknown command or option is named, with the nearest one.
Misuse explain_misuse(const CLI::App& app, const CLI::ParseError& error);

}  // namespace inferbench
