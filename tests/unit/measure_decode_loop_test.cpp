// SPDX-License-Identifier: Apache-2.0
// The timed loop: no allocation, no system call except for the clock, and little time of its own.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "ipc/call_overhead.hpp"
#include "measure/trial.hpp"
#include "model/model.hpp"
#include "plugin/backend.hpp"
#include "support/test_paths.hpp"

#ifdef INFERBENCH_SANITIZED
#define INFERBENCH_SANITIZED 1
#else
#define INFERBENCH_SANITIZED 0
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<long> allocations{0};

}  // namespace

#if !INFERBENCH_SANITIZED
namespace {

void count() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

// Replaces glibc's functions in this program and in every library that it loads; operator new ends up here, too.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): glibc's own names
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t n, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t align, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t n, std::size_t size) {
  count();
  return __libc_calloc(n, size);
}
__attribute__((visibility("default"))) void* realloc(void* old, std::size_t size) {
  count();
  return __libc_realloc(old, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t align, std::size_t size) {
  count();
  return __libc_memalign(align, size);
}
}
#endif

namespace inferbench {
namespace {

Plugin null_plugin() {
  return Plugin::load(std::string(test_paths::kPlugins) + "/libnull.so");
}

class DecodeLoop : public testing::Test {
 protected:
  DecodeLoop()
      : weights_(Model::open("tiny", test_paths::kData).weights()),
        plugin_(null_plugin()),
        session_(BackendModel(BackendContext(plugin_, 1), weights_, "", OptionValues(plugin_.options(), {})), 2, 64),
        loop_(2, 4, 60, std::vector<std::int32_t>(8, 1), weights_.config().vocab_size) {}

  ib_status run() {
    session_.truncate(0, 0);
    session_.truncate(1, 0);
    return loop_.run(call(), error_);
  }
  SessionCall call() const { return {session_.get(), plugin_.table().forward}; }

  Weights weights_;
  Plugin plugin_;
  BackendSession session_;
  TrialLoop loop_;
  ib_error error_{};
};

TEST_F(DecodeLoop, AllocatesNothing) {
  if (INFERBENCH_SANITIZED != 0) GTEST_SKIP() << "sanitizers bring their own malloc";
  ASSERT_EQ(run(), IB_OK);  // the first run may do one-time work, including the test's own
  session_.truncate(0, 0);
  session_.truncate(1, 0);
  counting = true;
  const ib_status status = loop_.run(call(), error_);
  counting = false;
  EXPECT_EQ(status, IB_OK);
  EXPECT_EQ(allocations.load(), 0);
  counting = true;
  delete new volatile int(1);
  counting = false;
  EXPECT_EQ(allocations.load(), 1) << "the count works";
}

// From now on, this process may only read the clock (if that needs a system call at all) and exit.
bool forbid_system_calls() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Runs `work` without system calls in a child. Returns its exit code, or minus its signal.
template <typename Work>
int end_without_system_calls(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    if (!forbid_system_calls()) _exit(77);
    _exit(work());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_F(DecodeLoop, MakesNoSystemCallBesidesTheClock) {
  if (INFERBENCH_SANITIZED != 0) GTEST_SKIP() << "sanitizers make their own";
  ASSERT_EQ(run(), IB_OK);
  session_.truncate(0, 0);
  session_.truncate(1, 0);
  const int end = end_without_system_calls([&] { return loop_.run(call(), error_) == IB_OK ? 0 : 1; });
  if (end == 77) GTEST_SKIP() << "this kernel has no seccomp filters";
  EXPECT_EQ(end, 0);
  EXPECT_EQ(end_without_system_calls([] { return getppid() > 0 ? 0 : 1; }), -SIGSYS) << "the filter works";
}

TEST(CallOverhead, IsBelowTwoMicroseconds) {
  const double ns = measure_call_overhead_ns(null_plugin());
  EXPECT_GT(ns, 0);
  if (INFERBENCH_SANITIZED != 0) return;
  EXPECT_LT(ns, 2000);
}

}  // namespace
}  // namespace inferbench
