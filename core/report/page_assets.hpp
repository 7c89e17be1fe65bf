// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

/// The files of core/report/assets, embedded by cmake/EmbedFiles.cmake.
namespace inferbench::page_assets {

extern const std::string_view kPageHtml;  ///< the template, with marks for the other files
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;    ///< all page_*.js files, concatenated
extern const std::string_view kChartCss;  ///< uPlot's
extern const std::string_view kChartJs;

}  // namespace inferbench::page_assets
