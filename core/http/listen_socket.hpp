// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "plugin/forked_child.hpp"

namespace inferbench {

struct ListenSocket {
  OwnedFd fd;
  std::uint16_t port = 0;
};

/// A TCP socket that listens on `host`, a name or an address, without blocking in accept. `port` 0: any free one.
/// Throws Error.
ListenSocket listen_on(const std::string& host, std::uint16_t port);

/// Whether everybody who can reach this machine can connect: `host` is not a loopback address.
bool is_reachable_from_outside(const std::string& host);

/// Makes the kernel notice within about a minute that the other end of a connection has vanished.
void notice_dead_peers(int socket);

void close_socket(int socket);

}  // namespace inferbench
