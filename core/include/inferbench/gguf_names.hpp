// SPDX-License-Identifier: Apache-2.0
//
// What GGUF files call the tensors of ib_model_desc, for backends in C++20 and the host. Not included by backend.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace inferbench {

/// "blk.3.attn_q.weight" of "layer.3.attn_q.weight". Where a file has queries, keys and values in one tensor (GPT-2),
/// that is "attn_qkv".
inline std::string gguf_tensor_name(std::string_view canonical) {
  struct Name {
    std::string_view canonical;
    std::string_view gguf;
  };
  // The others are called the same. Both without ".weight" and ".bias".
  constexpr std::array<Name, 11> kNames = {{{"token_embedding", "token_embd"},
                                            {"position_embedding", "position_embd"},
                                            {"attn_out", "attn_output"},
                                            {"attn_post_norm", "post_attention_norm"},
                                            {"mlp_norm", "ffn_norm"},
                                            {"mlp_gate", "ffn_gate"},
                                            {"mlp_up", "ffn_up"},
                                            {"mlp_down", "ffn_down"},
                                            {"mlp_post_norm", "post_ffw_norm"},
                                            {"final_norm", "output_norm"},
                                            {"head", "output"}}};
  constexpr std::string_view kLayer = "layer.";
  std::string name;
  if (canonical.starts_with(kLayer)) {
    const std::size_t dot = canonical.find('.', kLayer.size());
    name = "blk.";
    name += canonical.substr(kLayer.size(), dot - kLayer.size());
    name += '.';
    canonical.remove_prefix(dot + 1);
  }
  const std::size_t dot = canonical.rfind('.');
  const auto* found = std::find_if(kNames.begin(), kNames.end(),
                                   [&](const Name& one) { return one.canonical == canonical.substr(0, dot); });
  name += found == kNames.end() ? canonical.substr(0, dot) : found->gguf;
  name += canonical.substr(dot);
  return name;
}

}  // namespace inferbench
