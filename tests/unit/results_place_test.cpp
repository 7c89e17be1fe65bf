// SPDX-License-Identifier: Apache-2.0
// Resolving the name of a run folder, and the files of a run that was moved.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "results/moved_run.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using test::sample_info;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

fs::path make_run(const fs::path& root, const std::string& started) {
  RunInfo info = sample_info();
  info.started = started;
  return RunFolder::create(root, info).path();
}

std::string refusal_when(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunPlace, OfAnExperimentIsItsLatestRun) {
  const TemporaryFolder root;
  const fs::path later = make_run(root.path(), "2026-03-02T12:00:00Z");
  const fs::path earlier = make_run(root.path(), "2026-03-01T12:00:00Z");
  EXPECT_EQ(find_run(root.path() / "sample"), later);
  EXPECT_EQ(find_run(earlier), earlier);
  EXPECT_EQ(find_run(earlier / "run.json"), earlier);
  EXPECT_EQ(find_run("/nowhere/run"), "/nowhere/run");
  EXPECT_THAT(refusal_when([&] { find_run(root.path()); }),
              HasSubstr("contains runs of sample, but is not a run itself"));
  // The link points to the latest run.
  EXPECT_TRUE(fs::is_symlink(root.path() / "sample" / "latest"));
  EXPECT_TRUE(fs::equivalent(root.path() / "sample" / "latest", earlier));
  EXPECT_TRUE(fs::read_symlink(root.path() / "sample" / "latest").is_relative());
}

TEST(RunPlace, CountsEachRunOnce) {
  const TemporaryFolder root;
  const fs::path one = make_run(root.path(), "2026-03-01T12:00:00Z");
  const fs::path two = make_run(root.path(), "2026-03-02T12:00:00Z");
  EXPECT_THAT(find_runs({one, two, one, root.path() / "sample" / "latest", root.path() / "sample"}),
              ElementsAre(one, two));
  fs::copy(one, root.path() / "copy", fs::copy_options::recursive);
  EXPECT_THAT(find_runs({one, root.path() / "copy"}), ElementsAre(one));
}

// results/NAME/* also matches `latest`.
TEST(RunPlace, OfACommandForOneRunTakesThePattern) {
  const TemporaryFolder root;
  const fs::path one = make_run(root.path(), "2026-03-01T12:00:00Z");
  const fs::path latest = root.path() / "sample" / "latest";
  EXPECT_THAT(find_exactly(1, {one, latest}, "report"), ElementsAre(one));
  EXPECT_THAT(find_exactly(2, {one, one}, "compare"), ElementsAre(one, one));
  EXPECT_EQ(refusal_when([&] { find_exactly(2, {one, latest}, "compare"); }), "compare takes 2 runs, and 1 is named");
  const fs::path two = make_run(root.path(), "2026-03-02T12:00:00Z");
  EXPECT_EQ(refusal_when([&] {
              find_exactly(1, {one, two, latest}, "report");
            }),
            "report takes 1 run, and 2 are named");
  EXPECT_THAT(find_exactly(2, {one, two, latest}, "compare"), ElementsAre(one, two));
}

TEST(RunPlace, LeavesAloneWhatIsCalledLatest) {
  const TemporaryFolder root;
  fs::create_directories(root.path() / "sample" / "latest" / "mine");
  make_run(root.path(), "2026-03-01T12:00:00Z");
  EXPECT_FALSE(fs::is_symlink(root.path() / "sample" / "latest"));
  EXPECT_TRUE(fs::exists(root.path() / "sample" / "latest" / "mine"));
}

// An experiment next to a model, with a run below it in results/.
struct Project {
  explicit Project(const fs::path& at) : folder(at) {
    fs::create_directories(folder / "model");
    std::ofstream(folder / "q.yaml") << "name: sample\n";
    RunInfo info = sample_info();
    info.experiment_file = (folder / "q.yaml").string();
    info.models[0].reference = (folder / "model").string();
    info.resolved_yaml = "name: \"sample\"\nmodels:\n  - \"" + info.models[0].reference + "\"\n";
    for (Point& point : info.points) point.model = info.models[0].reference;
    RunFolder created = RunFolder::create(folder / "results", info);
    TrialRecord trial = test::sample_trial("quant", 0, 2);
    trial.point = info.points[0];
    created.append(trial);
    run = created.path();
  }

  fs::path folder;
  fs::path run;
};

TEST(MovedRun, FindsItsFilesBesideIt) {
  const TemporaryFolder root;
  const Project project(root.path() / "old");
  EXPECT_EQ(moved_run(read_run(project.run).info, project.run).resolved_yaml, read_run(project.run).info.resolved_yaml);
  fs::rename(root.path() / "old", root.path() / "new");
  const fs::path run = root.path() / "new" / fs::relative(project.run, root.path() / "old");
  const RunInfo info = moved_run(read_run(run).info, run);
  const std::string model = (root.path() / "new/model").string();
  EXPECT_EQ(info.experiment_file, (root.path() / "new/q.yaml").string());
  EXPECT_THAT(info.resolved_yaml, HasSubstr("\"" + model + "\""));
  EXPECT_EQ(info.models[0].reference, model);
  EXPECT_EQ(info.points[1].model, model);
  // Rows written before the move still belong to the model.
  RunFolder::resume(run).describe(info);
  EXPECT_EQ(read_run(run).trials.at(0).point.model, model);
  EXPECT_EQ(read_run(run).info.points[0], read_run(run).trials.at(0).point);
}

TEST(MovedRun, NamesWhatIsMissingByItsNewPlace) {
  const TemporaryFolder root;
  const Project project(root.path() / "old");
  fs::rename(root.path() / "old", root.path() / "new");
  fs::remove_all(root.path() / "new/model");
  const fs::path run = root.path() / "new" / fs::relative(project.run, root.path() / "old");
  EXPECT_EQ(refusal_when([&] { moved_run(read_run(run).info, run); }),
            "cannot find " + (root.path() / "new/model").string() + ", which the run used as " +
                (root.path() / "old/model").string());
}

// Folders of earlier versions do not record the relative path of the experiment. The nearest file with its name in a
// parent folder is used.
TEST(MovedRun, OfAnEarlierVersionLooksForTheExperiment) {
  const TemporaryFolder root;
  const Project project(root.path() / "old");
  fs::rename(root.path() / "old", root.path() / "new");
  const fs::path run = root.path() / "new" / fs::relative(project.run, root.path() / "old");
  RunInfo info = read_run(run).info;
  info.experiment_folder_from_run.clear();
  EXPECT_EQ(moved_run(info, run).models[0].reference, (root.path() / "new/model").string());
}

}  // namespace
}  // namespace inferbench
