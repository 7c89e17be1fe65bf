// SPDX-License-Identifier: Apache-2.0
// Server-sent events, stop texts, and the text of metrics.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "http/prometheus.hpp"
#include "http/sse_parser.hpp"
#include "http/stop_matcher.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<SseEvent> events_of(const std::string& bytes, std::size_t piece) {
  SseParser parser;
  std::vector<SseEvent> events;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    parser.push(std::string_view(bytes).substr(at, piece));
    while (auto event = parser.next()) events.push_back(*event);
  }
  return events;
}

TEST(SseParser, AnyCutGivesTheSameEvents) {
  const std::string bytes =
      "\xEF\xBB\xBF"
      ": a comment\r\n"
      "data: one\r\n\r\n"
      "event: error\ndata:two\ndata:  lines\n\n"
      "id: 7\nretry: 10\n\n"  // no data, no event
      "data\rdata: x\r\r"     // an empty line of data
      "unknown: field\ndata: [DONE]\n\n"
      "data: unfinished";
  const std::vector<SseEvent> expected = {{"", "one"}, {"error", "two\n lines"}, {"", "\nx"}, {"", "[DONE]"}};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) EXPECT_EQ(events_of(bytes, piece), expected) << piece;
}

TEST(SseParser, KnowsThatItIsInsideAnEvent) {
  SseParser parser;
  EXPECT_FALSE(parser.is_inside_event());
  parser.push("data: x");
  EXPECT_TRUE(parser.is_inside_event());
  parser.push("\n");
  EXPECT_TRUE(parser.is_inside_event());
  parser.push("\n: end\n");
  EXPECT_FALSE(parser.is_inside_event());
}

TEST(SseParser, RefusesEventsWithoutAnEnd) {
  SseParser line(100);
  line.push(std::string(100, 'x'));
  EXPECT_THROW(line.push("x"), Error);
  SseParser lines(100);
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) lines.push("data: 12345\n");
      },
      Error);
  SseParser many(100);
  for (int i = 0; i < 100; ++i) many.push("data: 12345\n\n");  // each is small
  EXPECT_EQ(many.next()->data, "12345");
}

std::string shown(StopMatcher& matcher, const std::string& text, std::size_t piece) {
  std::string all;
  for (std::size_t at = 0; at < text.size(); at += piece) all += matcher.push(text.substr(at, piece));
  return all + matcher.flush();
}

TEST(StopMatcher, EndsBeforeTheFirstStopHoweverTheTextIsCut) {
  for (std::size_t piece = 1; piece < 20; ++piece) {
    StopMatcher matcher({"END", "aab"});
    EXPECT_EQ(shown(matcher, "xaaaab and END", piece), "xaa") << piece;
    EXPECT_TRUE(matcher.stopped());
    EXPECT_EQ(matcher.push("more"), "");
  }
}

TEST(StopMatcher, GivesBackWhatWasNoStop) {
  for (std::size_t piece = 1; piece < 20; ++piece) {
    StopMatcher matcher({"END", "aab"});
    EXPECT_EQ(shown(matcher, "ENaaEN", piece), "ENaaEN") << piece;
    EXPECT_FALSE(matcher.stopped());
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatMayBecomeAStop) {
  StopMatcher matcher({"\n\n"});
  EXPECT_EQ(matcher.push("line\n"), "line");
  EXPECT_EQ(matcher.push("next"), "\nnext");
}

TEST(Prometheus, WritesHistogramsAndEscapesLabels) {
  DurationHistogram histogram;
  histogram.add(0.001);  // on a bound
  histogram.add(0.3);
  histogram.add(100);  // above all
  PrometheusText text;
  text.histogram("h", "help", histogram);
  EXPECT_THAT(text.text(), HasSubstr("# TYPE h histogram\nh_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text.text(), HasSubstr("h_bucket{le=\"0.25\"} 1\nh_bucket{le=\"0.5\"} 2\n"));
  EXPECT_THAT(text.text(), HasSubstr("h_bucket{le=\"60\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 100.301\nh_count 3\n"));
  PrometheusText labels;
  labels.counters("c", "help", {"path", "status"}, {{{"a\"b\\c\nd", "200"}, 5}});
  EXPECT_THAT(labels.text(), HasSubstr("c{path=\"a\\\"b\\\\c\\nd\",status=\"200\"} 5\n"));
}

}  // namespace
}  // namespace inferbench
