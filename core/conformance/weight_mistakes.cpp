// SPDX-License-Identifier: Apache-2.0
// Mistakes in one weight: in all layers, in the first, in the last.
#include <algorithm>
#include <functional>
#include <utility>

#include "conformance/mistake_lists.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

// Changes a layer's weights; `prefix` is, for example, "layer.0.".
using LayerChange = std::function<void(Draft&, const Text& prefix)>;

// Reads the memory of a matrix [outputs, inputs] as [inputs, outputs].
void read_transposed(Tensor& matrix) {
  reference::Values read(matrix.values.size());
  for (std::size_t in = 0; in < matrix.columns; ++in) {
    for (std::size_t out = 0; out < matrix.rows; ++out) {
      read[out * matrix.columns + in] = matrix.values[in * matrix.rows + out];
    }
  }
  matrix.values = std::move(read);
}

// Swaps the weights and biases of two projections of the same shape.
LayerChange swapped(const char* one, const char* other) {
  return [one, other](Draft& draft, const Text& prefix) {
    for (const char* part : {".weight", ".bias"}) {
      Tensor* const a = draft.find(prefix + one + part);
      Tensor* const b = draft.find(prefix + other + part);
      if (a != nullptr && b != nullptr && a->rows == b->rows) std::swap(*a, *b);
    }
  };
}

// Reads output d * heads + h of a projection as value d of head h.
void stride_heads(Draft& draft, const Text& name, std::int32_t n_heads) {
  const auto heads = static_cast<std::size_t>(n_heads);
  for (const char* part : {".weight", ".bias"}) {
    Tensor* const tensor = draft.find(name + part);
    if (tensor == nullptr) continue;
    const std::size_t head_dim = tensor->rows / heads;
    reference::Values read;
    for (std::size_t row = 0; row < tensor->rows; ++row) {
      const std::size_t from = (row % head_dim * heads + row / head_dim) * tensor->columns;
      const auto begin = tensor->values.begin() + static_cast<std::ptrdiff_t>(from);
      read.insert(read.end(), begin, begin + static_cast<std::ptrdiff_t>(tensor->columns));
    }
    tensor->values = std::move(read);
  }
}

void add_to_layers(std::vector<Mistake>& all, const Text& id, const Text& text, const LayerChange& change) {
  const auto add = [&](const char* suffix, const char* where, auto is_meant) {
    all.push_back({id + suffix, text + where,
                   [=](Draft& draft) {
                     for (std::int32_t i = 0; i < draft.desc.n_layers; ++i) {
                       if (is_meant(i, draft.desc.n_layers)) change(draft, decoder::layer_tensor_name(i, ""));
                     }
                   },
                   ""});
  };
  add("", "", [](std::int32_t, std::int32_t) { return true; });
  add(".first", ", in the first layer only", [](std::int32_t i, std::int32_t) { return i == 0; });
  add(".last", ", in the last layer only", [](std::int32_t i, std::int32_t n) { return i == n - 1; });
}

void add_linear_weights(std::vector<Mistake>& all) {
  for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_out", "mlp_gate", "mlp_up", "mlp_down"}) {
    add_to_layers(all, Text("transposed.") + name,
                  Text(name) + ".weight is read as [inputs, outputs] (the ABI passes it as [outputs, inputs])",
                  [=](Draft& draft, const Text& prefix) {
                    if (Tensor* const matrix = draft.find(prefix + name + ".weight")) read_transposed(*matrix);
                  });
    add_to_layers(all, Text("no_bias.") + name, Text(name) + ".bias is not added",
                  [=](Draft& draft, const Text& prefix) { draft.fill(prefix + name + ".bias", 0); });
  }
  add_to_layers(all, "swapped.q_k", "attn_q and attn_k are swapped", swapped("attn_q", "attn_k"));
  add_to_layers(all, "swapped.k_v", "attn_k and attn_v are swapped", swapped("attn_k", "attn_v"));
  add_to_layers(all, "swapped.q_v", "attn_q and attn_v are swapped", swapped("attn_q", "attn_v"));
  add_to_layers(all, "heads.strided",
                "heads take every n_heads-th value of queries, keys and values, not consecutive ones",
                [](Draft& draft, const Text& prefix) {
                  stride_heads(draft, prefix + "attn_q", draft.desc.n_heads);
                  stride_heads(draft, prefix + "attn_k", draft.desc.n_kv_heads);
                  stride_heads(draft, prefix + "attn_v", draft.desc.n_kv_heads);
                });
}

void add_norm_weights(std::vector<Mistake>& all) {
  for (const char* norm : {"attn_norm", "mlp_norm", "attn_q_norm", "attn_k_norm", "attn_post_norm", "mlp_post_norm"}) {
    for (const auto& [part, neutral] : {std::pair{".weight", 1.0}, std::pair{".bias", 0.0}}) {
      const bool is_of_heads = Text(norm) == "attn_q_norm" || Text(norm) == "attn_k_norm";
      if (is_of_heads && Text(part) == ".bias") continue;
      add_to_layers(all, Text("norm.no_") + norm + part, Text(norm) + part + " is ignored",
                    [norm, part = part, neutral = neutral](Draft& draft, const Text& prefix) {
                      draft.fill(prefix + norm + part, neutral);
                    });
    }
  }
  add_to_layers(all, "norm.swapped", "attn_norm and mlp_norm are swapped", swapped("attn_norm", "mlp_norm"));
}

}  // namespace

void add_weight_mistakes(std::vector<Mistake>& all) {
  add_linear_weights(all);
  add_norm_weights(all);
}

}  // namespace inferbench::conformance
