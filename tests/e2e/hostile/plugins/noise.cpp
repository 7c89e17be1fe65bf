// SPDX-License-Identifier: Apache-2.0
// Writes where it should not: to stdout, and to whatever descriptors the host gave this process.
#include <unistd.h>

#include "faulty_backend.hpp"

namespace {

void write_frame_noise() {
  const std::string noise(64, '\xff');
  for (int fd = 3; fd < 16; ++fd) {
    if (write(fd, noise.data(), noise.size()) < 0) continue;
  }
}

struct Noise : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "stdout", "frame_noise", nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error*) {
    if (model.fault == "stdout" && puts("noise on stdout") > 0) fflush(stdout);
    if (model.fault == "frame_noise") write_frame_noise();
    return IB_OK;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Noise>("noise"))
