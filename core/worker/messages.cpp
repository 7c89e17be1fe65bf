// SPDX-License-Identifier: Apache-2.0
#include "worker/messages.hpp"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/one_line.hpp"
#include "worker/frame.hpp"
#include "worker/serving_request.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::int32_t kMaxThreads = 4096;
constexpr std::int64_t kMaxTokens = std::int64_t{1} << 26;
constexpr double kMaxTimeoutS = 1e9;

// Turns nlohmann's exceptions into ProtocolError.
template <typename Read>
auto reading(Read read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    throw ProtocolError(std::string("malformed message: ") + error.what());
  } catch (const Error& error) {
    throw ProtocolError(error.what());
  }
}

void require_sane(bool good, const char* what) {
  if (!good) throw ProtocolError(std::string("malformed message: invalid ") + what);
}

// get<int32_t> would wrap around on overflow.
std::int32_t int32_of(const Json& object, const char* key, std::int64_t low, std::int64_t high) {
  const auto value = integer_of<std::int64_t>(object.at(key));
  require_sane(value >= low && value <= high, key);
  return static_cast<std::int32_t>(value);
}

double timeout_of(const Json& object) {
  const auto timeout = object.at("timeout_s").get<double>();
  require_sane(timeout >= 0 && timeout <= kMaxTimeoutS, "timeout_s");
  return timeout;
}

}  // namespace

Json hello_message() {
  return {{"hello", kProtocolVersion}};
}

Json load_message(std::uint64_t sequence, const LoadRequest& request) {
  return {{"sequence", sequence},
          {"op", "load"},
          {"request",
           {{"contender", request.contender},
            {"plugin", request.plugin},
            {"model", request.model},
            {"model_base", request.model_base},
            {"precision", request.precision},
            {"options", request.options},
            {"device", request.device},
            {"threads", request.threads},
            {"cache", to_string(request.cache)},
            {"timeout_s", request.timeout_s},
            {"memory_bytes", request.memory_bytes}}}};
}

Json run_message(std::uint64_t sequence, const TrialRequest& request) {
  Json object{{"batch", request.batch},
              {"prompt_tokens", request.prompt_tokens},
              {"generate_tokens", request.generate_tokens},
              {"past_tokens", request.past_tokens},
              {"prompts", request.prompts},
              {"timeout_s", request.timeout_s},
              {"profile", request.profile},
              {"check_logits", request.check_logits}};
  if (request.serving) object["serving"] = to_json(*request.serving);
  return {{"sequence", sequence}, {"op", "run"}, {"request", std::move(object)}};
}

Json judge_message(std::uint64_t sequence, const WindowRequest& request) {
  return {{"sequence", sequence}, {"op", "judge"}, {"request", to_json(request)}};
}

Json margin_message(std::uint64_t sequence, const MarginRequest& request) {
  return {{"sequence", sequence}, {"op", "margin"}, {"request", to_json(request)}};
}

Json prepare_message(std::uint64_t sequence, const OperatorRequest& request) {
  return {{"sequence", sequence}, {"op", "prepare"}, {"request", to_json(request)}};
}

Json sample_message(std::uint64_t sequence, const OperatorSampleRequest& request) {
  return {{"sequence", sequence}, {"op", "sample"}, {"request", to_json(request)}};
}

Json unload_message(std::uint64_t sequence) {
  return {{"sequence", sequence}, {"op", "unload"}, {"request", Json::object()}};
}

Json teardown_message(std::string_view call, std::string_view problem) {
  return {{"teardown", one_line(call)}, {"problem", one_line(problem)}};
}

std::optional<TeardownStep> teardown_step_of(const Json& message) {
  if (!message.is_object() || !message.contains("teardown")) return std::nullopt;
  return reading([&] {
    return TeardownStep{one_line(message.at("teardown").get<std::string>()),
                        one_line(message.at("problem").get<std::string>())};
  });
}

Json outcome_message(std::uint64_t sequence, Json outcome) {
  return {{"sequence", sequence}, {"outcome", std::move(outcome)}};
}

