// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {
namespace {

/// When a call fails, nothing of it is left in the stream: the ABI wants the device idle then, too.
class StreamGuard {
 public:
  explicit StreamGuard(cudaStream_t stream) : stream_(stream) {}
  ~StreamGuard() {
    if (!is_done_) cudaStreamSynchronize(stream_);
  }
  /// The call has waited for what it launched.
  void done() { is_done_ = true; }
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  cudaStream_t stream_;
  bool is_done_ = false;
};

/// `words`: of an exchange set.
StepWork take_step_work(Arena& arena, const ModelData& model, std::int64_t words) {
  StepWork work{};
  for (std::uint32_t*& set : work.exchange) set = arena.take<std::uint32_t>(static_cast<std::uint64_t>(words));
  work.logits = arena.take<float>(std::uint64_t{kStepRows} * static_cast<std::uint64_t>(model.shape.vocab));
  work.best = arena.take<unsigned long long>(kStepRows);
  work.finished = arena.take<unsigned>(1);
  return work;
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      lengths_(checked_session_limits(params, model.max_positions, model.data().shape.vocab)),
      plan_(lengths_.limits(), RowsPass::kMostRows),
      rows_((model.context.use(), model), plan_.max_rows(), lengths_.limits().max_tokens) {
  create_cache();
  create_step();
  create_fused_pass();
  info_.struct_size = sizeof info_;
  info_.kv_bytes = cache_memory_.bytes();
  info_.scratch_bytes = rows_.bytes() + step_memory_.bytes() + (fused_ ? fused_->bytes() : 0);
  info_.device_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
  check(cudaStreamSynchronize(model.context.stream), "creating a session");
}

Session::~Session() {
  cudaStreamSynchronize(model_.context.stream);
}

void Session::create_cache() {
  const ModelData& model = model_.data();
  const Shape& shape = model.shape;
  const SessionLimits& limits = lengths_.limits();
  const std::int32_t half = shape.head_dim / 2;
  cache_.max_tokens = limits.max_tokens;
  const CacheBytes bytes = cache_bytes(shape, model_.options.int8_cache ? Format::kInt8 : model.values,
                                       std::int64_t{limits.n_slots} * limits.max_tokens);
  const auto take = [&](Arena& arena) {
    cache_.data = arena.take<std::byte>(bytes.data);
    if (bytes.scales > 0) cache_.scales = arena.take<float>(bytes.scales / sizeof(float));
    const auto turns =
        static_cast<std::uint64_t>(model.n_rotary_tables) * static_cast<std::uint64_t>(limits.max_tokens);
    if (turns > 0) cache_.rotation = arena.take<float2>(turns * static_cast<std::uint64_t>(half));
  };
  Arena counting;
  take(counting);
  cache_memory_ = DeviceBuffer(counting.used(), "the KV cache");
  Arena arena(cache_memory_.data());
  take(arena);
  if (model.n_rotary_tables == 0) return;
  const std::size_t n = model_.rotary_frequencies.size();
  const std::size_t n_scales = model_.rotary_scales.size();
  const DeviceBuffer tables((n + n_scales) * sizeof(double), "the rotary tables");
  auto* frequencies = tables.as<double>();
  const cudaStream_t stream = model_.context.stream;
  check(cudaMemcpyAsync(frequencies, model_.rotary_frequencies.data(), n * sizeof(double), cudaMemcpyHostToDevice,
                        stream),
        "copying the rotary tables");
  check(cudaMemcpyAsync(frequencies + n, model_.rotary_scales.data(), n_scales * sizeof(double), cudaMemcpyHostToDevice,
                        stream),
        "copying the rotary tables");
  fill_rotation(cache_.rotation, frequencies, frequencies + n, model.n_rotary_tables, limits.max_tokens, half, stream);
  check(cudaStreamSynchronize(stream), "the rotary tables");
}

void Session::create_step() {
  const ModelData& model = model_.data();
  if (!model_.options.step_kernel || !model_.context.has_bulk_copies) return;
  const std::int32_t n_blocks = model_.context.n_multiprocessors;
  const bool is_coded = cache_.scales != nullptr;
  step_plans_[0] = plan_step(model.shape, model.products, model_.context.shared_bytes, n_blocks, 1, is_coded);
  step_plans_[1] = plan_step(model.shape, model.products, model_.context.shared_bytes, n_blocks, kStepRows, is_coded);
  if (step_plans_[0].max_rows == 0) return;
  const std::int64_t words = std::max(most_exchange_words(step_plans_[0], model.shape, n_blocks),
                                      most_exchange_words(step_plans_[1], model.shape, n_blocks));
  Arena counting;
  take_step_work(counting, model, words);
  step_memory_ = DeviceBuffer(counting.used(), "work space");
  Arena arena(step_memory_.data());
  step_.work = take_step_work(arena, model, words);
  for (std::uint32_t* set : step_.work.exchange) {
    check(cudaMemsetAsync(set, 0xff, static_cast<std::size_t>(words) * sizeof *set, model_.context.stream),
          "clearing work space");
  }
  step_ids_ = HostIds(kStepRows);
  step_.work.ids = step_ids_.data();
  step_.model = model;
  step_.cache = cache_;
  for (const StepPlan& plan : step_plans_) prepare_step(model, cache_, plan);
}

void Session::create_fused_pass() {
  if (cache_.scales != nullptr) return;  // its attention reads values, not codes
  const TensorMaps maps;
  if (lengths_.limits().n_slots < FusedPass::kFewestRows || !FusedPass::takes(model_, maps)) return;
  if (plan_.max_rows() >= kStreamedRows) fused_.emplace(model_, maps, rows_.logits());
}

bool Session::is_step(const ib_forward_params& params) const {
  if (params.n_sequences > step_plan(params.n_sequences).max_rows) return false;
  const auto is_one = [](const ib_sequence& sequence) { return sequence.n_tokens == 1; };
  return std::all_of(params.sequences, params.sequences + params.n_sequences, is_one);
}

void Session::forward(const ib_forward_params& params) {
  lengths_.check(params);
  model_.context.use();
  StreamGuard guard(model_.context.stream);
  if (is_step(params)) {
    run_step(params);
  } else {
    plan_.begin(params, lengths_.held());
    while (plan_.next()) {
      if (fused_ && FusedPass::takes(plan_)) {
        fused_->run(plan_, cache_, params);
      } else {
        rows_.run(plan_, cache_, params);
      }
    }
  }
  guard.done();
  lengths_.advance(params);
}

void Session::run_step(const ib_forward_params& params) {
  model_.context.host.throw_if_cancelled();
  step_.n_rows = params.n_sequences;
  step_.plan = step_plan(step_.n_rows);
  step_.wants_head = 0;
  std::int32_t longest = 0;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    const ib_sequence& sequence = params.sequences[i];
    const bool wants_logits = sequence.output == IB_OUTPUT_LAST_LOGITS || sequence.output == IB_OUTPUT_ALL_LOGITS;
    step_.rows[i] = {sequence.tokens[0], lengths_[sequence.slot], sequence.slot, wants_logits ? 1 : 0};
    if (sequence.output != IB_OUTPUT_NONE) step_.wants_head = 1;
    longest = std::max(longest, lengths_[sequence.slot] + 1);
  }
  const std::int32_t n_blocks = model_.context.n_multiprocessors;
  step_.n_splits = attention_splits(step_.plan, model_.data().shape, step_.n_rows, longest, n_blocks);
  step_.exchange = plan_exchange(step_.plan, model_.data().shape, step_.n_rows, step_.n_splits);
  step_ids_.expect(step_.n_rows);
  launch_step(step_, n_blocks, model_.context.stream);
  step_.set ^= 1;
  step_.words_to_clear = exchange_words(step_.exchange, model_.data().shape);
  // A launch cannot be called back; it takes a millisecond or so. The host is asked while the device works.
  for (std::int32_t i = 1; i < model_.data().shape.n_layers; ++i) model_.context.host.throw_if_cancelled();
  copy_step_logits(params);
  if (step_.wants_head == 0) return check(cudaStreamSynchronize(model_.context.stream), "a step");
  step_ids_.await(step_.n_rows, model_.context.stream);
  std::int64_t n_ids = 0;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    if (params.sequences[i].output == IB_OUTPUT_GREEDY) params.ids[n_ids++] = step_ids_.data()[i];
  }
}

// Returns when they are there.
void Session::copy_step_logits(const ib_forward_params& params) {
  const cudaStream_t stream = model_.context.stream;
  const auto vocab = static_cast<std::int64_t>(model_.data().shape.vocab);
  std::int64_t n_logits = 0;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) {
    if (step_.rows[i].wants_logits == 0) continue;
    check(cudaMemcpyAsync(params.logits + n_logits++ * vocab, step_.work.logits + i * vocab,
                          static_cast<std::size_t>(vocab) * sizeof(float), cudaMemcpyDeviceToHost, stream),
          "copying logits");
  }
  if (n_logits > 0) check(cudaStreamSynchronize(stream), "a step");
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  lengths_.truncate(slot, n_past);
}

}  // namespace inferbench::cuda_backend
