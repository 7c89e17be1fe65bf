// SPDX-License-Identifier: Apache-2.0
// `inferbench report` on a checked-in run of the Shakespeare model (its last three blocks are copies of the first
// three with one percent of noise): two backends that work, one with a hostile name that emits nonsense, one that
// crashes.
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "e2e/full_run.hpp"
#include "e2e/golden_text.hpp"
#include "e2e/small_run.hpp"
#include "support/files.hpp"
#include "support/json_schema.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::compare_with_golden;
using test::golden;
using test::small_run;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using test::kHostileName;

// The fields of llama-bench's test::get_fields() (llama.cpp, tools/llama-bench/llama-bench.cpp), and the two arrays
// that its JSON printers add.
constexpr const char* kLlamaBenchFields[] = {"build_commit",   "build_number",
                                             "cpu_info",       "gpu_info",
                                             "backends",       "model_filename",
                                             "model_type",     "model_size",
                                             "model_n_params", "n_batch",
                                             "n_ubatch",       "n_threads",
                                             "cpu_mask",       "cpu_strict",
                                             "poll",           "type_k",
                                             "type_v",         "n_gpu_layers",
                                             "n_cpu_moe",      "split_mode",
                                             "main_gpu",       "no_kv_offload",
                                             "flash_attn",     "devices",
                                             "tensor_split",   "tensor_buft_overrides",
                                             "load_mode",      "lazy_mode",
                                             "embeddings",     "no_op_offload",
                                             "no_host",        "fit_target",
                                             "fit_min_ctx",    "n_prompt",
                                             "n_gen",          "n_depth",
                                             "test_time",      "avg_ns",
                                             "stddev_ns",      "avg_ts",
                                             "stddev_ts",      "samples_ns",
                                             "samples_ts"};

std::string report_as(const std::string& format) {
  const ProgramResult result = run_program({"report", small_run(), "--format", format, "-o", "-"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

// Strict RFC 4180: anything else fails the test.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] == '"') {
      for (++i; i < text.size(); ++i) {
        if (text[i] != '"') {
          field += text[i];
        } else if (text[i + 1] == '"') {
          field += text[++i];
        } else {
          break;
        }
      }
      ++i;
    } else {
      while (i < text.size() && text[i] != ',' && text[i] != '\r') {
        EXPECT_TRUE(text[i] != '"' && text[i] != '\n') << "bare " << text[i] << " at " << i;
        field += text[i++];
      }
    }
    row.push_back(std::exchange(field, {}));
    if (text[i] == ',') {
      ++i;
    } else {
      EXPECT_EQ(text.substr(i, 2), "\r\n") << "at " << i;
      i += 2;
      rows.push_back(std::exchange(row, {}));
    }
  }
  return rows;
}

TEST(Report, MarkdownIsAsExpected) {
  EXPECT_EQ(compare_with_golden(report_as("md"), golden("report.md")), "");
}

TEST(Report, JsonIsAsExpectedAndKeepsItsSchema) {
  const std::string text = report_as("json");
  EXPECT_EQ(compare_with_golden(text, golden("report.json")), "");
  const auto schema = nlohmann::json::parse(read_file(std::string(test_paths::kDocs) + "/run_report.schema.json"));
  auto document = nlohmann::json::parse(text);
  EXPECT_EQ(test::validate_json(document, schema), "");
  document.at("points").at(0).at("contenders").at(1).at("vs_baseline").at("ttft_ms").at("verdict") = "fastest";
  EXPECT_THAT(test::validate_json(document, schema), HasSubstr("verdict"));
}

