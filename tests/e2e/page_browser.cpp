// SPDX-License-Identifier: Apache-2.0
#include "e2e/page_browser.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

namespace {

namespace fs = std::filesystem;

constexpr int kFrameHeight = 900;

// Must be in the page before its own scripts run.
constexpr const char* kListeners =
    "<script>window.probeErrors=[];window.probeAlerts=0;window.alert=()=>{++window.probeAlerts};"
    "addEventListener('error',e=>probeErrors.push(String(e.message)));"
    "addEventListener('securitypolicyviolation',e=>probeErrors.push('blocked '+e.blockedURI));"
    "console.error=(...a)=>probeErrors.push(a.join(' '));"
    "window.probeDone=o=>{window.probeResult=btoa(unescape(encodeURIComponent(JSON.stringify(o))))};</script>\n";

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

void insert_before(std::string& page, std::size_t at, const std::string& text) {
  ASSERT_NE(at, std::string::npos);
  page.insert(at, text);
}

// A browser window is at least 500 pixels wide, so each page is in a frame.
std::string frames_html(std::size_t pages, const std::vector<int>& widths) {
  std::string html = "<!DOCTYPE html><body style='margin:0'>";
  for (std::size_t page = 0; page < pages; ++page) {
    for (const int width : widths) {
      html += fmt::format("<iframe src=page{}.html style='border:0;display:block' width={} height={}></iframe>", page,
                          width, kFrameHeight);
    }
  }
  return html +
         "<script>const all=[...document.querySelectorAll('iframe')];let left=200;"
         "const wait=setInterval(()=>{const found=all.map(f=>f.contentWindow.probeResult);"
         "if(found.some(r=>!r)&&--left>0)return;clearInterval(wait);"
         "all.forEach(f=>f.remove());"
         "found.forEach((r,i)=>document.body.append(`PROBE${i}:${r||'none'}:END\\n`));},50)</script>";
}

}  // namespace

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
                                     "--virtual-time-budget=15000"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.push_back("file://" + (folder / file).string());
  return Program(arguments).wait();
}

nlohmann::json probe_pages(const std::string& chromium, const std::vector<std::string>& pages,
                           const std::vector<int>& widths, Scheme scheme, const std::string& script) {
  const TemporaryFolder folder;
  const std::string probe = "<script>" + read_file(fs::path(test_paths::kData) / "../e2e" / script) + "</script>";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    std::string page = pages[i];
    insert_before(page, page.find("<style>"), kListeners);
    insert_before(page, page.rfind("</body>"), probe);
    std::ofstream(folder.path() / fmt::format("page{}.html", i), std::ios::binary) << page;
  }
  std::ofstream(folder.path() / "frames.html") << frames_html(pages.size(), widths);
  const char* wanted =
      scheme == Scheme::kDark ? "--blink-settings=preferredColorScheme=0" : "--blink-settings=preferredColorScheme=1";
  const ProgramResult browser =
      browse(chromium, folder.path(), "frames.html", {"--window-size=2000,1000", "--dump-dom", wanted});
  EXPECT_THAT(browser.err, testing::Not(testing::HasSubstr("CONSOLE")));
  nlohmann::json seen = nlohmann::json::array();
  for (std::size_t page = 0; page < pages.size(); ++page) {
    seen.push_back(nlohmann::json::array());
    for (std::size_t width = 0; width < widths.size(); ++width) {
      const std::string mark = fmt::format("PROBE{}:", page * widths.size() + width);
      const std::size_t at = browser.out.rfind(mark);
      const std::string text = at == std::string::npos ? "" : decode_base64(browser.out.substr(at + mark.size()));
      seen.back().push_back(nlohmann::json::parse(text, nullptr, false));
      if (!seen.back().back().is_discarded()) continue;
      seen.back().back() = nullptr;
      ADD_FAILURE() << "the probe did not run in page " << page << " at " << widths[width] << " px\n"
                    << browser.err.substr(0, 2000) << browser.out.substr(0, 2000);
    }
  }
  return seen;
}

}  // namespace inferbench::test