void check_hello(const Json& message) {
  const int version = reading([&] { return integer_of<int>(message.at("hello")); });
  if (version != kProtocolVersion) {
    throw ProtocolError(fmt::format("the worker speaks protocol {}, not {}", version, kProtocolVersion));
  }
}

std::uint64_t sequence_of(const Json& message) {
  return reading([&] { return integer_of<std::uint64_t>(message.at("sequence")); });
}

Operation operation_of(const Json& message) {
  const auto name = reading([&] { return message.at("op").get<std::string>(); });
  if (name == "load") return Operation::kLoad;
  if (name == "run") return Operation::kRun;
  if (name == "judge") return Operation::kJudge;
  if (name == "margin") return Operation::kMargin;
  if (name == "prepare") return Operation::kPrepare;
  if (name == "sample") return Operation::kSample;
  if (name == "unload") return Operation::kUnload;
  throw ProtocolError("malformed message: unknown operation");
}

LoadRequest load_request_of(const Json& message) {
  return reading([&] {
    const Json& object = message.at("request");
    LoadRequest request;
    request.contender = object.at("contender").get<std::string>();
    request.plugin = object.at("plugin").get<std::string>();
    request.model = object.at("model").get<std::string>();
    request.model_base = object.at("model_base").get<std::string>();
    request.precision = object.at("precision").get<std::string>();
    request.options = object.at("options").get<std::map<std::string, std::string>>();
    request.device = object.at("device").get<std::string>();
    request.threads = int32_of(object, "threads", 1, kMaxThreads);
    const auto cache = page_cache_from(object.at("cache").get<std::string>());
    require_sane(cache.has_value(), "cache");
    request.cache = *cache;
    request.timeout_s = timeout_of(object);
    request.memory_bytes = integer_of<std::uint64_t>(object.at("memory_bytes"));
    return request;
  });
}

TrialRequest trial_request_of(const Json& message) {
  return reading([&] {
    const Json& object = message.at("request");
    TrialRequest request;
    request.batch = int32_of(object, "batch", 1, kMaxTokens);
    request.prompt_tokens = int32_of(object, "prompt_tokens", 1, kMaxTokens);
    request.generate_tokens = int32_of(object, "generate_tokens", 1, kMaxTokens);
    request.past_tokens = int32_of(object, "past_tokens", 0, kMaxTokens);
    request.prompts = object.at("prompts").get<std::vector<std::int32_t>>();
    request.timeout_s = timeout_of(object);
    request.profile = object.at("profile").get<bool>();
    request.check_logits = object.at("check_logits").get<bool>();
    const auto batch = static_cast<std::int64_t>(request.batch);
    if (object.contains("serving")) {
      request.serving = serving_request_from(object.at("serving"));
      require_sane(prompt_ids_of(*request.serving) == request.prompts.size(), "number of prompt ids");
      return request;
    }
    require_sane(batch * (request.past_tokens + std::int64_t{request.prompt_tokens}) ==
                     static_cast<std::int64_t>(request.prompts.size()),
                 "number of prompt ids");
    require_sane(batch * request.generate_tokens <= kMaxTokens, "number of tokens");
    return request;
  });
}

WindowRequest window_request_of(const Json& message) {
  return reading([&] {
    timeout_of(message.at("request"));
    return window_request_from(message.at("request"));
  });
}

MarginRequest margin_request_of(const Json& message) {
  return reading([&] {
    timeout_of(message.at("request"));
    return margin_request_from(message.at("request"));
  });
}

OperatorRequest prepare_request_of(const Json& message) {
  return reading([&] {
    timeout_of(message.at("request"));
    OperatorRequest request = operator_request_from(message.at("request"));
    require_sane(request.threads <= kMaxThreads, "number of threads");
    return request;
  });
}

OperatorSampleRequest sample_request_of(const Json& message) {
  return reading([&] {
    timeout_of(message.at("request"));
    return operator_sample_request_from(message.at("request"));
  });
}

const Json& outcome_of(const Json& message, std::uint64_t sequence) {
  if (sequence_of(message) != sequence) throw ProtocolError("the answer belongs to another request");
  const auto found = message.find("outcome");
  if (found == message.end() || !found->is_object()) throw ProtocolError("the answer has no outcome");
  return *found;
}

}  // namespace inferbench
