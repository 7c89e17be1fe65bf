// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "report/report.hpp"

namespace inferbench {

/// One self-contained HTML file: the report's JSON, and the style, scripts and chart library that show it. Nothing is
/// loaded from anywhere, and its content security policy forbids it.
std::string html_page(const Report& report);

/// JSON that can stand in a <script> element: '<', '>' and '&', which only strings have, become \u escapes, so that no
/// text in it ends the element.
std::string script_safe_json(std::string_view json);

}  // namespace inferbench
