// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llama.h>

#include <cstdint>
#include <memory>

#include "log.hpp"
#include "model.hpp"

namespace inferbench::llama_cpp {

struct FreeLlamaContext {
  void operator()(llama_context* context) const { llama_free(context); }
};

/// A llama_context: each slot is one of its sequences, with a KV cache of its own. Throws Failure, std::bad_alloc.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  std::int32_t end_of_piece(std::int32_t begin, std::size_t first_output) const;
  void decode(std::int32_t begin, std::int32_t end);
  void write_outputs(const ib_forward_params& params, std::int32_t begin, std::int32_t end,
                     std::size_t& next_output) const;
  void check_windows(const ContextMessages& messages) const;
  void measure(std::uint64_t work_bytes);

  const Model& model_;
  SlotLengths lengths_;
  PassPlan plan_;
  std::int32_t most_outputs_;  ///< rows of logits that llama.cpp holds at once
  std::vector<std::int32_t> slot_of_row_;
  std::unique_ptr<llama_context, FreeLlamaContext> context_;
  llama_batch batch_{};
  ib_session_info info_{};

 public:
  ~Session() { llama_batch_free(batch_); }
};

}  // namespace inferbench::llama_cpp
