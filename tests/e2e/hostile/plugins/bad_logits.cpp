// SPDX-License-Identifier: Apache-2.0
// Logits that are NaN, infinite or not written, with greedy ids that look right.
#include <cmath>
#include <limits>

#include "faulty_backend.hpp"

namespace {

struct BadLogits : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "nan", "infinite", "unwritten_logit", nullptr};

  static void write_logit(const faulty::Model& model, float& to, float right) {
    if (model.fault == "unwritten_logit") return;
    to = right;
    if (model.fault == "nan") to = std::numeric_limits<float>::quiet_NaN();
    if (model.fault == "infinite") to = HUGE_VALF;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<BadLogits>("bad_logits"))
