// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace inferbench {

// Upper bounds of an experiment. They are far beyond any sensible experiment, so that a typo (or a hostile file) gives
// an error message instead of a day of work or a full memory.
inline constexpr std::int64_t kMaxContenders = 256;
inline constexpr std::size_t kMaxModels = 100;
inline constexpr std::int64_t kMaxPoints = 10'000;
inline constexpr std::size_t kMaxExclusions = 1000;
inline constexpr std::int64_t kMaxTrials = 1'000'000;
inline constexpr std::int32_t kMaxTokens = 1 << 24;
inline constexpr std::int32_t kMaxBatch = 4096;
inline constexpr std::int32_t kMaxBlocks = 10'000;
inline constexpr std::int32_t kMaxWarmup = 1000;
inline constexpr std::int32_t kMaxWindows = 1 << 24;
inline constexpr double kMaxCooldownS = 3600;
inline constexpr std::int32_t kMaxRepeats = 100;
inline constexpr double kMaxMinutes = 10'080;    // a week
inline constexpr double kMaxTimeoutS = 604'800;  // a week
inline constexpr int kMaxExtends = 16;
inline constexpr double kMinRatioInterval = 1e-4;  // below it, the clock and machine noise dominate
/// Minimum number of predictions in a quality text, if the model's context holds that many: the mean of fewer is too
/// uncertain.
inline constexpr std::int32_t kMinTextTokens = 256;
inline constexpr std::int32_t kMaxRequests = 100'000;  ///< of one run of a scenario
inline constexpr double kMinArrivalRate = 1e-3;        ///< requests per second
inline constexpr double kMaxArrivalRate = 1e6;
inline constexpr double kMaxTokensPerS = 1e9;
inline constexpr double kMaxHourlyCost = 1e9;
inline constexpr double kMaxRampUp = 0.9;
inline constexpr double kMaxKl = 100;  // nats per token; log(vocabulary) is 11

// Bounds of operator experiments.
inline constexpr std::int32_t kMaxOperatorColumns = 1 << 24;
inline constexpr std::int32_t kMaxOperatorRows = 1 << 20;
inline constexpr std::int32_t kMaxOperatorThreads = 1024;
inline constexpr double kMinSampleMs = 1;  // the clock and waking threads are negligible compared with it
inline constexpr double kMaxSampleMs = 60'000;

}  // namespace inferbench
