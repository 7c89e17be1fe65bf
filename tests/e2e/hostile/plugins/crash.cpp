// SPDX-License-Identifier: Apache-2.0
// Ends its process in the middle of a call, in each way that a process ends.
#include <signal.h>

#include <stdexcept>

#include "faulty_backend.hpp"

namespace {

void flood_stderr() {
  const std::string line(200, 'e');
  for (int i = 0; i < 20'000; ++i) fprintf(stderr, "%s %d\n", line.c_str(), i);
  fprintf(stderr, "the last line before the end\n");
  fflush(stderr);
}

struct Crash : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "segv", "abort", "exit", "throw", "stderr_flood", nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error*) {
    if (model.fault == "segv") raise(SIGSEGV);
    if (model.fault == "abort") abort();
    if (model.fault == "exit") exit(0);
    if (model.fault == "throw") throw std::runtime_error("an exception across the border");
    if (model.fault == "stderr_flood") {
      flood_stderr();
      abort();
    }
    return IB_OK;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Crash>("crash"))
