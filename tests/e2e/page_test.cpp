// SPDX-License-Identifier: Apache-2.0
// The HTML page in a real browser: it opens without an error, sorts, filters, draws, and is not cut on a phone.
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

#include "e2e/program.hpp"
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

const char* const kHostileName = "</script><script>alert(\"x\")</script>, `a|b`";

std::string run_folder() {
  return std::string(test_paths::kData) + "/run-small";
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string find_chromium() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
      const std::string program = folder + "/" + name;
      if (access(program.c_str(), X_OK) == 0) return program;
    }
  }
  return {};
}

std::string make_page() {
  const ProgramResult result = run_program({"report", run_folder(), "--format", "html", "-o", "-"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
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

/// What tests/e2e/page_probe.js saw in a window of that size.
nlohmann::json probe_page(const std::string& chromium, int width, int height) {
  const test::TemporaryFolder folder;
  std::string page = make_page();
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
      << " height=" << height << "></iframe><script>onload=()=>{const f=document.querySelector('iframe');"
      << "const r=f.contentDocument.getElementById('probe-result');"
      << "document.body.append(r?'PROBE:'+r.textContent+':END':'PROBE::END')}</script>";
  const ProgramResult browser =
      Program({chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", "--disable-sync",
               "--disable-dev-shm-usage", "--allow-file-access-from-files", "--hide-scrollbars",
               "--user-data-dir=" + (folder.path() / "profile").string(), "--enable-logging=stderr",
               "--virtual-time-budget=4000", "--window-size=1400,1000", "--dump-dom",
               "file://" + (folder.path() / "frame.html").string()})
          .wait();
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
  const ProgramResult json = run_program({"report", run_folder(), "--format", "json"});
  EXPECT_EQ(report, nlohmann::json::parse(json.out));
  const std::string rest = page.substr(0, begin) + page.substr(end);
  for (const char* loads : {" src=", "@import", "url(", "<link", "fetch(", "XMLHttpRequest"}) {
    EXPECT_THAT(rest, Not(HasSubstr(loads)));
  }
  EXPECT_THAT(rest, Not(HasSubstr("@DATA@")));
  EXPECT_THAT(rest, HasSubstr("default-src 'none'"));
}

TEST_F(Page, SortsAndFiltersAndDraws) {
  const nlohmann::json seen = probe_page(chromium_, 1280, 900);
  ASSERT_FALSE(seen.is_null());
  EXPECT_THAT(seen.at("errors"), IsEmpty());
  EXPECT_EQ(seen.at("alerts"), 0);
  EXPECT_EQ(seen.at("title"), "run_small");
  EXPECT_THAT(seen.at("sections"),
              ElementsAre("Verdict", "Charts", "All results", "Failures", "Environment", "Experiment"));
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

TEST_F(Page, IsNotCut) {
  for (const int width : {390, 768, 1280}) {
    const nlohmann::json seen = probe_page(chromium_, width, 900);
    ASSERT_FALSE(seen.is_null());
    EXPECT_EQ(seen.at("width"), width);
    EXPECT_LE(seen.at("pageWidth"), width);
    EXPECT_THAT(seen.at("cut"), IsEmpty()) << width;
    EXPECT_THAT(seen.at("errors"), IsEmpty());
  }
}

}  // namespace
}  // namespace inferbench
