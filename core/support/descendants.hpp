// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace inferbench {

/// Makes this process the parent of every process below it whose own parent ends (a "subreaper"), so that nothing a
/// backend starts can hide by leaving its parent or its session. Not inherited by children.
void adopt_orphans();

/// A child that this process started itself and ends itself: kill_orphans leaves it alone. Kept for the process as a
/// whole, as the kernel keeps its list of children.
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

/// Kills and reaps all children of this process that no OwnChild stands for, until there are none: they were left
/// behind by a child that has ended. Those in process group `killed_group` (0: none) are not counted: whoever killed
/// that group did not let them end by themselves. Returns how many others were still running. Does nothing in a process
/// that did not call adopt_orphans.
int kill_orphans(pid_t killed_group = 0);

/// All that kill_orphans counted in this process so far.
int orphans_killed();

}  // namespace inferbench
