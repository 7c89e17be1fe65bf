// SPDX-License-Identifier: Apache-2.0
// Greedy ids outside the vocabulary, or none at all.
#include "faulty_backend.hpp"

namespace {

struct BadIds : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "wrong_id", "negative_id", "no_id", nullptr};

  static void write_id(const faulty::Model& model, std::int32_t& to, std::int32_t right) {
    if (model.fault == "no_id") return;
    to = right;
    if (model.fault == "wrong_id") to = model.vocab_size;
    if (model.fault == "negative_id") to = -7;
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<BadIds>("bad_ids"))
