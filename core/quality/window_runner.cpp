// SPDX-License-Identifier: Apache-2.0
#include "quality/window_runner.hpp"

#include <algorithm>
#include <future>
#include <string>

#include "plugin/logit_check.hpp"

namespace inferbench {

namespace {

/// Logits per backend and call: 32 MiB.
constexpr std::size_t kLogitsAtOnce = std::size_t{8} << 20U;

/// A window takes at least this many calls, so that predictions from the cache are judged too.
constexpr std::size_t kCallsPerWindow = 4;

std::size_t chunk_tokens(std::size_t vocab, std::int32_t batch, std::int32_t max_tokens) {
  const std::size_t fitting = kLogitsAtOnce / (vocab * static_cast<std::size_t>(batch));
  const std::size_t quarter = (static_cast<std::size_t>(max_tokens) + kCallsPerWindow - 1) / kCallsPerWindow;
  return std::clamp<std::size_t>(fitting, 1, quarter);
}

}  // namespace

WindowRunner::WindowRunner(const BackendModel& tested, const std::optional<BackendModel>& reference,
                           std::int32_t max_tokens, std::int32_t batch, std::int32_t threads)
    : vocab_(static_cast<std::size_t>(tested.config().vocab_size)),
      max_tokens_(max_tokens),
      batch_(batch),
      threads_(static_cast<std::size_t>(threads)),
      chunk_(chunk_tokens(vocab_, batch, max_tokens)),
      tested_(make_side(tested, "")) {
  if (reference) reference_.emplace(make_side(*reference, "reference: "));
}

WindowRunner::Side WindowRunner::make_side(const BackendModel& model, const char* role) const {
  const auto tokens = chunk_ * static_cast<std::size_t>(batch_);
  return {BackendSession(model, batch_, max_tokens_, static_cast<std::int32_t>(tokens)), role,
          std::vector<float>(tokens * vocab_)};
}

void WindowRunner::forward(Side& side, std::span<const Window> windows, std::span<const WindowChunk> chunks) const {
  std::vector<ib_sequence> sequences;
  for (const WindowChunk& chunk : chunks) {
    sequences.push_back({static_cast<std::int32_t>(chunk.window), static_cast<std::int32_t>(chunk.n),
                         windows[chunk.window].ids.data() + chunk.begin, IB_OUTPUT_ALL_LOGITS, 0});
  }
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences.data();
  params.n_sequences = static_cast<std::int32_t>(sequences.size());
  params.logits = side.logits.data();
  params.logits_capacity = side.logits.size();
  mark_unwritten(side.logits);
  ib_error error{};
  const ib_status status = side.session.forward(params, error);
  if (status != IB_OK) throw side.session.failure(side.role + std::string("forward"), status, error);
}

void WindowRunner::judge(std::span<const Window> windows, std::span<const WindowChunk> chunks) {
  struct Row {
    std::size_t window;
    std::int32_t next;
    bool judged;
    TokenAgreement token;
  };
  std::vector<Row> rows;
  for (const WindowChunk& chunk : chunks) {
    const Window& window = windows[chunk.window];
    for (std::size_t at = chunk.begin; at < chunk.begin + chunk.n; ++at) {
      rows.push_back({chunk.window, window.ids[at + 1], at >= window.first_judged, {}});
    }
  }
  const auto judge_strip = [&](std::size_t first) {
    for (std::size_t r = first; r < rows.size(); r += threads_) {
      if (!rows[r].judged) continue;
      const auto logits = std::span<const float>(tested_.logits).subspan(r * vocab_, vocab_);
      rows[r].token = reference_ ? judge_token(logits, rows[r].next,
                                               std::span<const float>(reference_->logits).subspan(r * vocab_, vocab_))
                                 : judge_token(logits, rows[r].next);
    }
  };
  std::vector<std::future<void>> strips;
  for (std::size_t t = 1; t < threads_; ++t) strips.push_back(std::async(std::launch::async, judge_strip, t));
  judge_strip(0);
  for (auto& strip : strips) strip.get();
  for (const Row& row : rows) {
    if (row.judged) results_[row.window].add(row.token);
  }
}

std::vector<WindowAgreement> WindowRunner::run(std::span<const Window> windows) {
  results_.assign(windows.size(), {});
  const auto n_slots = static_cast<std::int32_t>(windows.size());
  for (std::int32_t slot = 0; slot < n_slots; ++slot) {
    tested_.session.truncate(slot, 0);
    if (reference_) reference_->session.truncate(slot, 0);
  }
  for (std::size_t begin = 0;; begin += chunk_) {
    std::vector<WindowChunk> chunks;
    for (std::size_t w = 0; w < windows.size(); ++w) {
      const std::size_t fed = windows[w].ids.size() - 1;
      if (begin < fed) chunks.push_back({w, begin, std::min(chunk_, fed - begin)});
    }
    if (chunks.empty()) return std::move(results_);
    forward(tested_, windows, chunks);
    if (reference_) forward(*reference_, windows, chunks);
    judge(windows, chunks);
  }
}

}  // namespace inferbench
