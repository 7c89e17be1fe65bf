// SPDX-License-Identifier: Apache-2.0
// Returns failures: well-formed ones, one without a message, one with a status that does not exist, and a cancellation
// that nobody asked for.
#include "faulty_backend.hpp"

namespace {

struct Refuse : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none",   "oom",        "unsupported", "internal",
                                            "silent", "odd_status", "cancelled",   nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error* error) {
    if (model.fault == "oom") return faulty::fail(error, IB_OUT_OF_MEMORY, "so it was ordered");
    if (model.fault == "unsupported") return faulty::fail(error, IB_UNSUPPORTED, "not on this machine");
    if (model.fault == "internal") return faulty::fail(error, IB_INTERNAL, "a defect");
    if (model.fault == "silent") return IB_INTERNAL;
    if (model.fault == "odd_status") return 42;
    if (model.fault == "cancelled") return faulty::fail(error, IB_CANCELLED, "I felt like it");
    return IB_OK;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Refuse>("refuse"))
