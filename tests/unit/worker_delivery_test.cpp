// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "model/model.hpp"
#include "support/test_paths.hpp"
#include "text/model_text.hpp"
#include "worker/text_delivery.hpp"

namespace inferbench {
namespace {

// The events' texts of the request, and how its last event says that it ended.
struct Received {
  std::vector<std::string> texts;
  std::string finish;
};

Received received_by(RequestId id, const std::string& bytes) {
  Received received;
  std::istringstream lines(bytes);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const auto event = nlohmann::json::parse(line.substr(std::string("data: ").size()));
    if (event.at("id") != id) continue;
    const auto& choice = event.at("choices").at(0);
    received.texts.push_back(choice.at("text"));
    if (!choice.at("finish_reason").is_null()) received.finish = choice.at("finish_reason");
  }
  return received;
}

TEST(TextDelivery, AStreamHasAnEventPerTokenAndAWholeAnswerIsOne) {
  const Tokenizer tokenizer = tokenizer_of(Model::open(std::string(test_paths::kData) + "/shakespeare"));
  const std::string text = "To be, or not to \u00fcbe";
  RequestOutcome outcome;
  outcome.id = 1;
  outcome.reason = FinishReason::kLength;
  outcome.ids = tokenizer.encode(text);
  for (const auto& [delivery, events] :
       {std::pair{Delivery::kStream, outcome.ids.size() + 1}, {Delivery::kWhole, std::size_t{1}}}) {
    std::string bytes;
    {
      TextDelivery sent(tokenizer, delivery, 3, [&](std::string_view more) { bytes += more; });
      for (const std::int32_t id : outcome.ids) {
        sent.token(2, id);
        sent.token(1, id);
      }
      sent.ended(outcome);
      EXPECT_GT(sent.spent_ns(), 0U);
    }
    const Received received = received_by(1, bytes);
    EXPECT_EQ(received.texts.size(), events);
    std::string all;
    for (const std::string& one : received.texts) all += one;
    EXPECT_EQ(all, text);
    EXPECT_EQ(received.finish, "length");
  }
}

}  // namespace
}  // namespace inferbench
