// SPDX-License-Identifier: Apache-2.0
#include "worker/worker_loop.hpp"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <new>
#include <nlohmann/json.hpp>
#include <string_view>

#include "ops/loaded_operator.hpp"
#include "results/outcome_json.hpp"
#include "support/print.hpp"
#include "worker/frame.hpp"
#include "worker/loaded_contender.hpp"
#include "worker/messages.hpp"

namespace inferbench {

namespace {

// RLIMIT_DATA counts private writable memory (heap, anonymous maps, stacks), touched or not. It does not count mapped
// files, nor address space that is only reserved, which RLIMIT_AS would count. Allocations over the limit fail, so the
// backend can report it.
void limit_memory(std::uint64_t bytes) {
  if (bytes == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? bytes : std::min<rlim_t>(bytes, limit.rlim_max);
  setrlimit(RLIMIT_DATA, &limit);
}

/// A worker holds either a model or an operator.
struct Loaded {
  LoadedContender contender;
  LoadedOperator op;
};

nlohmann::json answer(Loaded& loaded, const nlohmann::json& message) {
  switch (operation_of(message)) {
    case Operation::kLoad: {
      const LoadRequest request = load_request_of(message);
      limit_memory(request.memory_bytes);
      return to_json(loaded.contender.load(request));
    }
    case Operation::kJudge:
      return to_json(loaded.contender.judge_window(window_request_of(message)));
    case Operation::kMargin:
      return to_json(loaded.contender.measure_margin(margin_request_of(message)));
    case Operation::kPrepare: {
      const OperatorRequest request = prepare_request_of(message);
      limit_memory(request.memory_bytes);
      return to_json(loaded.op.prepare(request));
    }
    case Operation::kSample:
      return to_json(loaded.op.sample(sample_request_of(message)));
    case Operation::kUnload:
      loaded.contender.unload();
      loaded.op.unload();
      return nlohmann::json::object();
    case Operation::kRun:
      break;
  }
  return to_json(loaded.contender.run(trial_request_of(message)));
}

}  // namespace

int run_worker_loop(int fd, const CounterPlaces& places) {
  try {
    Loaded loaded{LoadedContender("/proc/self/clear_refs", places), {}};
    FrameBuffer buffer;
    const auto tell = [fd](std::string_view call, std::string_view problem) {
      send_frame(fd, teardown_message(call, problem));
    };
    loaded.contender.observe_teardown(tell);
    loaded.op.observe_teardown(tell);
    send_frame(fd, hello_message());
    while (const auto message = receive_frame(fd, buffer)) {
      const std::uint64_t sequence = sequence_of(*message);
      send_frame(fd, outcome_message(sequence, answer(loaded, *message)));
    }
    return 0;
  } catch (const ProtocolError& error) {
    print_message("inferbench worker: {}\n", error.what());
    return kExitProtocol;
  } catch (const std::bad_alloc&) {
    print_message("inferbench worker: out of memory\n");
    return kExitMemory;
  }
}

}  // namespace inferbench
