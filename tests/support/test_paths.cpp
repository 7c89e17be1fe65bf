// SPDX-License-Identifier: Apache-2.0
#include "support/test_paths.hpp"

namespace inferbench::test_paths {

const char* const kData = INFERBENCH_TEST_DATA;
const char* const kDocs = INFERBENCH_DOCS;
const char* const kConfigs = INFERBENCH_CONFIGS;
const char* const kProgram = INFERBENCH_PROGRAM;
const char* const kPlugins = INFERBENCH_PLUGINS;
const char* const kFakeNvml = INFERBENCH_FAKE_NVML;
const char* const kBinaryDir = INFERBENCH_TEST_BINARY_DIR;

}  // namespace inferbench::test_paths
