// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conformance/test_model.hpp"

namespace inferbench::conformance {

// Changes of a test model's weights that leave only one part of the formulas, for cases().

/// Makes all weights exact, see Case.
void make_exact(TestModel& model);
/// No layer adds anything.
void no_blocks(TestModel& model);
/// Only the attention, or the MLP, of one layer adds something.
void only_attention_0(TestModel& model);
void only_mlp_0(TestModel& model);
void only_attention_1(TestModel& model);
void only_mlp_1(TestModel& model);
/// Queries and keys of layer 0 are 0: every token attends evenly to all that it sees.
void even_attention(TestModel& model);
/// Halves queries and keys.
void small_scores(TestModel& model);
/// Embeddings so small that an epsilon of 1e-5 matters as much as the variance.
void small_embeddings(TestModel& model);
/// Every activation of the MLP of layer 0 is activation(-2.75).
void constant_activation(TestModel& model);
/// Normalized values are 1 and -1, and the final norm makes the variance matter 64 times as much.
void exact_variance(TestModel& model);

}  // namespace inferbench::conformance
