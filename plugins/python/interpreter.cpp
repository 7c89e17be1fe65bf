// SPDX-License-Identifier: Apache-2.0
#include "interpreter.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "host_module.hpp"
#include "python_call.hpp"

namespace inferbench::python {
namespace {

namespace fs = std::filesystem;

// The host opens backends so that their symbols, and those of libpython below, are invisible to later libraries.
// Python's extension modules are linked without libpython and expect its symbols in the process: make them global.
void publish_libpython() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&Py_InitializeFromConfig), &info) == 0) return;
  dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
}

// Pools of threads below NumPy and the like. They are created when the library is loaded and read their size there.
void limit_library_threads(std::int32_t n_threads) {
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"}) {
    setenv(name, std::to_string(n_threads).c_str(), 1);
  }
}

// The interpreter whose packages are used: that of an active virtual environment of this version of Python, else the
// one that this library was built with.
std::string executable(const HostCalls& host) {
  const char* const venv = std::getenv("VIRTUAL_ENV");
  if (venv == nullptr || *venv == '\0') return INFERBENCH_PYTHON_EXECUTABLE;
  const std::string version = std::to_string(PY_MAJOR_VERSION) + "." + std::to_string(PY_MINOR_VERSION);
  std::error_code error;
  if (fs::exists(fs::path(venv) / "lib" / ("python" + version), error)) return std::string(venv) + "/bin/python";
  host.log(IB_LOG_WARNING, "python: the virtual environment " + std::string(venv) + " is not of Python " + version +
                               ", which this backend embeds, so its packages are not used");
  return INFERBENCH_PYTHON_EXECUTABLE;
}

[[noreturn]] void refuse_start(const PyStatus& status) {
  throw Failure(IB_UNSUPPORTED,
                "Python cannot start: " + std::string(status.err_msg == nullptr ? "unknown" : status.err_msg));
}

// UTF-8 without touching the process's locale; no signal handlers, which would replace the host's; environment
// variables such as PYTHONPATH count, as with any Python program.
void initialize(const std::string& program) {
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before);
  before.utf8_mode = 1;
  before.use_environment = 1;
  PyStatus status = Py_PreInitialize(&before);
  if (PyStatus_Exception(status) != 0) refuse_start(status);
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  config.configure_c_stdio = 0;
  status = PyConfig_SetBytesString(&config, &config.executable, program.c_str());
  if (PyStatus_Exception(status) == 0) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status) != 0) refuse_start(status);
}

}  // namespace

void start_python(std::int32_t n_threads, const HostCalls& host) {
  static bool is_started = false;
  if (is_started) return;
  const bool is_ours = Py_IsInitialized() == 0;  // with --in-process, the program may hold another Python already
  if (is_ours) {
    publish_libpython();
    limit_library_threads(n_threads);
    initialize(executable(host));
    PyEval_SaveThread();
  }
  in_python(host, [] { create_host_module(); });
  is_started = true;
}

}  // namespace inferbench::python
