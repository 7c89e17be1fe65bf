// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure/counter_places.hpp"

namespace inferbench {

/// The worker process's main loop: answers requests on the socket `fd` until the host closes it. Returns the process's
/// exit code: 0, or one of the codes in messages.hpp after a line on stderr.
int run_worker_loop(int fd, const CounterPlaces& places = {});

}  // namespace inferbench
