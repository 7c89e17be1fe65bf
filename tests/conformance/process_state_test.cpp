// SPDX-License-Identifier: Apache-2.0
#include "conformance/process_state.hpp"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace inferbench::conformance {
namespace {

// The kernel still lists a thread for a while after join() has returned.
TEST(ProcessState, JoinedThreadsAreNotCounted) {
  const int before = n_threads_now();
  for (int i = 0; i < 2000; ++i) {
    std::thread([] {}).join();
    ASSERT_EQ(n_threads_now(), before) << "after " << i + 1 << " threads";
  }
}

TEST(ProcessState, LiveThreadsAreCounted) {
  const int before = n_threads_now();
  std::promise<void> end;
  std::thread waiting([future = end.get_future()]() { future.wait(); });
  EXPECT_EQ(n_threads_now(), before + 1);
  end.set_value();
  waiting.join();
}

}  // namespace
}  // namespace inferbench::conformance
