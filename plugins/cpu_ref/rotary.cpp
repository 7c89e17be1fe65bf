// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {

void rotate_row(const Session& session, const Layer& layer, std::int64_t position, float* row) {
  const Shape& shape = session.model.shape;
  const float* cosines = session.rotary.cosines(layer.rotary_table, position);
  const float* sines = session.rotary.sines(layer.rotary_table, position);
  for (std::int64_t h = 0; h < shape.n_heads + shape.n_kv_heads; ++h) {
    session.model.engine.kernels->rotate(row + h * shape.head_dim, cosines, sines, shape.head_dim / 2);
  }
}

void rotate_heads(const Session& session, const Layer& layer, const Rows& qkv) {
  const auto positions = session.plan.positions();
  session.model.engine.pool->parallel_for(
      qkv.n, [&](std::int64_t r, int) { rotate_row(session, layer, positions.data()[r], qkv.row(r)); });
}

}  // namespace inferbench::cpu_ref
