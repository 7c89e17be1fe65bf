// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// Logits of the picked rows into `logits` [picked rows, vocab_size].
void compute_logits(Session& session, const Rows& logits) {
  const Model& model = session.model;
  const Shape& shape = model.shape;
  const Rows normed = session.normed.first(logits.n);
  model.engine.pool->parallel_for(logits.n, [&](std::int64_t j, int) {
    norm_row(model, model.final_norm, session.x.row(session.picked.data()[j].row), normed.row(j));
  });
  linear(model.engine, model.head, nullptr, normed, logits, Into::kReplace);
  if (shape.logit_soft_cap == 0) return;
  model.engine.pool->parallel_for(logits.n, [&](std::int64_t j, int) {
    model.engine.kernels->soft_cap(logits.row(j), shape.vocab_size, 1.0F, shape.logit_soft_cap);
  });
}

// Outputs of one kind, which go to the same buffer.
void pick_outputs(Session& session, bool greedy) {
  session.picked.clear();
  for (const PassOutput& output : session.plan.outputs()) {
    if (output.greedy == greedy) session.picked.push_back(output);
  }
}

}  // namespace

void write_outputs(Session& session, const ib_forward_params& params) {
  const Model& model = session.model;
  const std::int64_t vocab = model.shape.vocab_size;
  const auto& picked = session.picked;
  pick_outputs(session, false);
  if (!picked.empty()) {  // the rows of the caller's buffer follow each other
    compute_logits(session, {params.logits + picked.front().index * vocab, std::ssize(picked), vocab});
  }
  pick_outputs(session, true);
  if (picked.empty()) return;
  const Rows logits = session.logits.first(std::ssize(picked));
  compute_logits(session, logits);
  model.engine.pool->parallel_for(logits.n, [&](std::int64_t j, int) {
    params.ids[picked.data()[j].index] = static_cast<std::int32_t>(model.engine.kernels->argmax(logits.row(j), vocab));
  });
}

}  // namespace inferbench::cpu_ref
