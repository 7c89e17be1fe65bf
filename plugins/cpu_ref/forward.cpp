// SPDX-License-Identifier: Apache-2.0
// GPT-2's forward pass, from token ids to logits; see ib_model_desc for the formulas.
#include "forward.hpp"

#include <algorithm>

namespace inferbench::cpu_ref {
namespace {

// Walks through the tokens of a call, pass by pass.
class Passes {
 public:
  Passes(Session& session, const ib_forward_params& params) : session_(session), params_(params) {}

  // Fills session.blocks and session.last_rows with the next tokens; returns how many, 0 at the end.
  std::int64_t next() {
    first_sequence_ = sequence_;
    first_token_ += n_rows_;
    n_rows_ = 0;
    session_.blocks.clear();
    session_.last_rows.clear();
    while (sequence_ < params_.n_sequences && n_rows_ < session_.x.n) {
      const ib_sequence& sequence = params_.sequences[sequence_];
      const std::int64_t n = std::min({kBlockRows, sequence.n_tokens - offset_, session_.x.n - n_rows_});
      const std::int64_t past = session_.n_past.data()[sequence.slot];
      session_.blocks.push_back({n_rows_, n, sequence.slot, past + offset_, sequence.tokens + offset_});
      n_rows_ += n;
      offset_ += n;
      if (offset_ == sequence.n_tokens) {
        session_.last_rows.push_back(n_rows_ - 1);
        offset_ = 0;
        ++sequence_;
      }
    }
    return n_rows_;
  }

  std::int64_t first_token() const { return first_token_; }        // index in the call of the pass's first token
  std::int64_t first_sequence() const { return first_sequence_; }  // index in the call of the first that ends here

 private:
  Session& session_;
  const ib_forward_params& params_;
  std::int64_t sequence_ = 0;
  std::int64_t offset_ = 0;
  std::int64_t n_rows_ = 0;
  std::int64_t first_token_ = 0;
  std::int64_t first_sequence_ = 0;
};

// The head for the rows that the caller wants.
void write_output(Session& session, const ib_forward_params& params, const Passes& pass, std::int64_t n_rows) {
  const Model& model = session.model;
  const std::int64_t vocab = model.shape.vocab;
  if (params.output == IB_OUTPUT_ALL_LOGITS) {
    const Rows normed = session.normed.first(n_rows);
    layer_norm(model, model.ln_f, session.x.first(n_rows), normed);
    linear(model.engine, model.head, nullptr, normed, {params.logits + pass.first_token() * vocab, n_rows, vocab},
           Into::kReplace);
    return;
  }
  const auto n_last = static_cast<std::int64_t>(session.last_rows.size());
  if (params.output == IB_OUTPUT_NONE || n_last == 0) return;
  const Rows normed = session.normed.first(n_last);  // [sequences that end in this pass, width]
  model.engine.pool->parallel_for(n_last, [&](std::int64_t j, int) {
    const float* x = session.x.row(session.last_rows.data()[j]);
    model.engine.kernels->layer_norm(x, model.ln_f.weight, model.ln_f.bias, model.shape.width, model.shape.epsilon,
                                     normed.row(j));
  });
  if (params.output == IB_OUTPUT_LAST_LOGITS) {
    linear(model.engine, model.head, nullptr, normed, {params.logits + pass.first_sequence() * vocab, n_last, vocab},
           Into::kReplace);
    return;
  }
  const Rows logits = session.logits.first(n_last);
  linear(model.engine, model.head, nullptr, normed, logits, Into::kReplace);
  model.engine.pool->parallel_for(n_last, [&](std::int64_t j, int) {
    params.ids[pass.first_sequence() + j] =
        static_cast<std::int32_t>(model.engine.kernels->argmax(logits.row(j), vocab));
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
  Passes pass(session, params);
  while (const std::int64_t n_rows = pass.next()) {
    embed(session);
    for (std::int64_t i = 0; i < session.model.shape.n_layers; ++i) {
      session.model.context->host.throw_if_cancelled();
      run_layer(session, i, n_rows);
    }
    write_output(session, params, pass, n_rows);
  }
  for (std::int32_t s = 0; s < params.n_sequences; ++s) {
    session.n_past.data()[params.sequences[s].slot] += params.sequences[s].n_tokens;
  }
}

}  // namespace inferbench::cpu_ref
