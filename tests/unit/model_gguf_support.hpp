// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/gguf_writer.hpp"

namespace inferbench::model_test {

/// Adds the metadata of a Llama with 1 layer, hidden size 8, 2 heads of which 1 is for keys, and 4 tokens.
inline void add_small_keys(GgufWriter& writer, const std::string& architecture = "llama") {
  writer.add_text("general.architecture", architecture);
  for (const auto& [key, value] : {std::pair{"block_count", 1U}, std::pair{"context_length", 16U},
                                   std::pair{"embedding_length", 8U}, std::pair{"feed_forward_length", 4U},
                                   std::pair{"attention.head_count", 2U}, std::pair{"attention.head_count_kv", 1U}}) {
    writer.add_u32(architecture + "." + key, value);
  }
  writer.add_f32(architecture + ".attention.layer_norm_rms_epsilon", 1e-5F);
}

/// Adds its tensors, all of value 0.5, but for the one of the name `without`.
inline void add_small_tensors(GgufWriter& writer, const std::string& without = "") {
  struct Shape {
    const char* name;
    std::vector<std::uint64_t> sizes;
  };
  const std::vector<Shape> shapes = {
      {"token_embd.weight", {4, 8}},     {"blk.0.attn_norm.weight", {8}},   {"blk.0.attn_q.weight", {8, 8}},
      {"blk.0.attn_k.weight", {4, 8}},   {"blk.0.attn_v.weight", {4, 8}},   {"blk.0.attn_output.weight", {8, 8}},
      {"blk.0.ffn_norm.weight", {8}},    {"blk.0.ffn_gate.weight", {4, 8}}, {"blk.0.ffn_up.weight", {4, 8}},
      {"blk.0.ffn_down.weight", {8, 4}}, {"output_norm.weight", {8}}};
  for (const Shape& shape : shapes) {
    if (shape.name == without) continue;
    std::size_t n = 1;
    for (const std::uint64_t size : shape.sizes) n *= static_cast<std::size_t>(size);
    writer.add_tensor(shape.name, shape.sizes, std::vector<float>(n, 0.5F));
  }
}

}  // namespace inferbench::model_test
