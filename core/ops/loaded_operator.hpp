// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/operator_outcome.hpp"
#include "plugin/backend_operator.hpp"

namespace inferbench {

/// One operator of one backend, in this process: if the backend crashes, this process crashes. These functions don't
/// throw: errors become a status and a line of text. Use from one thread at a time.
class LoadedOperator {
 public:
  /// Replaces the prepared operator. Runs it once to get the result.
  OperatorPrepared prepare(const OperatorRequest& request);

  /// Needs a prepared operator. First runs it untimed for about as long as the sample, at most a few milliseconds, so
  /// that threads are awake and clocks are high. Then repeats it between two readings of the clock, for about the
  /// requested time.
  OperatorSample sample(const OperatorSampleRequest& request);

  /// Frees the prepared operator.
  void unload() { operator_.reset(); }

  /// See HostCallbacks::teardown; applies to operators prepared from now on.
  void observe_teardown(std::function<void(std::string_view, std::string_view)> observer) {
    teardown_ = std::move(observer);
  }

 private:
  void make(const OperatorRequest& request, OperatorPrepared& outcome);
  void time(const OperatorSampleRequest& request, OperatorSample& outcome);
  double run_many(std::int64_t runs);
  double change_of(const std::vector<float>& result) const;

  std::unique_ptr<BackendOperator> operator_;
  std::int32_t threads_ = 1;
  std::int32_t n_copies_ = 1;
  std::int32_t next_copy_ = 0;
  double run_s_ = 0;  ///< of one run, estimated so far
  std::vector<float> first_result_;
  std::function<void(std::string_view, std::string_view)> teardown_;
};

/// The number of copies of `bytes` that reliably exceed the last-level cache: four times its size, but at most an
/// eighth of the available memory. 1 for kHot, and if there is nothing to copy.
std::int32_t copies_for(OperatorCache cache, std::uint64_t bytes, std::uint64_t cache_bytes,
                        std::uint64_t available_bytes);

}  // namespace inferbench
