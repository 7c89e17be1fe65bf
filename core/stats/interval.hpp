// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

struct Interval {
  double low = 0;
  double high = 0;
};

}  // namespace inferbench
