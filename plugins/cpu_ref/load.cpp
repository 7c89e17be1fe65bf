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

void Loader::vector(const std::string& name, std::int64_t n, float* to) {
  read_vector(tensors_.get(name, {n}), 0, n, to);
  advance(n);
}

void Loader::table(const std::string& name, std::int64_t rows, std::int64_t columns, float* to) {
  const ib_tensor& tensor = tensors_.get(name, {rows, columns});
  const std::int64_t item_rows = std::clamp<std::int64_t>(kItem / columns, 1, rows);
  const std::int64_t step = std::max(item_rows, kStretch / columns / item_rows * item_rows);
  for (std::int64_t begin = 0; begin < rows; begin += step) {
    const std::int64_t n = std::min(step, rows - begin);
    pool_.parallel_for((n + item_rows - 1) / item_rows, [&](std::int64_t item, int) {
      const std::int64_t row = begin + item * item_rows;
      const std::int64_t count = std::min(item_rows, begin + n - row);
      copy_block(tensor, {row, count, 0, columns}, to + row * columns, columns, 1);
    });
    advance(n * columns);
  }
}

void Loader::pack(const std::string& name, const PackedMatrix& to, std::int64_t first, std::int64_t n_outputs) {
  const ib_tensor& tensor = tensors_.get(name, {n_outputs, to.inputs});
  const std::int64_t end = first + n_outputs;
  const std::int64_t last_panel = (end + kPanel - 1) / kPanel;
  const std::int64_t step = std::max<std::int64_t>(1, kStretch / (to.inputs * kPanel));  // panels
  for (std::int64_t p = first / kPanel; p < last_panel; p += step) {
    const std::int64_t n = std::min(step, last_panel - p);
    pool_.parallel_for(n, [&](std::int64_t item, int) { pack_panel(tensor, to, first, p + item); });
    advance((std::min(end, (p + n) * kPanel) - std::max(first, p * kPanel)) * to.inputs);
  }
}

void Loader::norm(const std::string& name, std::int64_t size, const Norm& to) {
  vector(name + ".weight", size, to.weight);
  if (to.bias != nullptr) vector(name + ".bias", size, to.bias);
}

void Loader::linear(const std::string& name, const Linear& to, std::int64_t first, std::int64_t n_outputs) {
  pack(name + ".weight", to.weight, first, n_outputs);
  if (to.bias != nullptr) vector(name + ".bias", n_outputs, to.bias + first);
}

}  // namespace inferbench::cpu_ref
