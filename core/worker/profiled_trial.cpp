// SPDX-License-Identifier: Apache-2.0
#include "worker/profiled_trial.hpp"

#include <span>
#include <string>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

// Each event takes about 100 bytes once copied. Enough for 500 tokens of a 12-layer model on 8 threads.
constexpr std::uint64_t kCapacity = 500'000;

}  // namespace

void run_profiled(const Plugin& plugin, const BackendSession& session, TrialLoop& loop, const SessionCall& call,
                  TrialOutcome& outcome) {
  const auto* profile = static_cast<const ib_profile_ext*>(plugin.extension(IB_EXT_PROFILE_V1));
  if (profile == nullptr || !IB_HAS(ib_profile_ext, profile, stop)) {
    throw BackendError(IB_UNSUPPORTED, std::string(plugin.name()) + " cannot be profiled: no " + IB_EXT_PROFILE_V1);
  }
  ib_error error{};
  const auto require_sound = [&](ib_status status, const char* name, const ib_error& said) {
    if (status != IB_OK) throw session.failure(name, status, said);
  };
  require_sound(profile->start(call.session, kCapacity, &error), "profile start", error);
  const ib_status status = loop.run(call, error);
  const ib_error run_error = error;
  const ib_profile_event* events = nullptr;
  std::uint64_t n_events = 0;
  require_sound(profile->stop(call.session, &events, &n_events, &outcome.profile_dropped, &error), "profile stop",
                error);
  require_sound(status, "forward", run_error);
  outcome.profile.reserve(n_events);
  for (const ib_profile_event& event : std::span(events, n_events)) {
    outcome.profile.push_back({one_line(event.operation == nullptr ? "?" : event.operation), event.layer, event.thread,
                               event.begin_ns, event.end_ns, event.bytes, event.flops});
  }
}

}  // namespace inferbench
