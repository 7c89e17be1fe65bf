// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/dom_fields.hpp"
#include "support/error.hpp"
#include "support/field_list.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;
using testing::ElementsAre;
using testing::Eq;
using testing::HasSubstr;
using testing::ThrowsMessage;

enum class Colour { kRed, kBlue };

std::string colour_text(Colour colour) {
  return colour == Colour::kRed ? "red" : "blue";
}

std::optional<Colour> colour_from(const std::string& text) {
  if (text == "red") return Colour::kRed;
  if (text == "blue") return Colour::kBlue;
  return std::nullopt;
}

struct Extent {
  double length = 0;
  std::vector<double> steps;
  friend bool operator==(const Extent&, const Extent&) = default;
};

struct Thing {
  std::string name;
  std::string remark;
  std::string note;
  Colour colour = Colour::kRed;
  double weight = 0;
  std::optional<double> share;
  std::int32_t count = 0;
  std::int32_t later = 7;
  std::optional<std::uint64_t> size;
  std::uint64_t bytes = 0;
  std::optional<bool> truth;
  std::optional<Extent> extent;
  friend bool operator==(const Thing&, const Thing&) = default;
};

template <typename Archive, typename Value>
void walk_extent(Archive& archive, Value& extent) {
  archive.number("length", extent.length);
  archive.numbers("steps", extent.steps);
}

template <typename Archive, typename Value>
void walk_thing(Archive& archive, Value& thing) {
  archive.text("name", thing.name);
  archive.text_or_null("remark", thing.remark);
  archive.text_if_any("note", thing.note);
  archive.named("colour", thing.colour, colour_text, colour_from);
  archive.number_if(thing.weight > 0, "weight", thing.weight);
  archive.number("share", thing.share);
  archive.integer("count", thing.count);
  archive.later_integer("later", thing.later);
  archive.integer("size", thing.size);
  archive.bytes("bytes", thing.bytes);
  archive.truth("truth", thing.truth);
  archive.group("length", thing.extent, [](auto& inner, auto& extent) { walk_extent(inner, extent); });
  archive.derived("double_count", 2 * thing.count);
}

Json written(const Thing& thing) {
  Json object = Json::object();
  FieldWriter writer(object);
  walk_thing(writer, thing);
  return object;
}

Thing read(const Json& object) {
  Thing thing;
  const DomFields fields(object);
  FieldReader reader(fields);
  walk_thing(reader, thing);
  return thing;
}

TEST(FieldList, BothDirectionsWalkTheSameList) {
  const Thing full{"a", "b", "c", Colour::kBlue, 1.5, 0.25, 3, 4, 5U, 6, true, Extent{2, {1, 1}}};
  EXPECT_EQ(read(written(full)), full);
  EXPECT_EQ(read(written(Thing{})), Thing{});
}

TEST(FieldList, WritesNullForWhatIsAbsentAndKeepsItsKeys) {
  const Json object = written(Thing{});
  for (const char* key : {"remark", "weight", "share", "size", "bytes", "truth", "length"}) {
    ASSERT_TRUE(object.contains(key)) << key;
    EXPECT_TRUE(object[key].is_null()) << key;
  }
  EXPECT_EQ(object["steps"], Json::array());
  EXPECT_FALSE(object.contains("note"));
  EXPECT_EQ(object["double_count"], 0);
}

TEST(FieldList, ReadsRowsOfEarlierVersions) {
  Json object = written(Thing{});
  for (const char* key : {"later", "bytes", "truth", "share", "remark"}) object.erase(key);
  EXPECT_EQ(read(object), Thing{});
}

TEST(FieldList, NamesACodeThatNobodyKnows) {
  Json object = written(Thing{});
  object["colour"] = "green";
  EXPECT_THAT([&] { read(object); }, ThrowsMessage<Error>(HasSubstr("unknown colour 'green'")));
}

TEST(FieldList, MissingKeysAndIntegersBeyondTheirTypeThrow) {
  Json object = written(Thing{});
  object["count"] = std::int64_t{1} << 40;
  EXPECT_ANY_THROW(read(object));
  object = written(Thing{});
  object.erase("name");
  EXPECT_ANY_THROW(read(object));
}

}  // namespace
}  // namespace inferbench
