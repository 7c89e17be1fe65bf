// SPDX-License-Identifier: Apache-2.0
// A dense decoder's forward pass, from token ids to logits; see ib_model_desc for the formulas.
#include "forward.hpp"

#include <algorithm>

namespace inferbench::cpu_ref {

void run_attention(Session& session, std::int64_t i, const Rows& qkv, const Rows& out) {
  const Layer& layer = session.model.layers.data()[i];
  if (layer.q_norm != nullptr) norm_heads(session, layer, qkv);
  if (layer.rotary_table >= 0) rotate_heads(session, layer, qkv);
  attend(session, i, qkv, out);
}

void run_mlp(const Model& model, const Layer& layer, const Rows& x, const Rows& hidden, const Rows& y, Into into) {
  linear(model.engine, layer.mlp_in.weight, layer.mlp_in.bias, x, hidden, Into::kReplace);
  activate(model, hidden);
  linear(model.engine, layer.mlp_down.weight, layer.mlp_down.bias, hidden, y, into);
}

void run_layer(Session& session, std::int64_t i, std::int64_t n_rows) {
  const Model& model = session.model;
  const Layer& layer = model.layers.data()[i];
  const bool post_norm = layer.attn_post_norm.weight != nullptr;
  const Rows x = session.x.first(n_rows);            // [rows, hidden_size]
  const Rows normed = session.normed.first(n_rows);  // [rows, hidden_size]
  const Rows qkv = session.qkv.first(n_rows);        // [rows, qkv_size]
  const Rows wide = session.wide.first(n_rows);
  // Without a norm in between, a product is added to the residual stream as it is computed.
  const Rows& sum = post_norm ? normed : x;
  const Into into = post_norm ? Into::kReplace : Into::kAdd;

  norm(model, layer.attn_norm, x, normed);
  linear(model.engine, layer.attn_in.weight, layer.attn_in.bias, normed, qkv, Into::kReplace);
  run_attention(session, i, qkv, wide);
  linear(model.engine, layer.attn_out.weight, layer.attn_out.bias, wide, sum, into);
  if (post_norm) add_normed(model, layer.attn_post_norm, normed, x);

  norm(model, layer.mlp_norm, x, normed);
  run_mlp(model, layer, normed, wide, sum, into);
  if (post_norm) add_normed(model, layer.mlp_post_norm, normed, x);
}

void run_forward(Session& session, const ib_forward_params& params) {
  PassPlan& plan = session.plan;
  plan.begin(params, session.lengths.held());
  while (plan.next()) {
    const auto positions = plan.positions();
    session.rotary.reach(*std::max_element(positions.begin(), positions.end()) + 1, *session.model.engine.pool);
    embed(session);
    for (std::int64_t i = 0; i < session.model.shape.n_layers; ++i) {
      session.model.context->host.throw_if_cancelled();
      run_layer(session, i, plan.n_rows());
    }
    write_outputs(session, params);
  }
  session.lengths.advance(params);
}

}  // namespace inferbench::cpu_ref
