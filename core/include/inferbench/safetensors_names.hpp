// SPDX-License-Identifier: Apache-2.0
//
// What safetensors files call the tensors of ib_model_desc, for backends in C++20 and the host. Not included by
// backend.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace inferbench {

/// A tensor's name without the prefixes that the saving code put before it, in any order: "_orig_mod." (torch.compile),
/// "module." (data-parallel wrappers), "model.", "transformer." and "language_model." (the model inside a model with a
/// head, or with other inputs).
inline std::string_view checkpoint_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> kPrefixes = {"_orig_mod.", "module.", "model.", "transformer.",
                                                         "language_model."};
  for (;;) {
    const auto* found = std::find_if(kPrefixes.begin(), kPrefixes.end(),
                                     [name](std::string_view prefix) { return name.starts_with(prefix); });
    if (found == kPrefixes.end()) return name;
    name.remove_prefix(found->size());
  }
}

/// "layers.3.self_attn.q_proj.weight" of "layer.3.attn_q.weight": the name in the files of Llama, Mistral, Qwen and
/// Gemma, without the prefixes that checkpoint_name() removes. `post_norm` as in ib_model_desc: Gemma's norms have
/// names of their own. Empty for tensors that these families don't have.
inline std::string safetensors_tensor_name(std::string_view canonical, bool post_norm) {
  struct Name {
    std::string_view canonical;
    std::string_view stored;
  };
  // All without ".weight" and ".bias".
  constexpr std::array<Name, 13> kNames = {{{"token_embedding", "embed_tokens"},
                                            {"attn_norm", "input_layernorm"},
                                            {"attn_q", "self_attn.q_proj"},
                                            {"attn_k", "self_attn.k_proj"},
                                            {"attn_v", "self_attn.v_proj"},
                                            {"attn_q_norm", "self_attn.q_norm"},
                                            {"attn_k_norm", "self_attn.k_norm"},
                                            {"attn_out", "self_attn.o_proj"},
                                            {"mlp_gate", "mlp.gate_proj"},
                                            {"mlp_up", "mlp.up_proj"},
                                            {"mlp_down", "mlp.down_proj"},
                                            {"final_norm", "norm"},
                                            {"head", "lm_head"}}};
  constexpr std::array<Name, 3> kPostNorms = {{{"attn_post_norm", "post_attention_layernorm"},
                                               {"mlp_norm", "pre_feedforward_layernorm"},
                                               {"mlp_post_norm", "post_feedforward_layernorm"}}};
  constexpr std::array<Name, 1> kPreNorms = {{{"mlp_norm", "post_attention_layernorm"}}};
  constexpr std::string_view kLayer = "layer.";
  std::string name;
  if (canonical.starts_with(kLayer)) {
    const std::size_t dot = canonical.find('.', kLayer.size());
    name = "layers.";
    name += canonical.substr(kLayer.size(), dot - kLayer.size());
    name += '.';
    canonical.remove_prefix(dot + 1);
  }
  const std::size_t dot = canonical.rfind('.');
  const auto add_from = [&](const auto& names) {
    const auto* found = std::find_if(names.begin(), names.end(),
                                     [&](const Name& one) { return one.canonical == canonical.substr(0, dot); });
    if (found == names.end()) return false;
    name += found->stored;
    name += canonical.substr(dot);
    return true;
  };
  const bool is_known = add_from(kNames) || (post_norm ? add_from(kPostNorms) : add_from(kPreNorms));
  return is_known ? name : "";
}

}  // namespace inferbench
