// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "inferbench/backend.hpp"
#include "python_ref.hpp"
#include "view.hpp"

namespace inferbench::python {

// Python's form of a model. They need the GIL and throw PythonRaised.

/// The fields of ib_model_desc under their names, as attributes: flags are bool, codes are names ("rms", "silu"),
/// layers and tables are lists.
Ref description_object(const ib_model_desc& desc);

/// inferbench.Tensors: a View of each tensor. Throws Failure where one is missing or has another shape.
Ref tensors_object(const ib_model_desc& desc, const std::shared_ptr<Lease>& lease);

/// The features that the model needs: a list of (name, noun).
Ref needed_features(const ib_model_desc& desc);

/// types.SimpleNamespace with the attributes of a dictionary.
Ref namespace_object(const Ref& attributes);

/// Puts `value` into a dictionary.
void set_item(const Ref& dictionary, const char* key, const Ref& value);

Ref text_object(const char* text);

}  // namespace inferbench::python
