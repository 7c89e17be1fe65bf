// SPDX-License-Identifier: Apache-2.0
// Uses more memory than it should: until malloc refuses, without looking at what malloc returns, or as a cache that
// outlives its sessions.
#include <cstring>

#include "faulty_backend.hpp"

namespace {

constexpr std::size_t kChunk = std::size_t{16} << 20U;

// Touches memory until it is refused, or 4 GiB are reached.
ib_status eat_memory(ib_error* error) {
  // NOLINTBEGIN(clang-analyzer-unix.Malloc): what it took it keeps
  for (int i = 0; i < 256; ++i) {
    auto* chunk = static_cast<char*>(malloc(kChunk));
    if (chunk == nullptr) return faulty::fail(error, IB_OUT_OF_MEMORY, "malloc refused 16 MiB");
    memset(chunk, i, kChunk);
  }
  // NOLINTEND(clang-analyzer-unix.Malloc)
  return faulty::fail(error, IB_INTERNAL, "nothing limited this process");
}

void use_memory_blindly() {
  // NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NonNullParamChecker)
  for (int i = 0; i < 4096; ++i) memset(malloc(kChunk), i, kChunk);
  // NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NonNullParamChecker)
}

struct Memory : faulty::NoFault {
  static constexpr const char* kFaults[] = {"none", "eat_memory", "blind_memory", "hoard", nullptr};

  static ib_status misbehave(const faulty::Model& model, ib_error* error) {
    if (model.fault == "eat_memory") return eat_memory(error);
    if (model.fault == "blind_memory") use_memory_blindly();
    return IB_OK;
  }

  // A cache that outlives its sessions: 1 MiB per position, owned by the model.
  static void session_begins(faulty::Model& model, const ib_session_params& params) {
    const std::size_t kept = model.fault == "hoard" ? static_cast<std::size_t>(params.max_tokens) << 20U : 0;
    if (kept > 0) model.hoard.emplace_back(kept, 'h');
  }
};

}  // namespace

FAULTY_BACKEND(faulty::make_table<Memory>("memory"))
