// SPDX-License-Identifier: Apache-2.0
#include "conformance/subject.hpp"

#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include "support/error.hpp"
#include "support/precision.hpp"

namespace inferbench::conformance {

namespace {

struct Known {
  int bits;
  Tolerance tolerance;
};

// If activations are rounded to 8 bits, one last bit rounded differently moves logits by hundredths.
constexpr std::array<Known, 4> kKnown{{{32, {1e-4, 1e-4}}, {16, {2e-2, 2e-2}}, {8, {0.15, 0.05}}, {4, {0.15, 0.35}}}};

void clear(ib_error& error) {
  std::memset(error.message, '?', sizeof(error.message));
}

[[noreturn]] void fail(const char* function, ib_error& error) {
  error.message[sizeof(error.message) - 1] = '\0';
  throw Error(std::string(function) + ": " + error.message);
}

}  // namespace

Tolerance default_tolerance(std::string_view precision) {
  const Known* const known = row_by_bits(kKnown, precision);
  return known != nullptr ? known->tolerance : kKnown.back().tolerance;
}

bool says_its_bits(std::string_view precision) {
  return row_by_bits(kKnown, precision) != nullptr;
}

std::vector<OptionDescription> Subject::option_schema() const {
  if (stand_in == nullptr) return {plugin.options().begin(), plugin.options().end()};
  std::vector<OptionDescription> schema;
  for (std::uint64_t i = 0; i < stand_in->n_options; ++i) schema.push_back(describe_option(stand_in->options[i]));
  return schema;
}

Candidate::Candidate(const Subject& subject, const ib_model_desc& desc, std::int32_t n_threads, const ib_host* host,
                     const char* precision)
    : table_(subject.table()), vocab_(desc.vocab), context_size_(desc.context) {
  silent_.struct_size = sizeof(silent_);
  ib_init_params init{};
  init.struct_size = sizeof(init);
  init.host = host == nullptr ? &silent_ : host;
  init.n_threads = n_threads;
  clear(error_);
  if (table_.init(&init, &context_, &error_) != IB_OK) fail("init", error_);
  const OptionValues options(subject.option_schema(), subject.options);
  ib_model_params params{};
  params.struct_size = sizeof(params);
  params.desc = &desc;
  params.precision = precision == nullptr ? subject.precision.c_str() : precision;
  params.options = options.values().data();
  params.n_options = options.values().size();
  clear(error_);
  status_ = table_.model_create(context_, &params, &model_, &error_);
}

Candidate::~Candidate() {
  if (model_ != nullptr) table_.model_destroy(model_);
  table_.shutdown(context_);
}

Session::Session(const Candidate& model, std::int32_t n_slots, std::int32_t max_tokens, std::int32_t max_forward_tokens)
    : table_(model.table()), vocab_(model.vocab()) {
  ib_error error;
  if (model.status() != IB_OK) {
    error = model.error();
    fail("model_create", error);
  }
  ib_session_params params{};
  params.struct_size = sizeof(params);
  params.n_slots = n_slots;
  params.max_tokens = max_tokens == 0 ? model.context() : max_tokens;
  params.max_forward_tokens = max_forward_tokens;
  clear(error);
  if (table_.session_create(model.get(), &params, &session_, &error) != IB_OK) fail("session_create", error);
}

Session::~Session() {
  table_.session_destroy(session_);
}

ib_status Session::forward(const ib_forward_params& params, ib_error& error) const {
  clear(error);
  return table_.forward(session_, &params, &error);
}

ib_status Session::truncate(std::int32_t slot, std::int32_t n_past, ib_error& error) const {
  clear(error);
  return table_.session_truncate(session_, slot, n_past, &error);
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) const {
  ib_error error;
  if (truncate(slot, n_past, error) != IB_OK) fail("session_truncate", error);
}

std::vector<float> Session::all_logits(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()});
  return batch.logits(*this, IB_OUTPUT_ALL_LOGITS);
}

std::vector<float> Session::last_logits(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()});
  return batch.logits(*this, IB_OUTPUT_LAST_LOGITS);
}

std::int32_t Session::greedy(std::int32_t slot, std::span<const std::int32_t> ids) const {
  Batch batch;
  batch.add(slot, {ids.begin(), ids.end()});
  return batch.greedy(*this).front();
}

void Batch::add(std::int32_t slot, std::vector<std::int32_t> ids) {
  tokens_.push_back(std::move(ids));
  sequences_.push_back({slot, static_cast<std::int32_t>(tokens_.back().size()), nullptr});
}

ib_forward_params Batch::params() const {
  for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_[i].tokens = tokens_[i].data();
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences_.data();
  params.n_sequences = static_cast<std::int32_t>(sequences_.size());
  params.output = IB_OUTPUT_NONE;
  return params;
}

std::vector<float> Batch::logits(const Session& session, std::int32_t output) const {
  std::size_t rows = 0;
  for (const auto& ids : tokens_) rows += output == IB_OUTPUT_ALL_LOGITS ? ids.size() : 1;
  std::vector<float> logits(rows * static_cast<std::size_t>(session.vocab()));
  ib_forward_params call = params();
  call.output = output;
  call.logits = logits.data();
  call.logits_capacity = logits.size();
  ib_error error;
  if (session.forward(call, error) != IB_OK) fail("forward", error);
  return logits;
}

std::vector<std::int32_t> Batch::greedy(const Session& session) const {
  std::vector<std::int32_t> ids(sequences_.size(), -1);
  ib_forward_params call = params();
  call.output = IB_OUTPUT_GREEDY;
  call.ids = ids.data();
  call.ids_capacity = ids.size();
  ib_error error;
  if (session.forward(call, error) != IB_OK) fail("forward", error);
  return ids;
}

void Batch::advance(const Session& session) const {
  ib_error error;
  if (session.forward(params(), error) != IB_OK) fail("forward", error);
}

}  // namespace inferbench::conformance
