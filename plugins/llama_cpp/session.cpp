// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "inferbench/decoder.hpp"
#include "inferbench/engine_passes.hpp"

namespace inferbench::llama_cpp {
namespace {

// Of logits that a piece of a call makes: with a large vocabulary they are what takes memory.
constexpr std::int64_t kLogitsBytes = std::int64_t{64} << 20;

std::int32_t most_outputs(const Model& model, const SessionLimits& limits) {
  const std::int64_t rows = kLogitsBytes / (std::int64_t{4} * model.desc.vocab_size);
  return static_cast<std::int32_t>(
      std::clamp<std::int64_t>(rows, 16, std::min<std::int64_t>(limits.max_forward_tokens, 1 << 16) + 16));
}

// Newer versions reserve no more rows of logits than they are told of: with a large vocabulary they are what takes
// memory.
template <typename Params>
void set_most_outputs(Params& settings, std::uint32_t n) {
  if constexpr (requires { settings.n_outputs_max; }) settings.n_outputs_max = n;
}

bool is_cancelled(void* user) {
  return static_cast<const HostCalls*>(user)->is_cancelled();
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, model.desc.max_positions, model.desc.vocab_size)),
      plan_(lengths_.limits(), static_cast<std::int32_t>(model.options.batch)),
      most_outputs_(most_outputs(model, lengths_.limits())),
      slot_of_row_(static_cast<std::size_t>(plan_.max_rows())) {
  const SessionLimits& limits = lengths_.limits();
  if (static_cast<std::size_t>(limits.n_slots) > llama_max_parallel_sequences()) {
    throw Failure(IB_UNSUPPORTED,
                  "llama.cpp holds at most " + std::to_string(llama_max_parallel_sequences()) + " sequences");
  }
  const std::int64_t n_ctx = static_cast<std::int64_t>(limits.n_slots) * limits.max_tokens;
  if (n_ctx > INT32_MAX) throw Failure(IB_OUT_OF_MEMORY, "too many positions for llama.cpp");
  take_errors();
  llama_context_params settings = llama_context_default_params();
  settings.n_ctx = static_cast<std::uint32_t>(n_ctx);
  // At least a row, and its logits, for each sequence: llama.cpp ends the program otherwise.
  settings.n_batch = static_cast<std::uint32_t>(std::max(plan_.max_rows(), limits.n_slots));
  set_most_outputs(settings, static_cast<std::uint32_t>(std::max(most_outputs_, limits.n_slots)));
  settings.n_ubatch = std::min(model.options.ubatch, settings.n_batch);
  settings.n_seq_max = static_cast<std::uint32_t>(limits.n_slots);
  settings.n_threads = settings.n_threads_batch = model.context.n_threads;
  settings.type_k = settings.type_v = model.options.kv;
  settings.flash_attn_type = model.options.flash_attention;
  settings.offload_kqv = model.context.device() != nullptr;
  settings.op_offload = settings.offload_kqv;
  settings.swa_full = true;  // else a slot could not be truncated to before its window
  settings.kv_unified = false;
  settings.no_perf = true;
  settings.abort_callback = is_cancelled;
  settings.abort_callback_data = const_cast<HostCalls*>(&model.context.host);
  ContextMessages messages;
  context_.reset(llama_init_from_model(model.get(), settings));
  if (!context_) {
    const std::string errors = take_errors();
    const bool no_memory = errors.find("alloc") != std::string::npos || errors.find("reserve") != std::string::npos;
    throw Failure(no_memory ? IB_OUT_OF_MEMORY : IB_INTERNAL, "llama.cpp cannot make a context: " + errors);
  }
  llama_set_n_threads(context_.get(), model.context.n_threads, model.context.n_threads);
  if (model.context.threads() != nullptr) llama_attach_threadpool(context_.get(), model.context.threads(), nullptr);
  batch_ = llama_batch_init(plan_.max_rows(), 0, 1);
  check_windows(messages);
  measure(messages.work_bytes());
}

// Versions differ in how they read the order of the layers with windows, and a key that they do not know has no effect.
void Session::check_windows(const ContextMessages& messages) const {
  const std::int32_t wanted = model_.window_layers;
  const std::int32_t found = messages.window_layers().value_or(0);  // silence is no proof of them
  if (wanted == 0 || found == wanted) return;
  throw Failure(IB_UNSUPPORTED, "this llama.cpp gives " + std::to_string(found) +
                                    " layers a sliding window, the model has " + std::to_string(wanted) + " of them");
}

void Session::measure(std::uint64_t work_bytes) {
  const std::int64_t cells = static_cast<std::int64_t>(llama_n_ctx(context_.get()));
  const std::uint64_t row = 2 * ggml_row_size(model_.options.kv, decoder::kv_size(model_.desc));
  const std::uint64_t kv_bytes = static_cast<std::uint64_t>(cells * model_.desc.n_layers) * row;
  info_ = session_memory(model_.info(), kv_bytes, work_bytes, model_.context.device() != nullptr);
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  plan_.begin(params, lengths_.held());
  while (plan_.next()) {
    for (const PassSegment& segment : plan_.segments()) {
      std::fill_n(slot_of_row_.begin() + segment.first_row, segment.n_rows, segment.slot);
    }
    std::size_t next_output = 0;
    for (std::int32_t begin = 0; begin < plan_.n_rows();) {
      model_.context.host.throw_if_cancelled();
      const std::int32_t end = end_of_piece(begin, next_output);
      decode(begin, end);
      write_outputs(params, begin, end, next_output);
      begin = end;
    }
  }
  lengths_.advance(params);
}

// The rows of a pass are decoded in pieces that have no more outputs than llama.cpp should hold.
std::int32_t Session::end_of_piece(std::int32_t begin, std::size_t first_output) const {
  const std::size_t last = first_output + static_cast<std::size_t>(most_outputs_);
  if (last >= plan_.outputs().size()) return plan_.n_rows();
  return std::max(begin + 1, plan_.outputs()[last].row);
}

void Session::decode(std::int32_t begin, std::int32_t end) {
  batch_.n_tokens = end - begin;
  for (std::int32_t row = begin; row < end; ++row) {
    const std::int32_t i = row - begin;
    const auto at = static_cast<std::size_t>(row);
    batch_.token[i] = plan_.tokens()[at];
    batch_.pos[i] = plan_.positions()[at];
    batch_.n_seq_id[i] = 1;
    batch_.seq_id[i][0] = slot_of_row_[at];
    batch_.logits[i] = 0;
  }
  for (const PassOutput& output : plan_.outputs()) {
    if (output.row >= begin && output.row < end) batch_.logits[output.row - begin] = 1;
  }
  const std::int32_t status = llama_decode(context_.get(), batch_);
  if (status == 0) return;
  if (status == 2) throw Failure(IB_CANCELLED, "cancelled by the host");
  throw Failure(status == -2 ? IB_OUT_OF_MEMORY : IB_INTERNAL,
                "llama_decode returned " + std::to_string(status) + ": " + take_errors());
}

void Session::write_outputs(const ib_forward_params& params, std::int32_t begin, std::int32_t end,
                            std::size_t& next_output) const {
  const auto vocab = static_cast<std::size_t>(model_.desc.vocab_size);
  const std::span<const PassOutput> outputs = plan_.outputs();
  for (; next_output < outputs.size() && outputs[next_output].row < end; ++next_output) {
    const PassOutput& output = outputs[next_output];
    const float* logits = llama_get_logits_ith(context_.get(), output.row - begin);
    if (logits == nullptr) throw Failure(IB_INTERNAL, "llama.cpp has no logits for a row: " + take_errors());
    if (output.greedy) {  // the first of equal values: the lowest id
      params.ids[output.index] = static_cast<std::int32_t>(std::max_element(logits, logits + vocab) - logits);
    } else {
      std::memcpy(params.logits + static_cast<std::size_t>(output.index) * vocab, logits, vocab * sizeof(float));
    }
  }
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
  llama_memory_seq_rm(llama_get_memory(context_.get()), slot, n_past, -1);
}

}  // namespace inferbench::llama_cpp
