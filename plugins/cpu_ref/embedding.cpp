// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// Row `token` of the embedding table [vocab, width]. The tied table is stored only as the head's panels, where a
// token's row is a column: panel token / 32, every 32nd float.
void add_embedding(const Model& model, std::int64_t token, float* x) {
  const std::int64_t width = model.shape.width;
  const bool tied = model.own_embedding == nullptr;
  const float* from = tied ? model.head.panel(token / kPanel) + token % kPanel : model.own_embedding + token * width;
  const std::int64_t step = tied ? kPanel : 1;
  for (std::int64_t d = 0; d < width; ++d) x[d] += from[d * step];
}

}  // namespace

void embed(Session& session) {
  const Model& model = session.model;
  const std::int64_t width = model.shape.width;
  const PassPlan& plan = session.plan;
  model.engine.pool->parallel_for(plan.n_rows(), [&](std::int64_t r, int) {
    float* x = session.x.row(r);
    std::copy_n(model.position_embedding + plan.positions().data()[r] * width, width, x);
    add_embedding(model, plan.tokens().data()[r], x);
  });
}

}  // namespace inferbench::cpu_ref
