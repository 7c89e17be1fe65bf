// SPDX-License-Identifier: Apache-2.0
#include "http/random_prompt.hpp"

#include <array>
#include <string_view>

namespace inferbench {

namespace {

constexpr std::array<std::string_view, kPromptWords> kWords{
    "time",  "year",    "people", "way",     "day",     "man",     "thing",    "woman",    "life",   "child",
    "world", "school",  "state",  "family",  "student", "group",   "country",  "problem",  "hand",   "part",
    "place", "case",    "week",   "company", "system",  "program", "question", "work",     "night",  "number",
    "point", "home",    "water",  "room",    "mother",  "area",    "money",    "story",    "fact",   "month",
    "lot",   "right",   "study",  "book",    "eye",     "job",     "word",     "business", "issue",  "side",
    "kind",  "head",    "house",  "service", "friend",  "father",  "power",    "hour",     "game",   "line",
    "end",   "member",  "law",    "car",     "city",    "name",    "team",     "minute",   "idea",   "kid",
    "body",  "back",    "parent", "face",    "level",   "office",  "door",     "health",   "person", "art",
    "war",   "history", "party",  "result",  "change",  "morning", "reason",   "girl",     "moment", "air",
    "force", "foot",    "age",    "policy",  "music",   "market",  "sense",    "death",    "plan",   "interest",
    "class", "field",   "paper",  "road",    "tree",    "food",    "king",     "land",     "light",  "voice",
    "north", "south",   "east",   "west",    "river",   "sea",     "sun",      "moon",     "star",   "fire",
    "stone", "wood",    "gold",   "iron",    "blood",   "heart",   "mind",     "soul"};

}  // namespace

std::string_view prompt_word(std::size_t number) {
  return kWords.at(number);
}

std::string random_prompt(std::int32_t n, SplitMix64& random) {
  std::string text;
  for (std::int32_t i = 0; i < n; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random.below(kWords.size())];
  }
  return text;
}

}  // namespace inferbench
