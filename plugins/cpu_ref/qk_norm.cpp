// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {

void norm_heads(const Session& session, const Layer& layer, const Rows& qkv) {
  const Shape& shape = session.model.shape;
  const Engine& engine = session.model.engine;
  engine.pool->parallel_for(qkv.n, [&](std::int64_t r, int) {
    float* head = qkv.row(r);
    for (std::int64_t h = 0; h < shape.n_heads + shape.n_kv_heads; ++h, head += shape.head_dim) {
      const float* weight = h < shape.n_heads ? layer.q_norm : layer.k_norm;
      engine.kernels->rms_norm(head, weight, shape.head_dim, shape.norm_epsilon, head);
    }
  });
}

}  // namespace inferbench::cpu_ref
