// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "predict/physical_terms.hpp"
#include "unit/sweep_fixture.hpp"

namespace inferbench::test {

inline constexpr const char* kDecode = "decode_ms_per_token";

/// Constants of the law below: 10 GB/s reads, 100 G products per second, 1 ms per call, 0.02 ms per layer.
inline constexpr double kCallMs = 1;
inline constexpr double kLayerMs = 0.02;
inline constexpr double kSecondsPerGigabyte = 0.1;
inline constexpr double kSecondsPerGigaop = 0.01;

/// Three models, prompts and batches, and two contenders with 4 bytes and 1 byte per weight, on a machine that follows
/// the physical terms exactly.
inline MadeUpSweep physical_sweep() {
  MadeUpSweep sweep;
  sweep.contenders = {{"reference", "cpu_ref", "fp32", {}}, {"quant", "cpu_quant", "int8", {}}};
  sweep.models = {"synthetic:gpt2", "synthetic:gpt2-medium", "synthetic:gpt2-large"};
  sweep.prompts = {32, 128, 512};
  sweep.batches = {1, 2, 4, 8};
  sweep.noise = 0.03;
  sweep.law = [](const Contender& contender, const ModelConfig& shape, const Point& point) {
    const double bytes = contender.precision == "fp32" ? 4 : 1;
    const double weights = decode_weights(shape);
    const double blocks = weights - static_cast<double>(shape.vocab_size) * shape.hidden_size;
    const double steps = kCallMs + kLayerMs * shape.n_layers;
    const double reading = kSecondsPerGigabyte * weights * bytes * 1e-6;
    const double decode = steps + reading + kSecondsPerGigaop * 2 * point.batch * weights * 1e-6;
    const double ttft = steps + reading + kSecondsPerGigaop * 2 * point.batch * point.prompt_tokens * blocks * 1e-6;
    const double cache = 8.0 * point.batch * (point.prompt_tokens + 7) * shape.n_layers * shape.hidden_size;
    return MadeUpTimes{ttft, decode, 30e6 + weights * bytes + cache, 30e6 + weights * (bytes + 4)};
  };
  return sweep;
}

/// Like made_up_run, but each trial's load also reports how many bytes its backend reads in a decode step.
inline RunData physical_run(const MadeUpSweep& sweep) {
  RunData run = made_up_run(sweep);
  for (TrialRecord& trial : run.trials) {
    const double bytes = trial.precision == "fp32" ? 4 : 1;
    const ModelConfig shape = Model::open(trial.point.model).config();
    trial.load.decode_weights_bytes = static_cast<std::uint64_t>(bytes * decode_weights(shape));
  }
  return run;
}

}  // namespace inferbench::test
