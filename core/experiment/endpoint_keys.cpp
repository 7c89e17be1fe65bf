// SPDX-License-Identifier: Apache-2.0
// The key rows of servers in `backends`.
#include <fmt/format.h>

#include <algorithm>

#include "experiment/bounds.hpp"
#include "experiment/experiment.hpp"
#include "experiment/key_rows.hpp"

namespace inferbench {

namespace {

std::vector<Key> endpoint_rows() {
  return {
      {.path = "backends.endpoint",
       .alternative = "plugin",
       .meaning =
           "A running server that speaks OpenAI's HTTP API, in place of a backend: its address up to `/v1`. It is "
           "measured at all points with a scenario other than `batch`.",
       .example = "\"http://127.0.0.1:8080/v1\""},
      {.path = "backends.model",
       .needs_value = true,
       .fallback_words = "none: an endpoint needs it",
       .meaning = "Endpoint: the model's name at the server. It should be the model of `models`, whose vocabulary, "
                  "context and tokenizer are used for the prompts.",
       .example = "gpt2"},
      {.path = "backends.api_key_env",
       .fallback_words = "no key is sent",
       .meaning = "Endpoint: the environment variable that contains the API key. The key itself is written nowhere.",
       .example = "MY_API_KEY"},
      {.path = "backends.chat",
       .type = KeyType::kFlag,
       .fallback = "false",
       .meaning = "Endpoint: use chat completions. The server adds the tokens of its chat format.",
       .example = "true"},
      {.path = "backends.prompts",
       .type = KeyType::kChoice,
       .fallback = "auto",
       .choices = {"auto", "ids", "text"},
       .meaning =
           "Endpoint: send prompts as token ids or as text. `auto` asks the server once whether it takes ids. A "
           "text of random words has as many tokens as the other contenders' prompts by the model's tokenizer, if "
           "it has one.",
       .example = "text"},
      {.path = "backends.timeout_s",
       .type = KeyType::kNumber,
       .fallback_words = "`limits.timeout_s`",
       .unit = "s",
       .least = 0.001,
       .most = kMaxTimeoutS,
       .meaning = "Endpoint: longest time of a request, which then counts as failed.",
       .example = "30"},
  };
}

}  // namespace

std::vector<Key> backend_or_endpoint_rows() {
  std::vector<Key> rows = backend_rows();
  for (Key& row : rows) {
    if (row.path != "backends.plugin") continue;
    row.required = false;
    row.alternative = "endpoint";
    row.fallback_words = "required, or `endpoint`";
  }
  const std::vector<Key> added = endpoint_rows();
  const auto end = std::find_if(rows.begin(), rows.end(), [](const Key& row) { return row.path == "baseline"; });
  rows.insert(end, added.begin(), added.end());
  return rows;
}

}  // namespace inferbench
