// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// Adds row `token` of the embedding table [vocab_size, hidden_size], scaled. The tied table is stored only as the
// head's panels, where a token's row is a column: panel token / 32, every 32nd float.
void add_embedding(const Model& model, std::int64_t token, float* x) {
  const std::int64_t hidden = model.shape.hidden_size;
  const float scale = model.shape.embedding_scale;
  const bool tied = model.own_embedding == nullptr;
  const float* from = tied ? model.head.panel(token / kPanel) + token % kPanel : model.own_embedding + token * hidden;
  const std::int64_t step = tied ? kPanel : 1;
  for (std::int64_t d = 0; d < hidden; ++d) x[d] += scale * from[d * step];
}

}  // namespace

void embed(Session& session) {
  const Model& model = session.model;
  const std::int64_t hidden = model.shape.hidden_size;
  const PassPlan& plan = session.plan;
  model.engine.pool->parallel_for(plan.n_rows(), [&](std::int64_t r, int) {
    float* x = session.x.row(r);
    if (model.position_embedding == nullptr) {
      std::fill_n(x, hidden, 0.0F);
    } else {
      std::copy_n(model.position_embedding + plan.positions().data()[r] * hidden, hidden, x);
    }
    add_embedding(model, plan.tokens().data()[r], x);
  });
}

}  // namespace inferbench::cpu_ref
