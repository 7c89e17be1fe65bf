// SPDX-License-Identifier: Apache-2.0
// Lower precision, which is no mistake if the backend says so.
#include <algorithm>
#include <cmath>

#include "conformance/mistake_lists.hpp"

namespace inferbench::conformance {

namespace {

using Text = std::string;

// Rounds to `bits` significant bits, to nearest, ties to even.
template <int bits>
void round_all(std::span<double> values) {
  for (double& value : values) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    value = std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
  }
}

constexpr int kBf16Bits = 8;
constexpr int kFp16Bits = 11;

template <int bits>
void round_weights(Draft& draft) {
  for (auto& [name, tensor] : draft.tensors) round_all<bits>(tensor.values);
}

// Rounds to integers of magnitude up to `most`, with one scale for these values.
template <int most>
void to_integers(std::span<double> values) {
  double greatest = 0;
  for (const double value : values) greatest = std::max(greatest, std::abs(value));
  const double scale = greatest / most;
  for (double& value : values) value = scale == 0 ? 0 : std::nearbyint(value / scale) * scale;
}

// Rounds linear weights and the head, with one scale per output channel and 32 inputs.
template <int most>
void quantize_weights(Draft& draft) {
  constexpr std::size_t kGroup = 32;
  for (auto& [name, tensor] : draft.tensors) {
    const bool is_head = name == (draft.desc.tied_head != 0 ? "token_embedding.weight" : "head.weight");
    const bool is_linear = name.starts_with("layer.") && tensor.columns > 1;
    if (!is_head && !is_linear) continue;
    for (std::size_t row = 0; row < tensor.rows; ++row) {
      const std::span channel = std::span(tensor.values).subspan(row * tensor.columns, tensor.columns);
      for (std::size_t begin = 0; begin < channel.size(); begin += kGroup) {
        to_integers<most>(channel.subspan(begin, std::min(kGroup, channel.size() - begin)));
      }
    }
  }
}

template <int most>
void add_integers(std::vector<Mistake>& all, const Text& type) {
  all.push_back({"rounding." + type + ".products",
                 "weights are rounded to " + type + ", the inputs of products to 8 bits",
                 [](Draft& draft) {
                   quantize_weights<most>(draft);
                   draft.formula.narrow_row = to_integers<127>;
                 },
                 type});
}

template <int bits>
void add_rounding(std::vector<Mistake>& all, const Text& type) {
  const auto add = [&](const char* id, const Text& text, void (*apply)(Draft&)) {
    all.push_back({"rounding." + type + "." + id, text, apply, type});
  };
  add("cache", "keys and values are rounded to " + type,
      [](Draft& draft) { draft.formula.narrow_cache = round_all<bits>; });
  add("weights", "weights are rounded to " + type, round_weights<bits>);
  add("products", "weights and the inputs of products are rounded to " + type, [](Draft& draft) {
    round_weights<bits>(draft);
    draft.formula.narrow_row = round_all<bits>;
  });
}

}  // namespace

void add_rounding_mistakes(std::vector<Mistake>& all) {
  add_rounding<kBf16Bits>(all, "bf16");
  add_rounding<kFp16Bits>(all, "fp16");
  add_integers<127>(all, "int8");
  add_integers<7>(all, "int4");
}

}  // namespace inferbench::conformance
