// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace inferbench {

/// Makes this process the parent ("subreaper") of every descendant whose own parent ends, so that nothing a backend
/// starts can escape by leaving its parent or its session. Not inherited by children.
void adopt_orphans();

/// A child that this process starts and reaps itself: kill_orphans leaves it alone. The set of such children is per
/// process, like the kernel's list of children.
class OwnChild {
 public:
  OwnChild() = default;
  explicit OwnChild(pid_t pid);
  ~OwnChild();
  OwnChild(OwnChild&& other) noexcept;
  OwnChild& operator=(OwnChild&& other) noexcept;
  OwnChild(const OwnChild&) = delete;
  OwnChild& operator=(const OwnChild&) = delete;

 private:
  pid_t pid_ = -1;
};

/// Kills and reaps every child of this process that has no OwnChild, until none is left. Such children were left behind
/// by a child that has ended. Those in process group `killed_group` (0: none) are not counted, since whoever killed
/// that group did not let them end by themselves. Returns how many others were still running. Does nothing in a process
/// that did not call adopt_orphans.
int kill_orphans(pid_t killed_group = 0);

/// How many orphans kill_orphans has counted in this process so far.
int orphans_killed();

}  // namespace inferbench
