# SPDX-License-Identifier: Apache-2.0
"""The module `inferbench` that a backend's Python code can import. It exists only inside the program.

poll(), progress(fraction) and log(message) are functions of the host; View is a buffer of the host's memory.
"""

import ast
import collections.abc
import gc
import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import signal  # sets a handler for SIGINT when it is imported for the first time: now, so that the start can undo it
import sys
import traceback

# Standard output belongs to the host's results.
sys.stdout = sys.stderr


class Unsupported(Exception):
    """Raise it for what cannot be done as asked: an option, a size, a device that this machine lacks."""


class DeviceLost(Exception):
    """Raise it when a device is gone; the host then gives the session up."""


class Cancelled(BaseException):
    """Raised by poll() when the host wants the call to stop. Let it pass: `except Exception` does not catch it."""


def float32(tensor):
    """The values of a tensor as a NumPy array of its own, float32, in the order in which the tensor is stored."""
    import numpy

    array = numpy.asarray(tensor)
    if tensor.dtype == "bf16":
        return (array.astype(numpy.uint32) << 16).view(numpy.float32)
    return numpy.array(array, numpy.float32)


class Tensors(collections.abc.Mapping):
    """A model's tensors by name, each a View. Taking one reports progress and raises Cancelled if the host says so."""

    def __init__(self, views):
        self._views = views
        self._taken = set()

    def __getitem__(self, name):
        view = self._views[name]
        poll()
        self._taken.add(name)
        progress(len(self._taken) / len(self._views))
        return view

    def __iter__(self):
        return iter(self._views)

    def __len__(self):
        return len(self._views)


# ---- for the backend's C++ half ----

_METHODS = ("load", "open", "forward")


def _parse_args(text):
    """'layers=4 mode=eager flash=true' -> {'layers': 4, 'mode': 'eager', 'flash': True}"""
    args = {}
    for word in shlex.split(text):
        key, equals, value = word.partition("=")
        if not equals or not key.isidentifier():
            raise Unsupported(f"option 'args': '{word}' is not KEY=VALUE")
        try:
            args[key] = {"true": True, "false": False}.get(value, None)
            if args[key] is None:
                args[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            args[key] = value
    return args


def _import_file(given):
    path = os.path.realpath(given)
    init = os.path.join(path, "__init__.py")
    file = init if os.path.isfile(init) else path
    if not os.path.isfile(file):
        raise Unsupported(f"option 'module': there is no file {file}")
    name = "backend_" + hashlib.sha256(path.encode()).hexdigest()[:12]
    if name in sys.modules:
        return sys.modules[name]
    folders = [path] if file == init else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None:
        raise Unsupported(f"option 'module': {file} is not a Python file")
    if os.path.dirname(path) not in sys.path:
        sys.path.insert(0, os.path.dirname(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_class(given):
    """The class Backend of a file, a folder with __init__.py, or an importable module."""
    if not given:
        raise Unsupported("option 'module' is not set: name a Python file that has a class Backend")
    try:
        module = _import_file(given) if given.endswith(".py") or os.sep in given else importlib.import_module(given)
    except ModuleNotFoundError as error:
        where = f"Python {platform.python_version()} in {sys.prefix}"
        raise Unsupported(f"{error} ({_place_of(error, given)}); its packages are those of {where}") from None
    backend = getattr(module, "Backend", None)
    lacks = [name for name in _METHODS if not callable(getattr(backend, name, None))]
    if lacks:
        raise Unsupported(f"{given} has no class Backend with {', '.join(_METHODS)}; missing: {', '.join(lacks)}")
    if not isinstance(getattr(backend, "precisions", None), dict) or not backend.precisions:
        raise Unsupported(f"{given}: Backend.precisions must be a dictionary: name -> one line of text")
    return backend


def _new_backend(given, precision, needs):
    """An instance, once it is clear that it can do what the model needs: [(feature, text for messages)]."""
    backend = _load_class(given)
    if precision not in backend.precisions:
        raise Unsupported(f"{given} has no precision '{precision}', only {', '.join(backend.precisions)}")
    features = getattr(backend, "features", None)
    for name, noun in needs:
        if features is not None and name not in features:
            raise Unsupported(f"{given} has no {noun}, which the model needs")
    return backend()


def _bytes_of(thing, name, what, default=None):
    value = getattr(thing, name, default)
    if value is None:
        raise TypeError(f"{what} must have the attribute {name}: a number of bytes")
    return int(value)


def _device_of(backend):
    """Where it computes: "cpu", or what its attribute `device` says, such as "cuda:0"."""
    device = str(getattr(backend, "device", None) or "cpu")
    return "cpu" if device.partition(":")[0] == "cpu" else device


def _kernels_of(backend):
    """What computes: the interpreter, the packages that the class names, and which state of its file."""
    parts = [f"{platform.python_implementation()} {platform.python_version()}"]
    for package in getattr(backend, "packages", ()):
        try:
            parts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            module = sys.modules.get(package)
            parts.append(f"{package} {getattr(module, '__version__', '(version unknown)')}")
    file = getattr(sys.modules.get(type(backend).__module__), "__file__", None)
    if file and os.path.isfile(file):
        with open(file, "rb") as code:
            parts.append(f"{os.path.basename(file)} {hashlib.sha256(code.read()).hexdigest()[:12]}")
    if own := getattr(backend, "kernels", None):
        parts.append(str(own))
    return ", ".join(parts)


def _place_of(error, given=None):
    """FILE:LINE of the innermost line of the user's own code, else of the innermost line."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.basename(error.filename)}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__ and "importlib" not in f.filename]
    if not frames:
        return given or "no place known"
    libraries = (os.path.dirname(os.__file__), sys.prefix + os.sep, sys.base_prefix + os.sep)
    own = [f for f in frames if not f.filename.startswith(libraries)]
    place = (own or frames)[-1]
    return f"{os.path.basename(place.filename)}:{place.lineno} in {place.name}"


def _explain(error):
    """(kind, one line) of an exception. Kinds are those of the C++ half."""
    if isinstance(error, Cancelled):
        return "cancelled", "cancelled by the host"
    place = _place_of(error)
    if isinstance(error, SystemExit):
        return "internal", f"the module called sys.exit({error.code!r}) ({place})"
    last = traceback.format_exception_only(type(error), error)[-1].strip()
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory", f"{last} ({place})"
    if isinstance(error, Unsupported):
        return "unsupported", str(error)
    if isinstance(error, NotImplementedError):
        return "unsupported", f"{last} ({place})"
    traceback.print_exception(type(error), error, error.__traceback__)
    return "device_lost" if isinstance(error, DeviceLost) else "internal", f"{last} ({place})"


def _collect():
    gc.collect()


def _running_threads(seconds):
    """Names of the threads of Python that still run once each had that long to end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    others = [t for t in threading.enumerate()
              if t not in (threading.main_thread(), threading.current_thread()) and not isinstance(t, threading._DummyThread)]
    for thread in others:
        thread.join(seconds)
    return [t.name for t in others if t.is_alive()]
