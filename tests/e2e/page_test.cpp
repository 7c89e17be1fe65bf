// SPDX-License-Identifier: Apache-2.0
// The HTML page in a real browser: it opens without errors, shows failures first, sorts, filters, draws, is complete
// at every width in light and dark mode, and prints.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "e2e/full_run.hpp"
#include "e2e/page_browser.hpp"
#include "e2e/page_runs.hpp"
#include "e2e/small_run.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using test::kHostileName;
using test::Scheme;
using test::small_run;

std::string make_page(const std::string& run = small_run()) {
  const ProgramResult result = run_program({"report", run, "--format", "html", "-o", "-"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

/// The page of a run with everything that a page can show.
std::string make_full_page() {
  const test::TemporaryFolder run;
  test::write_full_run(run.path());
  return make_page(run.path().string());
}

/// The results of tests/e2e/page_probe.js on the page.
nlohmann::json probe_page(const std::string& chromium, const std::string& page) {
  return test::probe_pages(chromium, {page}, {1300}, Scheme::kLight, "page_probe.js")[0][0];
}

// "28.35" -> 28.35; an empty cell becomes -1.
std::vector<double> numbers(const nlohmann::json& texts) {
  std::vector<double> values;
  for (const std::string text : texts) values.push_back(text.empty() ? -1 : std::stod(text));
  return values;
}

class Page : public testing::Test {
 protected:
  void SetUp() override {
    chromium_ = test::find_chromium();
    if (chromium_.empty()) GTEST_SKIP() << "no chromium in PATH: the page was not opened (apt-get install chromium)";
  }
  std::string chromium_;
};

TEST(PageText, HasOneScriptOfDataAndNoAddressToLoadFrom) {
  const std::string page = make_page();
  const std::string open = "<script type=\"application/json\" id=\"report-data\">";
  const std::size_t begin = page.find(open) + open.size();
  const std::size_t end = page.find("</script>", begin);
  const std::string data = page.substr(begin, end - begin);
  EXPECT_THAT(data, Not(HasSubstr("<")));
  const auto report = nlohmann::json::parse(data);
  EXPECT_EQ(report.at("run").at("contenders").at(3).at("name"), kHostileName);
  // The page's numbers must equal those of the JSON report, which has its own test.
  const ProgramResult json = run_program({"report", small_run(), "--format", "json"});
  EXPECT_EQ(report, nlohmann::json::parse(json.out));
  const std::string rest = page.substr(0, begin) + page.substr(end);
  for (const char* loads : {" src=", "@import", "url(", "<link", "fetch(", "XMLHttpRequest"}) {
    EXPECT_THAT(rest, Not(HasSubstr(loads)));
  }
  EXPECT_THAT(rest, Not(HasSubstr("@DATA@")));
  EXPECT_THAT(rest, HasSubstr("default-src 'none'"));
}

TEST_F(Page, SortsAndFiltersAndDraws) {
  const nlohmann::json seen = probe_page(chromium_, make_page());
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  EXPECT_EQ(seen.at("alerts"), 0);
  EXPECT_EQ(seen.at("title"), "run_small");
  EXPECT_THAT(seen.at("sections"),
              ElementsAre("Failures", "Verdict", "Speeds at every point", "Charts", "Targets", "All results",
                          "Analysis", "How it was measured", "Environment", "Experiment"));
  EXPECT_EQ(seen.at("contents"), seen.at("sections"));
  ASSERT_THAT(seen.at("contenders"), SizeIs(20));
  EXPECT_EQ(seen.at("contenders").at(3), kHostileName);
  const auto down = numbers(seen.at("sorted"));
  EXPECT_TRUE(std::is_sorted(down.rbegin(), down.rend())) << seen.at("sorted");
  EXPECT_EQ(seen.at("sortedMark"), "descending");
  auto up = numbers(seen.at("sortedBack"));
  EXPECT_THAT(std::vector<double>(up.end() - 4, up.end()), Each(-1)) << "what has no value stays last";
  up.resize(up.size() - 4);
  EXPECT_TRUE(std::is_sorted(up.begin(), up.end())) << seen.at("sortedBack");
  EXPECT_THAT(seen.at("filtered"), SizeIs(4));
  EXPECT_THAT(seen.at("filtered"), Each("cpu_quant:int8"));
  EXPECT_EQ(seen.at("count"), "4 of 20 rows");
  EXPECT_THAT(seen.at("legend"),
              ElementsAre("reference", "cpu_quant:int8", "cpu_quant:int4", kHostileName, "crashing"));
  EXPECT_GE(seen.at("charts").size(), 5U);
  for (const auto& chart : seen.at("charts")) {
    const std::string title = chart.at("title");
    EXPECT_GE(chart.at("colours"), 4) << title << " is empty";
    EXPECT_GE(chart.at("numbers"), 4) << title;
    EXPECT_EQ(chart.at("log"), title.ends_with("throughput")) << title;
    EXPECT_THAT(chart.at("text").get<std::string>(), HasSubstr("reference: "));
  }
}

TEST_F(Page, BeginsWithWhatMatters) {
  const test::TemporaryFolder folder;
  test::page_runs().at(1).write(folder.path());  // the run with failures
  const nlohmann::json seen = probe_page(chromium_, make_page(folder.path().string()));
  ASSERT_FALSE(seen.is_null());
  EXPECT_EQ(seen.at("sections").at(0), "Wrong output and failures");
  const auto& failures = seen.at("tables").at("failures").at(0);
  ASSERT_THAT(failures, SizeIs(4));  // one row per contender and reason, not per point
  EXPECT_EQ(failures.at(0).at(0), "wrong_output");
  EXPECT_EQ(failures.at(0).at(1), "drifting");
  EXPECT_THAT(failures.at(0).at(2).get<std::string>(), testing::EndsWith("wiki.validation.tokens)"));
  EXPECT_EQ(failures.at(0).at(3), "28");
  EXPECT_EQ(failures.at(0).at(4), "all 4");
  EXPECT_EQ(failures.at(1).at(3), "8, then 20 skipped");
  EXPECT_EQ(failures.at(2).at(4), "2 of 4");
  EXPECT_EQ(failures.at(3).at(4), "synthetic:gpt2: prompt 512, generate 64, batch 4, threads 2");
  const auto& facts = seen.at("facts");
  EXPECT_EQ(facts.at("processor"), "AMD EPYC 7763 64-Core Processor");
  EXPECT_EQ(facts.at("cores"), "2 of 4 usable");
  EXPECT_EQ(facts.at("memory"), "23.5 GiB");
  EXPECT_EQ(facts.at("system"), "Debian GNU/Linux 12 (bookworm), Linux 6.1.0-18-amd64");
  EXPECT_EQ(facts.at("model"), "synthetic:gpt2 (124M parameters)");
  EXPECT_EQ(facts.at("blocks"), "7");
  EXPECT_THAT(facts.at("trials").get<std::string>(), HasSubstr("failed"));
  // The forest plot: ordered by rank, each dot inside its interval, to the right of 1x if faster.
  const auto& decode = seen.at("forests").at(0);
  ASSERT_THAT(decode, SizeIs(6));
  EXPECT_EQ(decode.at(0).at("name"), "sometimes");
  EXPECT_GT(decode.at(0).at("dot"), decode.at(0).at("one"));
  EXPECT_LT(decode.at(0).at("whisker").at(0), decode.at(0).at("dot"));
  EXPECT_GT(decode.at(0).at("whisker").at(1), decode.at(0).at("dot"));
  EXPECT_EQ(decode.at(1).at("name"), "slow");
  EXPECT_THAT(decode.at(1).at("text").get<std::string>(), HasSubstr("at 2 of 4 points"));
  EXPECT_EQ(decode.at(4).at("text"), "wrong_output");
  EXPECT_TRUE(decode.at(4).at("dot").is_null());
  EXPECT_EQ(decode.at(5).at("text"), "crashed");
  // Targets; missed ones are named.
  const auto& targets = seen.at("tables").at("targets").at(0);
  ASSERT_THAT(targets, SizeIs(3));
  EXPECT_THAT(targets.at(0), testing::Contains("4 fail"));
  EXPECT_THAT(seen.at("closed"), testing::Contains(testing::MatchesRegex("All [0-9]+ results")));
}

// With two blocks there is no interval and no verdict, and nothing to draw.
TEST_F(Page, OfTooFewBlocksHasNoIntervals) {
  const test::TemporaryFolder folder;
  test::page_runs().at(0).write(folder.path());
  const fs::path file = folder.path() / "trials.jsonl";
  std::string kept;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (nlohmann::json::parse(line).at("block") < 2) kept += line + "\n";
  }
  lines.close();
  std::ofstream(file) << kept;
  const nlohmann::json seen = probe_page(chromium_, make_page(folder.path().string()));
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  ASSERT_THAT(seen.at("forests"), SizeIs(2));
  for (const auto& forest : seen.at("forests")) {
    ASSERT_THAT(forest, SizeIs(3));
    for (const auto& row : forest) EXPECT_TRUE(row.at("whisker").is_null()) << row;
    EXPECT_THAT(forest.at(0).at("text").get<std::string>(), testing::MatchesRegex("[0-9.]+x too few blocks"));
    EXPECT_GT(forest.at(0).at("dot"), forest.at(0).at("one"));
  }
  EXPECT_THAT(seen.at("heat").at(1).at(2).get<std::string>(), testing::MatchesRegex("[0-9.]+x")) << "marked";
  EXPECT_THAT(seen.at("cards"), testing::Contains(HasSubstr("too few blocks")));
}

TEST_F(Page, ShowsTheSpeedsOfAllPointsAsAMap) {
  const test::TemporaryFolder folder;
  test::page_runs().at(1).write(folder.path());
  const nlohmann::json seen = probe_page(chromium_, make_page(folder.path().string()));
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("heatHead").at(0), ElementsAre("prompt", "", "32", "32", "512", "512"));
  EXPECT_THAT(seen.at("heatHead").at(1), ElementsAre("batch", "", "1", "4", "1", "4"));
  EXPECT_THAT(seen.at("heatHead").at(2), ElementsAre("contender", "overall", "1", "2", "3", "4"));
  const auto& heat = seen.at("heat");
  ASSERT_THAT(heat, SizeIs(6));
  EXPECT_EQ(heat.at(0).at(0), "reference (tokens/s)");
  EXPECT_THAT(heat.at(2), ElementsAre("drifting", "", "wrong", "wrong", "wrong", "wrong"));
  EXPECT_THAT(heat.at(4).at(2).get<std::string>(), testing::MatchesRegex("[0-9.]+x."));
  EXPECT_EQ(heat.at(4).at(5), "failed");
  EXPECT_THAT(heat.at(5).at(5).get<std::string>(), testing::MatchesRegex("[0-9.]+x.!"));
  const auto& grounds = seen.at("heatGrounds");
  EXPECT_NE(grounds.at(1).at(2), grounds.at(5).at(2)) << "slower and faster have one color";
  EXPECT_NE(grounds.at(2).at(2), grounds.at(5).at(2)) << "wrong and faster have one color";
  EXPECT_EQ(seen.at("detail"), "Point 1: synthetic:gpt2: prompt 32, generate 64, batch 1, threads 2");
  ASSERT_THAT(seen.at("detailRows"), SizeIs(6));
  EXPECT_EQ(seen.at("detailRows").at(0).at(0), "reference");
  EXPECT_EQ(numbers({seen.at("heatValues").at(0).at(1)}), numbers({seen.at("detailRows").at(0).at(1)}));  // ttft
}

TEST_F(Page, ShowsQualityAnalysisAndMarks) {
  const nlohmann::json seen = probe_page(chromium_, make_full_page());
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  EXPECT_EQ(seen.at("alerts"), 0);
  EXPECT_EQ(seen.at("bold"), 0) << "a message became markup";
  EXPECT_THAT(seen.at("sections"),
              ElementsAre("Wrong output and failures", "Verdict", "Speeds at every point", "Charts", "Quality",
                          "All results", "Analysis", "How it was measured", "Environment", "Experiment"));
  EXPECT_THAT(seen.at("closed"),
              testing::IsSupersetOf({"2 disturbed trials", "2 outliers", "24 rows, to sort and filter"}));
  const auto& tables = seen.at("tables");
  ASSERT_THAT(tables.at("quality"), SizeIs(1));
  const auto& quality = tables.at("quality").at(0);
  ASSERT_THAT(quality, SizeIs(6));  // three contenders times two models
  EXPECT_THAT(quality.at(1), ElementsAre("quant", "synthetic:gpt2", "ok", "1.4e-4\n1.3e-4 to 1.5e-4", "0.02",
                                         "100.0%\n100.0% to 100.0%", "100.0%\n100.0% to 100.0%", "0.001",
                                         "30.500\n28.100 to 32.900", "30.500", "20460", "yes"));
  EXPECT_EQ(quality.at(2).at(0), kHostileName);
  EXPECT_EQ(quality.at(2).at(2), "wrong_output: KL 0.03 is above the bound of 0.02");
  // Shares, correlations, exponents, threads.
  const auto& analysis = tables.at("analysis");
  ASSERT_THAT(analysis, SizeIs(4));
  EXPECT_THAT(analysis.at(2), testing::Contains(testing::Contains("quant")));
  const auto& threads = analysis.at(3).at(0);
  EXPECT_EQ(threads.at(2), "1 to 2");
  EXPECT_NEAR(std::stod(threads.at(4).get<std::string>()), 93, 2) << "2^0.9 / 2";
  // Disturbed trials: the one that counts, then the one that was repeated; then outliers.
  const auto& remarks = tables.at("remarks");
  ASSERT_THAT(remarks, SizeIs(2));
  ASSERT_THAT(remarks.at(0), SizeIs(2));
  EXPECT_THAT(remarks.at(0).at(0), testing::Contains("waited 31 ms for a CPU"));
  EXPECT_EQ(remarks.at(0).at(0).at(4), "yes");
  EXPECT_EQ(remarks.at(0).at(1).at(4), "no");
  ASSERT_THAT(remarks.at(1), SizeIs(2));  // ttft and decode of the same trial
  EXPECT_EQ(remarks.at(1).at(0).at(2), "3");
  EXPECT_THAT(seen.at("marks"), testing::IsSupersetOf({"1 disturbed", "1 outlier"}));
  EXPECT_THAT(seen.at("chartTitles"), testing::IsSupersetOf({"Speed versus quality", "Decode roofline"}));
  for (const auto& chart : seen.at("charts")) {
    EXPECT_GE(chart.at("colours"), 3) << chart.at("title") << " is empty";
    if (chart.at("title") == "Speed versus quality") {
      EXPECT_THAT(chart.at("labels"), testing::IsSupersetOf({"reference", "quant"}));
    }
  }
}

// Each line checks one kind of layout defect.
void expect_good_look(const nlohmann::json& look) {
  EXPECT_GT(look.at("texts"), 20);
  EXPECT_THAT(look.at("wider"), IsEmpty()) << "wider than its box";
  EXPECT_THAT(look.at("outside"), IsEmpty()) << "outside of the window";
  EXPECT_THAT(look.at("overlaps"), IsEmpty()) << "texts on each other";
  EXPECT_THAT(look.at("broken"), IsEmpty()) << "words broken in the middle";
  EXPECT_THAT(look.at("silent"), IsEmpty()) << "scrolls, but does not say so";
  EXPECT_THAT(look.at("faint"), IsEmpty()) << "contrast below 4.5";
  EXPECT_THAT(look.at("axes"), IsEmpty()) << "labels of axes on each other";
}

class PageLayout : public Page, public testing::WithParamInterface<Scheme> {};

// On a phone, a laptop and a large screen, nothing is cut off, covered or faint, both initially and fully expanded.
TEST_P(PageLayout, IsWholeAtEveryWidth) {
  const std::vector<int> widths{400, 1300, 1800};
  const std::vector<test::PageRun> runs = test::page_runs();
  std::vector<std::string> pages;
  for (const test::PageRun& run : runs) {
    const test::TemporaryFolder folder;
    run.write(folder.path());
    pages.push_back(make_page(folder.path().string()));
  }
  const nlohmann::json all = test::probe_pages(chromium_, pages, widths, GetParam(), "page_layout_probe.js");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (std::size_t w = 0; w < widths.size(); ++w) {
      SCOPED_TRACE(runs[i].name + " at " + std::to_string(widths[w]));
      const nlohmann::json& seen = all[i][w];
      ASSERT_FALSE(seen.is_null());
      EXPECT_THAT(seen.at("errors"), IsEmpty());
      EXPECT_EQ(seen.at("width"), widths[w]);
      EXPECT_LE(seen.at("pageWidth"), widths[w]);
      EXPECT_LE(seen.at("openWidth"), widths[w]);
      EXPECT_EQ(seen.at("ground"), GetParam() == Scheme::kDark ? "rgb(20, 23, 27)" : "rgb(255, 255, 255)");
      expect_good_look(seen.at("closed"));
      expect_good_look(seen.at("open"));
      EXPECT_GT(seen.at("open").at("axisLabels"), 10);
      EXPECT_GT(seen.at("open").at("texts"), seen.at("closed").at("texts"));
      EXPECT_EQ(seen.at("headingJumps"), 0);
      EXPECT_THAT(seen.at("headsWithoutScope"), IsEmpty());
      EXPECT_EQ(seen.at("chartsWithoutText"), 0);
      EXPECT_EQ(seen.at("legends"), 1);
      EXPECT_THAT(seen.at("deadLinks"), IsEmpty());
      EXPECT_GE(seen.at("links"), 5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, PageLayout, testing::Values(Scheme::kLight, Scheme::kDark), [](const auto& scheme) {
  return scheme.param == Scheme::kDark ? std::string("Dark") : std::string("Light");
});

TEST_F(Page, Prints) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "page.html", std::ios::binary) << make_full_page();
  const fs::path pdf = folder.path() / "page.pdf";
  test::browse(chromium_, folder.path(), "page.html", {"--no-pdf-header-footer", "--print-to-pdf=" + pdf.string()});
  const std::string bytes = read_file(pdf);
  ASSERT_THAT(bytes.substr(0, 5), "%PDF-");
  const std::regex page("/Type /Page[^s]");
  const auto pages = std::distance(std::sregex_iterator(bytes.begin(), bytes.end(), page), std::sregex_iterator());
  EXPECT_GE(pages, 3);
  EXPECT_LE(pages, 20);
}

}  // namespace
}  // namespace inferbench
