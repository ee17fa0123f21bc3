"""What a fitted model may not name: code, what runs any, networks, and libraries that are not installed."""

from slipway.adopt.libraries import BUILT_IN, read_versions
from slipway.adopt.model_file import BY_HAND
from slipway.adopt.pickle_tree import Name
from slipway.errors import PipelineError
from slipway.serving.trusted import BOOSTING

# Packages that put code into a pickle, and what else makes a function of it.
CODE = ("cloudpickle", "dill", "marshal")
CODE_NAMES = ("types.CodeType", "types.FunctionType", "new.code", "new.function")
# What no model needs.
RUNS = {
    *("asyncio", "bdb", "code", "commands", "ctypes", "http", "importlib", "multiprocessing", "nt", "os", "pdb", "pickle", "pip"),
    *("posix", "pty", "pydoc", "requests", "runpy", "shutil", "signal", "socket", "subprocess", "sys", "threading", "timeit"),
    *("urllib", "webbrowser"),
}
RUNS_BUILT_IN = {"__import__", "breakpoint", "compile", "delattr", "eval", "exec", "globals", "input", "open", "setattr"}
NETWORKS = ("keras", "tensorflow", "torch", "transformers")


def refuse_code(file: str, names: set[Name]) -> None:
    """Raise PipelineError for a file that carries code, or names what runs any."""
    listed = sorted(names, key=lambda each: each.path)
    if code := [each.path for each in listed if each.top in CODE or each.path in CODE_NAMES]:
        raise PipelineError(
            f"{file} carries code ({', '.join(code[:3])}), as cloudpickle and dill write functions and classes of a notebook. It was not "
            "run, and is not drafted. Expected: names of classes and functions. Next: write these as named functions and classes in a "
            "file of yours, and save the model with joblib.dump; or " + BY_HAND + "."
        )
    if runs := [each.path for each in listed if each.top in RUNS or (each.module in BUILT_IN and each.name in RUNS_BUILT_IN)]:
        raise PipelineError(
            f"{file} names {', '.join(runs[:3])}, which no model needs: whoever loads this file may run somebody's code. Nothing of it was "
            f"run. Expected: names of a model's parts. Next: do not load it, and ask who made it; or {BY_HAND}."
        )


def refuse_packages(file: str, names: set[Name]) -> None:
    """Raise PipelineError for a part of a network, and for a library that is not installed."""
    if found := next((each for each in names if each.top in NETWORKS), None):
        raise PipelineError(f"{file} holds {found.path}, a part of a network. Expected: scikit-learn and trees. Next: {BY_HAND}.")
    for top in sorted({each.top for each in names} & {*BOOSTING}):
        if not any(read_versions({top}).values()):
            raise PipelineError(
                f"{file} is made of {top}, which is not installed. Expected: its package in requirements/serve.in. "
                "Next: add it as docs/your-model.md says, then ./run lock, and adopt again."
            )
