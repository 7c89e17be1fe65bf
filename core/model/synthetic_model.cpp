// SPDX-License-Identifier: Apache-2.0
#include "model/synthetic_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "model/anonymous_memory.hpp"
#include "model/config_json.hpp"
#include "model/families/families.hpp"
#include "model/in_quotes.hpp"
#include "model/run_in_parallel.hpp"
#include "model/synthetic_formula.hpp"
#include "model/weights_storage.hpp"
#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr std::string_view kScheme = "synthetic:";
constexpr std::string_view kSeed = "seed=";

const SyntheticShape& find_shape(std::string_view name) {
  std::vector<std::string> names;
  for (const Family* family : families()) {
    for (const SyntheticShape& shape : family->shapes) {
      if (shape.name == name) return shape;
      names.push_back(fmt::format("{}{}", kScheme, shape.name));
    }
  }
  const std::string reference = fmt::format("{}{}", kScheme, name);
  throw Error(fmt::format("model {}: unknown shape", in_quotes(reference)),
              suggestion(reference, "synthetic models", names));
}

SyntheticDistribution distribution_of(const StoredTensor& stored, const Family& family) {
  SyntheticDistribution distribution = synthetic_distribution(stored.role);
  const bool embedding =
      stored.role == decoder::TensorRole::kTokenEmbedding || stored.role == decoder::TensorRole::kHead;
  if (embedding) distribution.amplitude = family.embedding_amplitude;
  if (stored.add_one) distribution.mean -= 1;
  return distribution;
}

// A part of one tensor, filled by one thread.
struct FillTask {
  std::span<float> out;
  const StoredTensor* stored = nullptr;
  std::uint64_t first = 0;
};

class SyntheticStorage final : public Weights::Storage {
 public:
  explicit SyntheticStorage(const SyntheticReference& reference)
      : Storage(decoder::tensors(model_desc(reference.config))),
        stored_(family_of(reference.config).stored_tensors(reference.config)),
        memory_(total_bytes(stored_), "synthetic weights", "use a smaller shape") {
    const Family& family = family_of(reference.config);
    constexpr std::uint64_t kTaskElements = std::uint64_t{1} << 20U;
    std::vector<FillTask> tasks;
    auto* out = reinterpret_cast<float*>(memory_.data());
    for (const StoredTensor& stored : stored_) {
      const auto n = static_cast<std::uint64_t>(stored.n_elements());
      for (std::uint64_t first = 0; first < n; first += kTaskElements) {
        const std::uint64_t length = std::min(kTaskElements, n - first);
        tasks.push_back({{out + first, length}, &stored, first});
      }
      add_views(stored, IB_DTYPE_F32, out);
      out += AnonymousMemory::padded(n * sizeof(float)) / sizeof(float);
    }
    run_in_parallel(tasks.size(), [&](std::size_t i) {
      fill_stored(tasks[i].out, *tasks[i].stored, family, reference.seed, tasks[i].first);
    });
  }

 private:
  static std::size_t total_bytes(std::span<const StoredTensor> tensors) {
    std::size_t n = 0;
    for (const StoredTensor& stored : tensors) {
      n += AnonymousMemory::padded(static_cast<std::size_t>(stored.n_elements()) * sizeof(float));
    }
    return n;
  }

  std::vector<StoredTensor> stored_;
  AnonymousMemory memory_;
};

}  // namespace

SyntheticDistribution synthetic_distribution(decoder::TensorRole role) {
  using decoder::TensorRole;
  switch (role) {
    case TensorRole::kTokenEmbedding:
    case TensorRole::kHead:
      return {0.12F, 0.0F};
    case TensorRole::kPositionEmbedding:
      return {0.02F, 0.0F};
    case TensorRole::kLinearWeight:
      return {0.06F, 0.0F};
    case TensorRole::kLinearBias:
      return {0.05F, 0.0F};
    case TensorRole::kNormWeight:
      return {0.1F, 1.0F};
    case TensorRole::kNormBias:
      return {0.05F, 0.0F};
  }
  return {0.0F, 0.0F};
}

void fill_stored(std::span<float> out, const StoredTensor& stored, const Family& family, std::uint64_t seed,
                 std::uint64_t first) {
  const SyntheticDistribution distribution = distribution_of(stored, family);
  fill_synthetic(out, synthetic_stream(stored.name, seed), first, distribution.amplitude, distribution.mean);
  if (!stored.add_one) return;
  for (float& value : out) value += 1;
}

std::string SyntheticReference::canonical_text() const {
  return fmt::format("{}{}?{}{}", kScheme, shape, kSeed, seed);
}

std::string SyntheticReference::short_name() const {
  return seed == 0 ? fmt::format("{}{}", kScheme, shape) : canonical_text();
}

bool is_synthetic(std::string_view reference) {
  return reference.starts_with(kScheme);
}

SyntheticReference parse_synthetic(std::string_view reference) {
  std::string_view rest = reference.substr(kScheme.size());
  SyntheticReference result;
  if (const auto question = rest.find('?'); question != std::string_view::npos) {
    const std::string_view query = rest.substr(question + 1);
    rest = rest.substr(0, question);
    const std::string_view digits = query.starts_with(kSeed) ? query.substr(kSeed.size()) : std::string_view();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), result.seed);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
      throw Error(fmt::format("model {}: {} is not understood", in_quotes(reference), in_quotes(query)),
                  "write ?seed=N with N from 0 to 18446744073709551615");
    }
  }
  const SyntheticShape& shape = find_shape(rest);
  result.shape = shape.name;
  result.config = parse_config(shape.config_json, fmt::format("{}{}", kScheme, shape.name));
  return result;
}

std::shared_ptr<const Weights::Storage> synthetic_storage(const SyntheticReference& reference) {
  return std::make_shared<SyntheticStorage>(reference);
}

}  // namespace inferbench
