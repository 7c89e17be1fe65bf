// SPDX-License-Identifier: Apache-2.0
// The fields of a trial's row, each listed once: see support/field_list.hpp. The load is a separate object, `load`.
#pragma once

#include "experiment/point_fields.hpp"
#include "measure/outcome_fields.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

template <typename Archive, typename Value>
void walk_divergence(Archive& archive, Value& divergence) {
  archive.integer("first_divergence", divergence.token);
  archive.integer("divergent_sequence", divergence.sequence);
  archive.number("margin", divergence.margin);
  archive.truth("wide_divergence", divergence.wide);
}

template <typename Archive, typename Value>
void walk_trial_record(Archive& archive, Value& record) {
  archive.text("id", record.id);
  archive.text("contender", record.contender);
  archive.text("backend", record.backend);
  archive.text("precision", record.precision);
  walk_point(archive, record.point);
  archive.integer("block", record.block);
  archive.integer("repeat", record.repeat);
  archive.later_integer("attempt", record.attempt);
  archive.derived("warm_up", record.warm_up());
  archive.integer("prompt_stream", record.prompt_stream);
  archive.text("started", record.started);
  archive.number("duration_s", record.duration_s);
  archive.text_if_any("node", record.node);
  archive.derived("disturbed", record.disturbed());
  archive.later_text("disturbed_by", record.disturbed_by);
  archive.number("decode_bandwidth_share", record.decode_bandwidth_share);
  archive.number("prefill_peak_share", record.prefill_peak_share);
  walk_trial_outcome(archive, record.outcome);
  archive.truth("same_output", record.same_output);
  archive.group("first_divergence", record.divergence,
                [](auto& inner, auto& divergence) { walk_divergence(inner, divergence); });
}

}  // namespace inferbench
