"""Anytime prediction with neural networks: a course and a reproduction kit for AdaLoss."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def lazily(package: str, modules: dict[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`, which imports a module when a name of it is first asked for.

    modules: names, with spaces between, by the module that has them. So a package that hands on
    what needs torch is imported without it.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return get
