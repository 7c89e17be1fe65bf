// SPDX-License-Identifier: Apache-2.0
#include "model_point.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "model/synthetic_formula.hpp"

namespace inferbench::bench {
namespace {

// Every run has a different prompt, so that a backend gains nothing by remembering earlier ones.
std::vector<std::int32_t> prompts_of(const Point& point, std::int32_t vocab_size, std::uint64_t run) {
  constexpr std::uint64_t kFirstStream = 7;
  return synthetic_prompt(kFirstStream + run,
                          static_cast<std::size_t>(point.batch) * static_cast<std::size_t>(point.prompt), vocab_size);
}

}  // namespace

const std::vector<Point>& all_points() {
  static const std::vector<Point> kPoints = {
      {"decode", 1, 128, 65},   {"batch2", 2, 128, 49},    {"batch4", 4, 128, 33},   {"batch8", 8, 128, 33},
      {"batch16", 16, 128, 33}, {"prefill9", 1, 9, 1},     {"prefill16", 1, 16, 1},  {"prefill24", 1, 24, 1},
      {"prefill32", 1, 32, 1},  {"prefill128", 1, 128, 1}, {"prefill512", 1, 512, 1}};
  return kPoints;
}

const Point& point_named(std::string_view name) {
  const auto found =
      std::find_if(all_points().begin(), all_points().end(), [&](const Point& point) { return point.name == name; });
  if (found == all_points().end()) throw Error(fmt::format("no point '{}'", name), "--help lists them");
  return *found;
}

PointRun::PointRun(const BackendModel& model, const Point& point)
    : model_(model),
      point_(point),
      session_(model, point.batch, point.prompt + point.generate),
      loop_(point.batch, point.prompt, point.generate, prompts_of(point, model.config().vocab_size, 0),
            model.config().vocab_size) {}

double PointRun::tokens_per_second() {
  loop_ = TrialLoop(point_.batch, point_.prompt, point_.generate,
                    prompts_of(point_, model_.config().vocab_size, n_runs_++), model_.config().vocab_size);
  for (std::int32_t slot = 0; slot < point_.batch; ++slot) session_.truncate(slot, 0);
  ib_error error{};
  const ib_status status = loop_.run({session_.get(), model_.plugin().table().forward}, error);
  if (status != IB_OK) throw session_.failure("forward", status, error);
  if (loop_.wrong_id()) throw Error(describe(*loop_.wrong_id(), model_.config().vocab_size), "the backend is broken");
  const TrialMetrics metrics = derive_metrics(loop_.times(), point_.batch, point_.prompt);
  return point_.is_decode() ? *metrics.decode_tokens_per_s : metrics.prefill_tokens_per_s;
}

double PointRun::layer_operations() const {
  return decoder::kOpsPerWeight * decoder::linear_weights(model_desc(model_.config()));
}

}  // namespace inferbench::bench
