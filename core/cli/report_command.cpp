// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "report/csv.hpp"
#include "report/html_page.hpp"
#include "report/llama_bench.hpp"
#include "report/markdown.hpp"
#include "report/report.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  std::vector<fs::path> runs;
  std::string format;
  std::string out;
  bool warm_ups = false;
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kFormatOfExtension{{{".html", "html"},
                                                                                           {".htm", "html"},
                                                                                           {".md", "md"},
                                                                                           {".csv", "csv"},
                                                                                           {".json", "json"},
                                                                                           {".jsonl", "llama-bench"}}};

// The format from --format, else from the file's name, else html.
std::string format_of(const ReportOptions& options) {
  if (!options.format.empty()) return options.format;
  if (options.out.empty() || options.out == "-") return "html";
  const std::string extension = fs::path(options.out).extension().string();
  for (const auto& [known, format] : kFormatOfExtension) {
    if (extension == known) return std::string(format);
  }
  throw Error(fmt::format("--output {}: the file name does not tell the format", options.out),
              "add --format html, md, csv, json or llama-bench");
}

// results.csv -> results.summary.csv
fs::path summary_path(const fs::path& path) {
  return path.parent_path() / (path.stem().string() + ".summary" + path.extension().string());
}

void write_report(const ReportOptions& options) {
  const std::string format = format_of(options);
  const fs::path folder = find_exactly(1, options.runs, "report").front();
  const RunData run = read_run(folder);
  const Destination destination(options.out, format == "html" ? folder / "report.html" : fs::path());
  if (format == "csv") {
    destination.write(trials_csv(run, options.warm_ups));
    // Not for a device or a FIFO.
    if (!destination.is_stdout() && fs::is_regular_file(destination.path())) {
      write_output_file(summary_path(destination.path()).string(), summary_csv(run.info, compare_contenders(run)));
    }
    return;
  }
  if (format == "llama-bench") {
    destination.write(llama_bench_jsonl(run));
    return;
  }
  const Report report = make_report(run, fs::absolute(folder).lexically_normal().filename().string());
  if (format == "md") destination.write(report_markdown(report));
  if (format == "json") destination.write(report_json(report));
  if (format == "html") destination.write(html_page(report));
}

constexpr const char* kReportFooter =
    "Without --format, the file name determines the format; without both, an HTML page is written to RUN/report.html.\n"
    "The other formats go to standard output unless -o names a file. A CSV file of the trials comes with a summary:\n"
    "-o trials.csv also writes trials.summary.csv. docs/read_the_report.md explains every column and number.";

}  // namespace

void add_report_command(CLI::App& app, CommandContext&) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App& command = *app.add_subcommand("report", "Turn a run folder into HTML, Markdown, CSV, JSON, ...");
  command.add_option("run", options->runs, "The run folder, or results/NAME for its latest run")
      ->required()
      ->type_name("RUN");
  command.add_option("--format", options->format, "html, md, csv, json, or llama-bench (that program's JSON lines)")
      ->check(CLI::IsMember({"html", "md", "csv", "json", "llama-bench"}))
      ->type_name("FORMAT");
  command.add_option("-o,--output", options->out, "The file to write; - is standard output")->type_name("FILE");
  command.add_flag("--warm-up", options->warm_ups, "CSV: include the warm-up trials, as phase warm_up");
  command.footer(kReportFooter);
  command.callback([options] { write_report(*options); });
}

}  // namespace inferbench
