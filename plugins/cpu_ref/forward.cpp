// SPDX-License-Identifier: Apache-2.0
// GPT-2's forward pass, from token ids to logits; see ib_model_desc for the formulas.
#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

// The head for the rows that the caller wants.
void write_output(Session& session, const ib_forward_params& params) {
  const Model& model = session.model;
  const std::int64_t vocab = model.shape.vocab;
  const auto rows = session.plan.output_rows();
  const auto n = static_cast<std::int64_t>(rows.size());
  if (n == 0) return;
  const Rows normed = session.normed.first(n);  // [output rows, width]
  model.engine.pool->parallel_for(n, [&](std::int64_t j, int) {
    const float* x = session.x.row(rows.data()[j]);
    model.engine.kernels->layer_norm(x, model.ln_f.weight, model.ln_f.bias, model.shape.width, model.shape.epsilon,
                                     normed.row(j));
  });
  const std::int64_t first = session.plan.first_output();
  if (params.output != IB_OUTPUT_GREEDY) {
    linear(model.engine, model.head, nullptr, normed, {params.logits + first * vocab, n, vocab}, Into::kReplace);
    return;
  }
  const Rows logits = session.logits.first(n);
  linear(model.engine, model.head, nullptr, normed, logits, Into::kReplace);
  model.engine.pool->parallel_for(n, [&](std::int64_t j, int) {
    params.ids[first + j] = static_cast<std::int32_t>(model.engine.kernels->argmax(logits.row(j), vocab));
  });
}

}  // namespace

void run_layer(Session& session, std::int64_t i, std::int64_t n_rows) {
  const Model& model = session.model;
  const Layer& layer = model.layers.data()[i];
  const Rows x = session.x.first(n_rows);            // [rows, width]
  const Rows normed = session.normed.first(n_rows);  // [rows, width]
  const Rows qkv = session.qkv.first(n_rows);        // [rows, 3 width]
  const Rows hidden = session.hidden.first(n_rows);  // [rows, inner]

  layer_norm(model, layer.ln_1, x, normed);
  linear(model.engine, layer.attn_in.weight, layer.attn_in.bias, normed, qkv, Into::kReplace);
  attention(session, i, qkv, normed);
  linear(model.engine, layer.attn_out.weight, layer.attn_out.bias, normed, x, Into::kAdd);

  layer_norm(model, layer.ln_2, x, normed);
  linear(model.engine, layer.mlp_in.weight, layer.mlp_in.bias, normed, hidden, Into::kReplace);
  activate(model, hidden);
  linear(model.engine, layer.mlp_out.weight, layer.mlp_out.bias, hidden, x, Into::kAdd);
}

void run_forward(Session& session, const ib_forward_params& params) {
  PassPlan& plan = session.plan;
  plan.begin(params, session.lengths.held());
  while (plan.next()) {
    embed(session);
    for (std::int64_t i = 0; i < session.model.shape.n_layers; ++i) {
      session.model.context->host.throw_if_cancelled();
      run_layer(session, i, plan.n_rows());
    }
    write_output(session, params);
  }
  session.lengths.advance(params);
}

}  // namespace inferbench::cpu_ref