// With quality, marks, analysis and the machine's limits, which the checked-in run does not have.
TEST(Report, JsonOfARunThatHasEverythingKeepsTheSchema) {
  const test::TemporaryFolder folder;
  test::write_full_run(folder.path());
  const ProgramResult json = run_program({"report", folder.path().string(), "--format", "json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto schema = nlohmann::json::parse(read_file(std::string(test_paths::kDocs) + "/run_report.schema.json"));
  auto document = nlohmann::json::parse(json.out);
  EXPECT_EQ(test::validate_json(document, schema), "");
  EXPECT_THAT(document.at("quality"), SizeIs(6));
  EXPECT_THAT(document.at("disturbed"), SizeIs(2));
  EXPECT_THAT(document.at("outliers"), SizeIs(2));
  EXPECT_EQ(document.at("outliers").at(0).at("block"), 3);
  // The JSON that `inferbench analyze` prints for the same folder.
  const ProgramResult analysis = run_program({"analyze", folder.path().string(), "--json"});
  EXPECT_EQ(document.at("analysis"), nlohmann::json::parse(analysis.out));
  document.at("quality").at(0).at("kl_interval") = "wide";
  EXPECT_THAT(test::validate_json(document, schema), HasSubstr("quality"));
  const ProgramResult md = run_program({"report", folder.path().string(), "--format", "md"});
  EXPECT_THAT(md.out,
              HasSubstr("| quant | synthetic:gpt2 | /texts/wiki.txt | ok | 1.4e-04 (1.3e-04-1.5e-04) | 0.02 |"));
  EXPECT_THAT(md.out, HasSubstr("- 3 trials were run again"));
}

TEST(Report, CsvIsAsExpectedAndOneRowATrial) {
  const std::string text = report_as("csv");
  EXPECT_EQ(compare_with_golden(text, golden("trials.csv")), "");
  const auto rows = parse_csv(text);
  ASSERT_THAT(rows, SizeIs(1 + 140));  // 4 points, 5 contenders, 7 blocks
  const std::vector<std::string> first(rows[0].begin(), rows[0].begin() + 8);
  EXPECT_THAT(first, ElementsAre("backend", "model", "precision", "context_length", "generate_length", "trial",
                                 "latency_ms", "tokens_per_second"));
  int hostile = 0;
  for (const auto& row : rows) {
    EXPECT_THAT(row, SizeIs(rows[0].size()));
    if (row[8] == kHostileName) ++hostile;
    if (row[0] == "backend" || row[6].empty()) continue;
    const double tokens = std::stod(row[4]) * std::stod(row[9]);
    EXPECT_NEAR(std::stod(row[7]), tokens / (std::stod(row[6]) / 1000), 1e-6 * std::stod(row[7]));
  }
  EXPECT_EQ(hostile, 28);
  const ProgramResult all = run_program({"report", small_run(), "--format", "csv", "--warm-up"});
  EXPECT_THAT(parse_csv(all.out), SizeIs(1 + 160));
}

TEST(Report, WritesASummaryBesideTheCsv) {
  const test::TemporaryFolder folder;
  const std::string out = folder.path() / "t.csv";
  const ProgramResult result = run_program({"report", small_run(), "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(compare_with_golden(read_file(out), golden("trials.csv")), "");
  EXPECT_EQ(compare_with_golden(read_file(folder.path() / "t.summary.csv"), golden("trials.summary.csv")), "");
}

TEST(Report, LlamaBenchLinesAreAsExpected) {
  const std::string text = report_as("llama-bench");
  EXPECT_EQ(compare_with_golden(text, golden("llama-bench.jsonl")), "");
  std::istringstream lines(text);
  int rows = 0;
  for (std::string line; std::getline(lines, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    for (const char* field : kLlamaBenchFields) EXPECT_TRUE(row.contains(field)) << field;
    const auto& samples = row.at("samples_ts");
    double sum = 0;
    for (const double sample : samples) sum += sample;
    EXPECT_NEAR(row.at("avg_ts").get<double>(), sum / static_cast<double>(samples.size()), 1e-6);
    // As in llama-bench: tokens divided by time.
    const double tokens =
        (row.at("n_prompt").get<double>() + row.at("n_gen").get<double>()) * row.at("batch").get<double>();
    const double ns = row.at("samples_ns").at(0).get<double>();
    EXPECT_NEAR(samples.at(0).get<double>(), tokens / ns * 1e9, 1e-4 * samples.at(0).get<double>());
  }
  EXPECT_EQ(rows, 4 * 4 * 2);  // points, contenders that ran, tests
}

TEST(Report, SaysWhatIsWrong) {
  const test::TemporaryFolder folder;
  const ProgramResult missing = run_program({"report", (folder.path() / "none").string()});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot read"));
  EXPECT_THAT(missing.err, HasSubstr("inferbench: hint:"));
  const ProgramResult unknown = run_program({"report", small_run(), "-o", (folder.path() / "x.pdf").string()});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("--format html, md, csv, json or llama-bench"));
  const ProgramResult nowhere = run_program({"report", small_run(), "-o", (folder.path() / "a/b.md").string()});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("there is no folder"));
}

}  // namespace
}  // namespace inferbench
