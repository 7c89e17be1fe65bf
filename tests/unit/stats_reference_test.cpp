// SPDX-License-Identifier: Apache-2.0
// Comparison with a trusted package: every number here was computed by SciPy 1.10.1 (scipy.stats.t.cdf and .sf, .sem,
// .ttest_rel, .median_abs_deviation; scipy.special.betainc) and NumPy 1.24.2 (numpy.quantile, .std with ddof=1),
// printed with 15 significant digits. Quantiles of t are the roots of its .sf by scipy.optimize.brentq, because its
// .ppf is accurate only to ten digits: at 0.975 with one degree of freedom the true value is tan(0.475 pi) =
// 12.7062047361747, and .ppf gives ...4321. Virtanen et al., "SciPy 1.0", Nature Methods 17, 261-272 (2020).
#include <gmock/gmock.h>

#include <vector>

#include "stats/outliers.hpp"
#include "stats/ratio.hpp"
#include "stats/student_t.hpp"
#include "stats/summary.hpp"

namespace inferbench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

// Michelson's first twenty measurements of the speed of light in air, 1879: km/s above 299,000.
const std::vector<double> kMichelson{850,  740, 900, 1070, 930, 850, 950,  980,  980, 880,
                                     1000, 980, 930, 650,  760, 810, 1000, 1000, 960, 960};

TEST(StatsAgainstSciPy, StudentT) {
  struct Quantile {
    double p, df, t;
  };
  for (const auto& [p, df, t] : {Quantile{0.975, 1, 12.7062047361747}, Quantile{0.975, 4, 2.77644510519779},
                                 Quantile{0.995, 4, 4.60409487134999}, Quantile{0.975, 9, 2.2621571627982},
                                 Quantile{0.995, 19, 2.86093460646498}, Quantile{0.9, 2.5, 1.73025092880718},
                                 Quantile{0.999, 30, 3.3851848668293}, Quantile{0.975, 1000, 1.96233908082641}}) {
    EXPECT_NEAR(student_t_quantile(p, df), t, 1e-13 * t) << p << " " << df;
  }
  EXPECT_NEAR(student_t_cdf(2.5, 3), 0.956146676495967, 1e-13);
  EXPECT_NEAR(student_t_cdf(-1.2, 7), 0.134585968413603, 1e-13);
  EXPECT_NEAR(student_t_cdf(0.1, 50), 0.539627893173515, 1e-13);
  EXPECT_NEAR(student_t_cdf(40, 2), 0.999687792663908, 1e-13);
  EXPECT_NEAR(incomplete_beta(2.5, 0.5, 0.3), 0.0189271240719457, 1e-14);
  EXPECT_NEAR(incomplete_beta(10, 0.5, 0.9), 0.15164090963471, 1e-13);
  EXPECT_NEAR(incomplete_beta(50, 50, 0.55), 0.841347801062902, 1e-12);
}

TEST(StatsAgainstSciPy, Summary) {
  const auto summary = summarize(kMichelson);
  ASSERT_TRUE(summary);
  EXPECT_DOUBLE_EQ(summary->mean, 909);
  EXPECT_DOUBLE_EQ(summary->median, 940);
  EXPECT_THAT(summary->sd, Optional(DoubleNear(104.926039114276, 1e-11)));
  EXPECT_THAT(summary->p50, Optional(DoubleNear(940, 1e-11)));
  EXPECT_THAT(summary->p90, Optional(DoubleNear(1000, 1e-11)));
  EXPECT_THAT(summary->p95, Optional(DoubleNear(1003.5, 1e-11)));
  EXPECT_FALSE(summary->p99);  // needs a hundred values
  ASSERT_TRUE(summary->mean_interval);
  EXPECT_NEAR(summary->mean_interval->low, 859.893102085939, 1e-9);
  EXPECT_NEAR(summary->mean_interval->high, 958.106897914061, 1e-9);
}

TEST(StatsAgainstSciPy, PairedRatio) {
  const std::vector<double> contender{101.2, 99.8, 103.4, 100.9, 102.2, 98.7, 104.1};
  const std::vector<double> baseline{100.1, 97.9, 101.0, 100.2, 100.4, 97.5, 101.9};
  const auto ratio = paired_speed_ratio(contender, baseline);
  const auto at95 = paired_speed_ratio(contender, baseline, 0.95);
  ASSERT_TRUE(ratio && ratio->interval && at95);
  EXPECT_NEAR(ratio->ratio, 1.01612272838291, 1e-13);
  EXPECT_NEAR(at95->interval->low, 1.01044999251796, 1e-12);
  EXPECT_NEAR(at95->interval->high, 1.02182731137778, 1e-12);
  EXPECT_NEAR(ratio->interval->low, 1.00754007737276, 1e-12);
  EXPECT_NEAR(ratio->interval->high, 1.02477849003155, 1e-12);
  EXPECT_EQ(judge(*ratio), Verdict::kFaster);  // ttest_rel of the logarithms: p = 0.00043
}

// median_abs_deviation(kMichelson) is 60: the largest modified z-score, of 650, is 3.26.
TEST(Outliers, BeginAtAModifiedZScoreOfThreeAndAHalf) {
  EXPECT_THAT(find_outliers(kMichelson), IsEmpty());
  std::vector<double> values = kMichelson;
  values[13] = 940 - 60 * 3.4 / 0.6745;
  EXPECT_THAT(find_outliers(values), IsEmpty());
  values[13] = 940 - 60 * 3.6 / 0.6745;
  EXPECT_THAT(find_outliers(values), ElementsAre(13U));
  EXPECT_EQ(summarize(values)->outliers, 1U);
  EXPECT_EQ(summarize(values)->min, values[13]);  // flagged, but still included
}

TEST(Outliers, AreFoundAmongEqualValues) {
  EXPECT_THAT(find_outliers(std::vector<double>{3, 3, 3, 3, 3, 3, 3, 3, 50}), ElementsAre(8U));
  EXPECT_THAT(find_outliers(std::vector<double>(9, 3.0)), IsEmpty());
  // A third of them differ a little, which is their usual spread.
  EXPECT_THAT(find_outliers(std::vector<double>{3, 3, 3, 3, 3, 3, 3.01, 3.01, 3.01}), IsEmpty());
}

TEST(Outliers, AreNotJudgedAmongFewerThanFiveValues) {
  EXPECT_THAT(find_outliers(std::vector<double>{1, 1.01, 0.99, 50}), IsEmpty());
  EXPECT_THAT(find_outliers(std::vector<double>{1, 1.01, 0.99, 1.02, 50}), ElementsAre(4U));
}

}  // namespace
}  // namespace inferbench
