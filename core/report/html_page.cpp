// SPDX-License-Identifier: Apache-2.0
#include "report/html_page.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "report/page_assets.hpp"

namespace inferbench {

namespace {

// Fills the template's @NAME@ marks from left to right. Inserted text is not searched for marks.
std::string fill(std::string_view page, std::string_view data) {
  const std::array<std::pair<std::string_view, std::string_view>, 5> parts{{{"@CHART_CSS@", page_assets::kChartCss},
                                                                            {"@PAGE_CSS@", page_assets::kPageCss},
                                                                            {"@DATA@", data},
                                                                            {"@CHART_JS@", page_assets::kChartJs},
                                                                            {"@PAGE_JS@", page_assets::kPageJs}}};
  std::string filled;
  for (const auto& [mark, text] : parts) {
    const std::size_t at = page.find(mark);
    filled += page.substr(0, at);
    filled += text;
    page.remove_prefix(at + mark.size());
  }
  filled += page;
  return filled;
}

bool opens_markup(char c) {
  return c == '<' || c == '>' || c == '&';
}

}  // namespace

std::string script_safe_json(std::string_view json) {
  std::string safe;
  safe.reserve(json.size());
  for (;;) {
    const auto* const mark = std::find_if(json.begin(), json.end(), opens_markup);
    const auto at = static_cast<std::size_t>(mark - json.begin());
    safe += json.substr(0, at);
    if (at == json.size()) return safe;
    safe += json[at] == '<' ? "\\u003c" : json[at] == '>' ? "\\u003e" : "\\u0026";
    json.remove_prefix(at + 1);
  }
}

std::string html_page(const Report& report) {
  return fill(page_assets::kPageHtml, script_safe_json(report_json(report, JsonStyle::kCompact)));
}

}  // namespace inferbench
