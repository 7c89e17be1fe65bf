// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace inferbench {

/// One self-contained HTML file: the report's JSON, and the style, scripts and chart library that show it. It loads
/// nothing from elsewhere, and its content security policy forbids that.
std::string html_page(const Report& report);

/// JSON that is safe in a <script> element: '<', '>' and '&', which occur only in strings, become \u escapes, so that
/// no text in it can end the element.
std::string script_safe_json(std::string_view json);

}  // namespace inferbench
