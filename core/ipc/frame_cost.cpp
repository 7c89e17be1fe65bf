// SPDX-License-Identifier: Apache-2.0
#include "ipc/frame_cost.hpp"

#include <fmt/core.h>

#include <cstdint>
#include <random>
#include <span>

#include "results/outcome_json.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kLengthBytes = 4;  // before a frame's payload

// Ids and times with as many digits as real ones, since their encoded size depends on it.
SampleMessage request(std::int32_t batch, std::int32_t prompt_tokens) {
  std::mt19937 random(1);
  std::uniform_int_distribution<std::int32_t> id(0, 50256);
  TrialRequest request;
  request.batch = batch;
  request.prompt_tokens = prompt_tokens;
  request.generate_tokens = 64;
  for (std::int32_t i = 0; i < batch * prompt_tokens; ++i) request.prompts.push_back(id(random));
  return {fmt::format("request, {}", counted(request.prompts.size(), "prompt id")), true, run_message(1, request)};
}

SampleMessage outcome(std::size_t n_tokens, std::size_t n_operations) {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> gap_ms(5, 10);
  TrialOutcome outcome;
  outcome.status = TrialStatus::kOk;
  outcome.digest = "00112233445566aa";
  TrialMetrics metrics;
  for (std::size_t i = 1; i < n_tokens; ++i) metrics.inter_token_ms.push_back(gap_ms(random));
  outcome.metrics = metrics;
  std::uint64_t now = 1'700'000'000'000'000;
  for (std::size_t i = 0; i < n_operations; ++i) {
    const auto duration = static_cast<std::uint64_t>(gap_ms(random) * 1e4);
    outcome.profile.push_back(
        {"attn.c_attn", static_cast<std::int32_t>(i % 12), 0, now, now + duration, 1769472, 3538944});
    now += duration;
  }
  const std::string what = n_operations == 0
                               ? fmt::format("outcome, {}", counted(n_tokens, "token"))
                               : fmt::format("outcome, profile of {}", counted(n_operations, "operation"));
  return {what, false, outcome_message(1, to_json(outcome))};
}

FrameCost message_pack(const SampleMessage& sample, const CostEffort& effort) {
  std::vector<std::uint8_t> frame = encode_frame(sample.message);
  const std::span payload = std::span<const std::uint8_t>(frame).subspan(kLengthBytes);
  nlohmann::json decoded = decode_payload(payload);
  if (decoded != sample.message) throw Error("a frame changed in the round trip: " + sample.what);
  FrameCost cost{sample.what, "MessagePack", frame.size(), {}, {}};
  std::vector<std::uint8_t> encoded;
  cost.encode = measure_cost(effort, 1, [&] { encoded = encode_frame(sample.message); });
  cost.decode = measure_cost(effort, 1, [&] { decoded = decode_payload(payload); });
  return cost;
}

FrameCost json_text(const SampleMessage& sample, const CostEffort& effort) {
  const std::string text = sample.message.dump();
  nlohmann::json decoded = nlohmann::json::parse(text);
  if (decoded != sample.message) throw Error("JSON changed in the round trip: " + sample.what);
  FrameCost cost{sample.what, "JSON", kLengthBytes + text.size(), {}, {}};
  std::string encoded;
  cost.encode = measure_cost(effort, 1, [&] { encoded = sample.message.dump(); });
  cost.decode = measure_cost(effort, 1, [&] { decoded = nlohmann::json::parse(text); });
  return cost;
}

}  // namespace

std::vector<SampleMessage> sample_messages() {
  std::vector<SampleMessage> messages;
  messages.push_back(request(1, 32));
  messages.push_back(request(8, 1024));
  messages.push_back(request(64, 1024));
  messages.push_back(outcome(512, 0));
  messages.push_back(outcome(512, 10000));
  return messages;
}

std::vector<FrameCost> measure_frames(const std::vector<SampleMessage>& messages, const CostEffort& effort) {
  std::vector<FrameCost> costs;
  for (const SampleMessage& sample : messages) {
    costs.push_back(message_pack(sample, effort));
    costs.push_back(json_text(sample, effort));
  }
  return costs;
}

}  // namespace inferbench
