// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "buffer.hpp"
#include "inferbench/backend.hpp"
#include "kernels/kernels.hpp"
#include "layer.hpp"
#include "rotary_tables.hpp"
#include "shape.hpp"
#include "thread_pool.hpp"

namespace inferbench::cpu_ref {

/// Threads and the host's callbacks.
struct Context {
  explicit Context(const ib_init_params& params);

  HostCalls host;
  ThreadPool pool;
};

/// What operations run on.
struct Engine {
  ThreadPool* pool;
  const Kernels* kernels;
};

/// What option `isa` asks for. Throws Failure where this machine cannot run it, and for a precision other than fp32.
const Kernels* kernels_for(std::string_view precision, const OptionReader& options);

/// Every weight as fp32, in one allocation. Immutable once created.
struct Model {
  /// Converts and packs, in parallel. Throws Failure or std::bad_alloc.
  Model(Context& context, const ib_model_params& params);
  /// Without weights and layers: the caller lays out those that it needs. Of `desc` only the rotary tables are read.
  Model(Context& context, const Kernels* kernels, const Shape& shape, const ib_model_desc& desc);

  Context* context;
  Engine engine;
  Shape shape;
  RotaryFrequencies rotary;

  Buffer storage;
  PackedMatrix head;                    ///< [hidden_size, vocab_size]; where it is tied, it is the embedding table too
  float* own_embedding = nullptr;       ///< [vocab_size, hidden_size]; null where the head is tied
  float* position_embedding = nullptr;  ///< [max_positions, hidden_size]; null: none
  Norm final_norm;
  std::vector<Layer> layers;

  const ib_model_info& info() const { return info_; }

 private:
  ib_model_info info_{};
};

}  // namespace inferbench::cpu_ref
