// SPDX-License-Identifier: Apache-2.0
// conformance_check --plugin LIB.so [--precision P] [--option k=v] [--rounding X] [gtest's own flags]
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "conformance/harness.hpp"

int main(int argc, char** argv) {
  try {
    testing::InitGoogleTest(&argc, argv);
    auto& settings = inferbench::conformance::settings();
    CLI::App app{"Does a backend keep the contract of backend.h?"};
    settings.add_options(app);
    app.add_option("--rounding", settings.rounding, "What 'up to rounding' may mean, in standard deviations of logits");
    CLI11_PARSE(app, argc, argv);
    if (!settings.is_supported()) return inferbench::kSkipped;
    return RUN_ALL_TESTS();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conformance_check: %s\n", error.what());
    return 2;
  }
}
