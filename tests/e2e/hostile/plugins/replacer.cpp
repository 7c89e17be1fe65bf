// SPDX-License-Identifier: Apache-2.0
// Replaces a file during a run, as a package manager or a build would. Fault "load:PATH" moves PATH.new to PATH when
// the model is created, "end:PATH" when it is destroyed. init does so if INFERBENCH_REPLACE in the environment names a
// path. Without a PATH.new it behaves correctly.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "toy_backend.hpp"

namespace {

void replace(const std::string& path) {
  static_cast<void>(std::rename((path + ".new").c_str(), path.c_str()));
}

struct Context : toy::Context {
  explicit Context(const ib_init_params& params) : toy::Context(params) {
    if (const char* path = std::getenv("INFERBENCH_REPLACE"); path != nullptr) replace(path);
  }
};

class Model : public toy::Model {
 public:
  Model(Context& context, const ib_model_params& params) : toy::Model(context, params) { replace_at("load:"); }
  ~Model() { replace_at("end:"); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

 private:
  void replace_at(const std::string& moment) const {
    if (!fault.starts_with(moment)) return;
    replace(fault.substr(moment.size()));
  }
};

}  // namespace

TOY_BACKEND(toy::make_table<Context, Model, toy::Session>("replacer", "replaces a file at a moment"))
