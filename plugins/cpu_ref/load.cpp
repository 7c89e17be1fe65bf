// SPDX-License-Identifier: Apache-2.0
#include "load.hpp"

#include <algorithm>

#include "inferbench/backend_values.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr std::int64_t kStretch = std::int64_t{4} << 20;  // elements between two looks at the host
constexpr std::int64_t kItem = std::int64_t{64} << 10;    // elements that one thread copies at a time

std::int64_t n_elements(const ib_tensor& tensor) {
  std::int64_t n = 1;
  for (std::int32_t d = 0; d < tensor.rank; ++d) n *= tensor.shape[d];
  return n;
}

}  // namespace

Loader::Loader(const ib_tensor* tensors, std::uint64_t n_tensors, ThreadPool& pool, HostCalls host)
    : tensors_(tensors, n_tensors), pool_(pool), host_(host) {
  for (std::uint64_t i = 0; i < n_tensors; ++i) total_ += n_elements(tensors[i]);
}

void Loader::advance(std::int64_t n) {
  done_ += n;
  host_.progress(static_cast<double>(done_) / static_cast<double>(total_));
  host_.throw_if_cancelled();
}

void Loader::copy(const std::string& name, std::initializer_list<std::int64_t> shape, float* to) {
  const ib_tensor& tensor = tensors_.get(name, shape);
  const std::int64_t total = n_elements(tensor);
  for (std::int64_t begin = 0; begin < total; begin += kStretch) {
    const std::int64_t n = std::min(kStretch, total - begin);
    pool_.parallel_for((n + kItem - 1) / kItem, [&](std::int64_t item, int) {
      const std::int64_t first = item * kItem;
      read_values(tensor, begin + first, std::min(kItem, n - first), to + begin + first);
    });
    advance(n);
  }
}

void Loader::pack(const std::string& name, const PackedMatrix& to, bool transposed) {
  const std::int64_t rows = transposed ? to.outputs : to.inputs;
  const std::int64_t columns = transposed ? to.inputs : to.outputs;
  const ib_tensor& tensor = tensors_.get(name, {rows, columns});
  const std::int64_t step = std::max<std::int64_t>(1, kStretch / (to.inputs * kPanel));  // panels
  for (std::int64_t first = 0; first < to.n_panels(); first += step) {
    const std::int64_t n = std::min(step, to.n_panels() - first);
    pool_.parallel_for(n, [&](std::int64_t item, int) {
      if (transposed) {
        pack_panel_transposed(tensor, to, first + item);
      } else {
        pack_panel(tensor, to, first + item);
      }
    });
    advance(std::min(n * kPanel, to.outputs - first * kPanel) * to.inputs);
  }
}

}  // namespace inferbench::cpu_ref
