// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "results/run_folder.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::sample_info;
using test::TemporaryFolder;
using testing::HasSubstr;

QualityRecord sample_quality() {
  WindowAgreement first;
  first.tokens = 10;
  first.nll = 30;
  first.kl = 0.25;
  first.same_top = 9;
  first.shared_top = 9.5;
  first.greatest_error = 0.5;
  WindowAgreement second = first;
  second.kl = 0.75;
  QualityRecord record;
  record.contender = "quant";
  record.precision = "int8";
  record.model = "synthetic:gpt2";
  record.reference = "cpu_ref";
  record.text = "/somewhere/v.txt";
  record.threads = 2;
  record.started = "2026-03-01T12:00:01Z";
  record.duration_s = 1.5;
  record.status = TrialStatus::kWrongOutput;
  record.error = "KL";
  record.max_kl = 0.01;
  record.repeats = true;
  record.agreement = summarize_agreement(std::vector{first, second}, true);
  return record;
}

TEST(QualityRecord, SurvivesItsLine) {
  const std::string line = to_json_line(sample_quality());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const QualityRecord back = parse_quality_record(line);
  EXPECT_EQ(to_json_line(back), line);
  EXPECT_EQ(back.status, TrialStatus::kWrongOutput);
  EXPECT_EQ(back.max_kl, 0.01);
  ASSERT_TRUE(back.agreement && back.agreement->reference);
  EXPECT_DOUBLE_EQ(back.agreement->reference->kl.value, 0.05);
  EXPECT_TRUE(back.agreement->reference->kl.interval);
}

TEST(QualityRecord, KeepsWhatIsNoNumberAndWhatIsMissing) {
  QualityRecord record = sample_quality();
  record.agreement->perplexity.value = std::numeric_limits<double>::quiet_NaN();
  record.text.clear();
  record.repeats.reset();
  QualityRecord back = parse_quality_record(to_json_line(record));
  EXPECT_TRUE(std::isnan(back.agreement->perplexity.value));
  EXPECT_EQ(back.text, "");
  EXPECT_FALSE(back.repeats);
  record.agreement.reset();
  EXPECT_FALSE(parse_quality_record(to_json_line(record)).agreement);
}

TEST(QualityRecord, RefusesWhatIsNone) {
  EXPECT_THROW(parse_quality_record("{}"), Error);
  EXPECT_THROW(parse_quality_record("[1"), Error);
}

TEST(RunFolder, KeepsQualityRows) {
  const TemporaryFolder root;
  std::filesystem::path path;
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    folder.append(sample_quality());
  }
  RunFolder resumed = RunFolder::resume(path);
  ASSERT_EQ(resumed.quality().size(), 1U);
  resumed.append(sample_quality());
  EXPECT_EQ(read_run(path).quality.size(), 2U);
  std::ofstream(path / "quality.jsonl", std::ios::app) << "{}\n";
  try {
    read_run(path);
    FAIL() << "read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("quality.jsonl:3:"));
  }
}

TEST(TrialRecord, KeepsWhereItsOutputDiffers) {
  TrialRecord record = test::sample_trial("quant", 0, 1);
  EXPECT_FALSE(parse_trial_record(to_json_line(record)).same_output);
  record.same_output = false;
  record.divergence = Divergence{7, 1, 0.125, true};
  const TrialRecord back = parse_trial_record(to_json_line(record));
  EXPECT_EQ(back.same_output, false);
  ASSERT_TRUE(back.divergence);
  EXPECT_EQ(back.divergence->token, 7);
  EXPECT_EQ(back.divergence->sequence, 1);
  EXPECT_EQ(back.divergence->margin, 0.125);
  EXPECT_TRUE(back.divergence->wide);
}

}  // namespace
}  // namespace inferbench
