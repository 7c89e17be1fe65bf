// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>
#include <new>
#include <stdexcept>
#include <vector>

#include "cli/failure.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <typename Exception>
Failure failure_of(const Exception& exception) {
  return explain_failure(std::make_exception_ptr(exception));
}

TEST(ExplainFailure, BadInputIsTheUsersToChange) {
  const Failure failure = failure_of(Error("no such file", "name another", ExitCode::kUnclear));
  EXPECT_EQ(failure.what, "no such file");
  EXPECT_EQ(failure.hint, "name another");
  EXPECT_EQ(failure.code, ExitCode::kUnclear);
  EXPECT_EQ(failure_of(std::bad_alloc()).code, ExitCode::kBadInput);
  const auto denied = std::make_error_code(std::errc::permission_denied);
  EXPECT_EQ(failure_of(std::filesystem::filesystem_error("cannot open", denied)).code, ExitCode::kBadInput);
}

TEST(ExplainFailure, EverythingElseIsAMistakeOfTheProgram) {
  for (const Failure& failure : {failure_of(std::logic_error("index 7 of 3")), failure_of(std::runtime_error("odd")),
                                 failure_of(std::out_of_range("map::at")), failure_of(42)}) {
    EXPECT_THAT(failure.what, StartsWith("internal error: "));
    EXPECT_THAT(failure.hint, HasSubstr("please report"));
    EXPECT_EQ(failure.code, ExitCode::kInternal);
    EXPECT_EQ(static_cast<int>(failure.code), 70);
  }
}

}  // namespace
}  // namespace inferbench
