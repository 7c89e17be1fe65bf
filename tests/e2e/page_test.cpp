// SPDX-License-Identifier: Apache-2.0
// The HTML page in a real browser: it opens without an error, sorts, filters, draws, is not cut on a phone, can be read
// in light and dark, and prints.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "e2e/full_run.hpp"
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
using test::small_run;

std::string find_chromium() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      std::string program = folder + "/" + name;
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return {};
}

std::string make_page(const std::string& run = small_run()) {
  const ProgramResult result = run_program({"report", run, "--format", "html", "-o", "-"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

/// Of a run that has all that a page can show.
std::string make_full_page() {
  const test::TemporaryFolder run;
  test::write_full_run(run.path());
  return make_page(run.path().string());
}

void insert_before(std::string& page, const std::string& mark, const std::string& text) {
  const std::size_t at = page.rfind(mark);
  ASSERT_NE(at, std::string::npos) << mark;
  page.insert(at, text);
}

std::string decode_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = digits.find(c);
    if (value == std::string::npos) break;
    buffer = (buffer << 6U) | static_cast<unsigned>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>((buffer >> static_cast<unsigned>(bits)) & 0xFFU);
  }
  return bytes;
}

/// Chromium without a window, on FOLDER/file, with more arguments.
ProgramResult browse(const std::string& chromium, const fs::path& folder, const std::string& file,
                     const std::vector<std::string>& more) {
  std::vector<std::string> arguments{chromium,
                                     "--headless",
                                     "--no-sandbox",
                                     "--disable-gpu",
                                     "--disable-quic",
                                     "--no-first-run",
                                     "--disable-background-networking",
                                     "--disable-component-update",
                                     "--disable-sync",
                                     "--disable-dev-shm-usage",
                                     "--allow-file-access-from-files",
                                     "--hide-scrollbars",
                                     "--user-data-dir=" + (folder / "profile").string(),
                                     "--enable-logging=stderr",
                                     "--virtual-time-budget=4000"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.push_back("file://" + (folder / file).string());
  return Program(arguments).wait();
}

enum class Scheme { kLight, kDark };

std::string scheme_argument(Scheme scheme) {
  return scheme == Scheme::kDark ? "--blink-settings=preferredColorScheme=0"
                                 : "--blink-settings=preferredColorScheme=1";
}

/// What tests/e2e/page_probe.js saw of the page in a window of that width.
nlohmann::json probe_page(const std::string& chromium, std::string page, int width, Scheme scheme = Scheme::kLight) {
  constexpr int kHeight = 900;
  const test::TemporaryFolder folder;
  const std::size_t head = page.find("<style>");
  page.insert(head,
              "<script>window.probeErrors=[];window.probeAlerts=0;window.alert=()=>{++window.probeAlerts};"
              "addEventListener('error',e=>probeErrors.push(String(e.message)));"
              "addEventListener('securitypolicyviolation',e=>probeErrors.push('blocked '+e.blockedURI));"
              "console.error=(...a)=>probeErrors.push(a.join(' '));</script>\n");
  insert_before(page, "</body>",
                "<script>" + read_file(fs::path(test_paths::kData) / "../e2e/page_probe.js") + "</script>");
  std::ofstream(folder.path() / "page.html", std::ios::binary) << page;
  // A window is at least 500 wide: a phone is a frame in it.
  std::ofstream(folder.path() / "frame.html")
      << "<!DOCTYPE html><body style='margin:0'><iframe src=page.html style='border:0;display:block' width=" << width
      << " height=" << kHeight << "></iframe><script>onload=()=>{const f=document.querySelector('iframe');"
      << "const r=f.contentDocument.getElementById('probe-result');"
      << "document.body.append(r?'PROBE:'+r.textContent+':END':'PROBE::END')}</script>";
  const ProgramResult browser =
      browse(chromium, folder.path(), "frame.html", {"--window-size=1400,1000", "--dump-dom", scheme_argument(scheme)});
  EXPECT_THAT(browser.err, Not(HasSubstr("CONSOLE")));
  std::smatch found;
  const std::regex probe("PROBE:([A-Za-z0-9+/=]*):END");
  // The script's own text has the mark, too: with nothing between.
  for (auto it = std::sregex_iterator(browser.out.begin(), browser.out.end(), probe); it != std::sregex_iterator();
       ++it) {
    if (const std::string text = (*it)[1]; !text.empty()) return nlohmann::json::parse(decode_base64(text));
  }
  ADD_FAILURE() << "the probe did not run\n" << browser.err.substr(0, 2000) << browser.out.substr(0, 2000);
  return {};
}

// "28.35" -> 28.35; the empty cell of what has no value is -1.
std::vector<double> numbers(const nlohmann::json& texts) {
  std::vector<double> values;
  for (const std::string text : texts) values.push_back(text.empty() ? -1 : std::stod(text));
  return values;
}

class Page : public testing::Test {
 protected:
  void SetUp() override {
    chromium_ = find_chromium();
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
  // The page's numbers are those of the JSON, which has its own expectation.
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
  const nlohmann::json seen = probe_page(chromium_, make_page(), 1280);
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  EXPECT_EQ(seen.at("alerts"), 0);
  EXPECT_EQ(seen.at("title"), "run_small");
  EXPECT_THAT(seen.at("sections"), ElementsAre("Verdict", "Charts", "All results", "What explains it", "Failures",
                                               "Environment", "Experiment"));
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
  EXPECT_GE(seen.at("charts").size(), 5U);
  for (const auto& chart : seen.at("charts")) {
    EXPECT_GE(chart.at("colours"), 4) << chart.at("title") << " is empty";
    EXPECT_GE(chart.at("numbers"), 4) << chart.at("title");
    EXPECT_GE(chart.at("legend"), 2) << chart.at("title");
    EXPECT_THAT(chart.at("text").get<std::string>(), HasSubstr("reference: "));
  }
}

TEST_F(Page, ShowsQualityAnalysisAndMarks) {
  const nlohmann::json seen = probe_page(chromium_, make_full_page(), 1280);
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  EXPECT_EQ(seen.at("alerts"), 0);
  EXPECT_EQ(seen.at("bold"), 0) << "a message became markup";
  EXPECT_THAT(seen.at("sections"), ElementsAre("Verdict", "Charts", "All results", "Quality", "What explains it",
                                               "Failures", "How it was measured", "Environment", "Experiment"));
  const auto& tables = seen.at("tables");
  ASSERT_THAT(tables.at("quality"), SizeIs(1));
  const auto& quality = tables.at("quality").at(0);
  ASSERT_THAT(quality, SizeIs(6));  // three contenders, two models
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
  // Disturbed trials: the one that counts, the one that was run again; then outliers.
  const auto& remarks = tables.at("remarks");
  ASSERT_THAT(remarks, SizeIs(2));
  ASSERT_THAT(remarks.at(0), SizeIs(2));
  EXPECT_THAT(remarks.at(0).at(0), testing::Contains("waited 31 ms for a CPU"));
  EXPECT_EQ(remarks.at(0).at(0).at(4), "yes");
  EXPECT_EQ(remarks.at(0).at(1).at(4), "no");
  ASSERT_THAT(remarks.at(1), SizeIs(2));  // ttft and decode of the same trial
  EXPECT_EQ(remarks.at(1).at(0).at(2), "3");
  EXPECT_THAT(seen.at("marks"), testing::IsSupersetOf({"1 disturbed", "1 far off"}));
  EXPECT_THAT(seen.at("chartTitles"),
              testing::IsSupersetOf({"Speed against quality", "Decode under the machine's roof"}));
  for (const auto& chart : seen.at("charts")) EXPECT_GE(chart.at("colours"), 3) << chart.at("title") << " is empty";
}

TEST_F(Page, IsNotCut) {
  const std::string page = make_full_page();
  for (const int width : {390, 768, 1280}) {
    const nlohmann::json seen = probe_page(chromium_, page, width);
    ASSERT_FALSE(seen.is_null());
    EXPECT_EQ(seen.at("width"), width);
    EXPECT_LE(seen.at("pageWidth"), width);
    EXPECT_THAT(seen.at("cut"), IsEmpty()) << width;
    EXPECT_THAT(seen.at("errors"), IsEmpty());
  }
}

// WCAG's contrast of text on what it stands on: at least 4.5.
TEST_F(Page, CanBeReadInLightAndDark) {
  const std::string page = make_full_page();
  std::vector<std::string> grounds;
  for (const Scheme scheme : {Scheme::kLight, Scheme::kDark}) {
    const nlohmann::json seen = probe_page(chromium_, page, 390, scheme);
    ASSERT_FALSE(seen.is_null());
    grounds.push_back(seen.at("ground"));
    EXPECT_GE(seen.at("contrasts").size(), 6U);
    for (const auto& [what, contrast] : seen.at("contrasts").items()) EXPECT_GE(contrast.get<double>(), 4.5) << what;
    for (const auto& chart : seen.at("charts")) EXPECT_GE(chart.at("colours"), 3) << chart.at("title");
  }
  EXPECT_THAT(grounds, ElementsAre("rgb(255, 255, 255)", "rgb(20, 23, 27)"));
}

TEST_F(Page, Prints) {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "page.html", std::ios::binary) << make_full_page();
  const fs::path pdf = folder.path() / "page.pdf";
  browse(chromium_, folder.path(), "page.html", {"--no-pdf-header-footer", "--print-to-pdf=" + pdf.string()});
  const std::string bytes = read_file(pdf);
  ASSERT_THAT(bytes.substr(0, 5), "%PDF-");
  const std::regex page("/Type /Page[^s]");
  const auto pages = std::distance(std::sregex_iterator(bytes.begin(), bytes.end(), page), std::sregex_iterator());
  EXPECT_GE(pages, 3);
  EXPECT_LE(pages, 20);
}

}  // namespace
}  // namespace inferbench
