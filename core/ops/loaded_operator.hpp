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

/// One operator of one backend in this very process: the backend's crash is this process's crash. Nothing comes out of
/// these functions as an exception: it is a status and a line of text. One thread at a time.
class LoadedOperator {
 public:
  /// Replaces what was prepared. Runs once, for the result.
  OperatorPrepared prepare(const OperatorRequest& request);

  /// Needs a prepared operator. Runs it about as long as the sample untimed, at most some milliseconds, so that threads
  /// are awake and clocks high; then between two readings of the clock. What is too short for the clock is repeated.
  OperatorSample sample(const OperatorSampleRequest& request);

  /// Frees what was prepared.
  void unload() { operator_.reset(); }

  /// See HostCallbacks::teardown; of what is prepared from now on.
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
  double run_s_ = 0;  ///< of one run, as far as known
  std::vector<float> first_result_;
  std::function<void(std::string_view, std::string_view)> teardown_;
};

/// How many copies of `bytes` are more than the last cache can hold, whatever it keeps: four times as much, but at most
/// an eighth of the memory that is free. 1 for hot, and where there is nothing to copy.
std::int32_t copies_for(OperatorCache cache, std::uint64_t bytes, std::uint64_t cache_bytes,
                        std::uint64_t available_bytes);

}  // namespace inferbench
