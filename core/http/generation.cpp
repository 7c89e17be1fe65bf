// SPDX-License-Identifier: Apache-2.0
#include "http/generation.hpp"

#include <nlohmann/json.hpp>
#include <span>

#include "support/json_integer.hpp"
#include "worker/frame.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

std::string packed(const Json& message) {
  std::string bytes;
  Json::to_msgpack(message, bytes);
  return bytes;
}

// The backend's process may write anything here, so the shape is checked.
template <typename Value, typename Read>
Value unpacked(std::string_view bytes, const Read& read) {
  const Json message = decode_payload({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  try {
    return read(message);
  } catch (const Json::exception& error) {
    throw ProtocolError(std::string("malformed message: ") + error.what());
  }
}

Json request_json(const GenerationRequest& request) {
  return {request.id,
          request.prompt,
          request.max_tokens,
          {request.sampling.temperature, request.sampling.top_k, request.sampling.top_p, request.sampling.seed},
          request.stop_ids,
          request.logprobs};
}

std::vector<std::int32_t> read_tokens(const Json& json) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(json.size());
  for (const Json& token : json) tokens.push_back(integer_of<std::int32_t>(token));
  return tokens;
}

GenerationRequest read_request(const Json& json) {
  GenerationRequest request;
  request.id = integer_of<std::uint64_t>(json.at(0));
  request.prompt = read_tokens(json.at(1));
  request.max_tokens = integer_of<std::int32_t>(json.at(2));
  const Json& sampling = json.at(3);
  request.sampling = {sampling.at(0).get<double>(), integer_of<std::int32_t>(sampling.at(1)),
                      sampling.at(2).get<double>(), integer_of<std::uint64_t>(sampling.at(3))};
  request.stop_ids = read_tokens(json.at(4));
  request.logprobs = integer_of<std::int32_t>(json.at(5));
  return request;
}

Json event_json(const GenerationEvent& event) {
  if (event.ended) {
    return {event.id, event.time_ns, to_string(event.reason), event.error, event.submit_ns, event.admitted_ns};
  }
  Json json = {event.id, event.time_ns, event.token, event.logprob};
  for (const auto& [token, logprob] : event.top) {
    json.push_back(token);
    json.push_back(logprob);
  }
  return json;
}

GenerationEvent read_event(const Json& json) {
  GenerationEvent event;
  event.id = integer_of<std::uint64_t>(json.at(0));
  event.time_ns = integer_of<std::uint64_t>(json.at(1));
  event.ended = json.at(2).is_string();
  if (event.ended) {
    event.reason = finish_reason_from(json.at(2).get<std::string>()).value_or(FinishReason::kFailed);
    event.error = json.at(3).get<std::string>();
    event.submit_ns = integer_of<std::uint64_t>(json.at(4));
    event.admitted_ns = integer_of<std::uint64_t>(json.at(5));
    return event;
  }
  event.token = integer_of<std::int32_t>(json.at(2));
  event.logprob = json.at(3).get<double>();
  for (std::size_t i = 4; i + 1 < json.size(); i += 2) {
    event.top.emplace_back(integer_of<std::int32_t>(json.at(i)), json.at(i + 1).get<double>());
  }
  return event;
}

}  // namespace

std::string encode_orders(const GenerationOrders& orders) {
  Json submit = Json::array();
  for (const GenerationRequest& request : orders.submit) submit.push_back(request_json(request));
  return packed(Json::array({std::move(submit), orders.cancel}));
}

GenerationOrders decode_orders(std::string_view bytes) {
  return unpacked<GenerationOrders>(bytes, [](const Json& message) {
    GenerationOrders orders;
    for (const Json& request : message.at(0)) orders.submit.push_back(read_request(request));
    for (const Json& id : message.at(1)) orders.cancel.push_back(integer_of<std::uint64_t>(id));
    return orders;
  });
}

std::string encode_events(const std::vector<GenerationEvent>& events) {
  Json list = Json::array();
  for (const GenerationEvent& event : events) list.push_back(event_json(event));
  return packed(list);
}

std::vector<GenerationEvent> decode_events(std::string_view bytes) {
  return unpacked<std::vector<GenerationEvent>>(bytes, [](const Json& message) {
    if (!message.is_array()) throw ProtocolError("malformed message: not a list of events");
    std::vector<GenerationEvent> events;
    events.reserve(message.size());
    for (const Json& event : message) events.push_back(read_event(event));
    return events;
  });
}

}  // namespace inferbench
