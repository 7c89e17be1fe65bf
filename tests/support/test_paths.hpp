// SPDX-License-Identifier: Apache-2.0
// The paths of this build and this checkout that tests need. Only test_paths.cpp is compiled with them, so that every
// other object file is the same in any checkout.
#pragma once

namespace inferbench::test_paths {

extern const char* const kData;       ///< tests/data
extern const char* const kDocs;       ///< docs
extern const char* const kConfigs;    ///< configs
extern const char* const kProgram;    ///< the built `inferbench`
extern const char* const kPlugins;    ///< the built backends
extern const char* const kFakeNvml;   ///< a library that stands in for NVIDIA's management library
extern const char* const kBinaryDir;  ///< a folder of the build for what tests write

}  // namespace inferbench::test_paths
