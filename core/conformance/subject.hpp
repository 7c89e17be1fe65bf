// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "conformance/test_model.hpp"
#include "plugin/backend.hpp"

namespace inferbench::conformance {

/// What counts as equal, in standard deviations of the logits.
struct Tolerance {
  double rounding = 0;  ///< "up to rounding": the greatest difference between two ways to feed the same tokens
  double numerics = 0;  ///< root mean square of the difference to the float64 reference
};

/// By the bits that the precision's name says; as for the widest where it says none.
Tolerance default_tolerance(std::string_view precision);
/// Whether the precision's name says how many bits it has.
bool says_its_bits(std::string_view precision);

/// The backend that is examined, and how it is set up.
struct Subject {
  Plugin plugin;
  std::string precision;                       ///< never empty
  std::map<std::string, std::string> options;  ///< the others have their defaults
  Tolerance tolerance;
  std::string judged_as;                 ///< the precision that `tolerance` is of; never empty
  const ib_backend* stand_in = nullptr;  ///< examined in the plugin's place where not null

  const ib_backend& table() const { return stand_in != nullptr ? *stand_in : plugin.table(); }
  std::vector<OptionDescription> option_schema() const;
};

/// model_create through the raw table, on a context of its own. What fails is kept, not thrown.
class Candidate {
 public:
  /// `precision` null: the subject's. `host` null: one without callbacks.
  Candidate(const Subject& subject, const ib_model_desc& desc, std::int32_t n_threads = 2,
            const ib_host* host = nullptr, const char* precision = nullptr);
  ~Candidate();
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  ib_status status() const { return status_; }
  const ib_error& error() const { return error_; }
  ib_model* get() const { return model_; }
  const ib_model_info& info() const { return *table_.model_info(model_); }
  const ib_backend& table() const { return table_; }
  std::int32_t vocab() const { return vocab_; }
  std::int32_t context() const { return context_size_; }

 private:
  const ib_backend& table_;
  std::int32_t vocab_;
  std::int32_t context_size_;
  ib_host silent_{};  // lives as long as the context
  ib_context* context_ = nullptr;
  ib_model* model_ = nullptr;
  ib_status status_ = IB_INTERNAL;
  ib_error error_{};
};

/// A session through the raw table. Throws Error where it cannot be made.
class Session {
 public:
  /// `max_tokens` 0: the model's context.
  explicit Session(const Candidate& model, std::int32_t n_slots = 1, std::int32_t max_tokens = 0,
                   std::int32_t max_forward_tokens = 0);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  ib_session* get() const { return session_; }
  const ib_session_info& info() const { return *table_.session_info(session_); }

  /// Status and message; the message is '?' throughout where none was written.
  ib_status forward(const ib_forward_params& params, ib_error& error) const;
  ib_status truncate(std::int32_t slot, std::int32_t n_past, ib_error& error) const;

  // The same for calls that must succeed; they throw Error.
  void truncate(std::int32_t slot, std::int32_t n_past = 0) const;
  std::vector<float> all_logits(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::vector<float> last_logits(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::int32_t greedy(std::int32_t slot, std::span<const std::int32_t> ids) const;
  std::int32_t vocab() const { return vocab_; }

 private:
  const ib_backend& table_;
  std::int32_t vocab_;
  ib_session* session_ = nullptr;
};

/// Sequences for one call of forward, which own their tokens.
class Batch {
 public:
  void add(std::int32_t slot, std::vector<std::int32_t> ids);
  /// Logits [rows, vocab] for IB_OUTPUT_LAST_LOGITS or IB_OUTPUT_ALL_LOGITS. Throws Error.
  std::vector<float> logits(const Session& session, std::int32_t output) const;
  std::vector<std::int32_t> greedy(const Session& session) const;
  void advance(const Session& session) const;  ///< IB_OUTPUT_NONE

  /// Parameters with no output; borrow from *this.
  ib_forward_params params() const;

 private:
  std::vector<std::vector<std::int32_t>> tokens_;
  mutable std::vector<ib_sequence> sequences_;
};

}  // namespace inferbench::conformance
