"""Texts for things and things for texts: data sets, networks, weightings. One grammar, both ways.

A thing is named `name:option=value,option=value`, such as "adaloss:gamma=0.1,extra=1"; a network's
name may end in -to4, which keeps its exits 1 to 4. A name that nobody knows may be
`module:function` of the user's own. Nothing here needs torch.
"""

import difflib
import hashlib
import inspect
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

IDENTITY = ("dataset", "network", "weighting", "seed")
"""What a configuration tells of a run first of all."""

Value = bool | int | float | str | tuple

SYMBOLS = {"gamma": "γ", "momentum": "ρ", "every": "T", "extra": "e"}
"""The paper's symbols for AdaLoss's options."""

TITLES = {name: name.upper() for name in "const linear half-end sieve exponential opt".split()}
TITLES["adaloss"] = "AdaLoss"
"""The weightings of the paper in words; one of one's own goes by its text."""

_WHOLE = re.compile(r"[+-]?\d+")
_TUPLE = re.compile(r"\d+(x\d+)+")


def dataset_name(dataset: str | os.PathLike) -> str:
    """A data set's name, as a record keeps it: a path loses its folder and an archive's ending."""
    # A link keeps its own name: so an archive can be given the name of the data set that it holds.
    return re.sub(r"(\.(tar|tgz|zip|gz|xz|bz2|npz))+$", "", Path(os.path.abspath(dataset)).name)


def parse(text: str) -> tuple[str, dict[str, Value]]:
    """The name and the options of a text.

    Raises ValueError for an option without a value, or one that is given twice.

    >>> parse("adaloss:gamma=7e-2,extra=1")
    ('adaloss', {'gamma': 0.07, 'extra': 1})
    """
    name, colon, tail = text.rpartition(":")
    if not colon or tail.isidentifier():  # the latter is module:function
        return text, {}

    options: dict[str, Value] = {}
    for part in tail.split(",") if tail else ():
        key, equals, value = part.partition("=")
        if not key or not equals or not value:
            raise ValueError(f"{text!r}: {part!r} is no option; write NAME=VALUE, as gamma=0.1")
        if key in options:
            raise ValueError(f"{key!r} is given twice; keep one of them")
        options[key] = _value(value)
    return name, options


def spell(name: str, options: Mapping[str, Value]) -> str:
    """The text of a name and its options, in their order, with numbers in their shortest form.

    >>> spell("adaloss", {"gamma": 0.10, "extra": 1.0})
    'adaloss:gamma=0.1,extra=1'
    """
    texts = [f"{key}={_spelled(value)}" for key, value in options.items()]
    return f"{name}:{','.join(texts)}" if texts else name


def _value(text: str) -> Value:
    if text in ("True", "False"):
        return text == "True"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _TUPLE.fullmatch(text):
        return tuple(int(part) for part in text.split("x"))
    try:
        return float(text)
    except ValueError:
        return text


def _spelled(value: Value) -> str:
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def options(make: Callable, arguments: Mapping[str, Any], given: Iterable[str]) -> dict[str, Value]:
    """The arguments of a function that say more than its defaults, in the signature's order.

    given: names of parameters that are known otherwise and left out. Raises ValueError for a value
    that no text can hold, such as a module or a tensor.
    """
    kept = {}
    for name, parameter in parameters(make).items():
        value = arguments.get(name, parameter.default)
        if name in given or value is parameter.default:
            continue
        if isinstance(parameter.default, bool) and value in (0, 1):
            value = bool(value)  # 1 is True, and so one text is enough
        if not isinstance(value, Value) or _value(_spelled(value)) != value:
            raise ValueError(f"the argument {name} = {value!r} cannot be put in a name")
        if value != parameter.default:
            kept[name] = value
    return kept


def parameters(make: Callable) -> dict[str, inspect.Parameter]:
    """The parameters of a function, or of a class's __init__."""
    function = inspect.getattr_static(make, "__init__") if isinstance(make, type) else make
    return dict(inspect.signature(function).parameters)


def check_options(make: Callable, chosen: Mapping[str, Value], given: Iterable[str]) -> None:
    """Raises ValueError for an option that a function does not have, or a text for a number."""
    known = {name: known for name, known in parameters(make).items() if name not in given}
    for key, value in chosen.items():
        if key not in known:
            raise ValueError(f"no option {key!r}; there are {', '.join(known) or 'none'}")
        # A number for a switch is left to whoever takes it: 1 is True as well.
        if isinstance(value, str | bool) and type(value).__name__ not in str(known[key].annotation):
            raise ValueError(f"{key}={value} is no number")


class Named:
    """A class whose objects remember what they were made with, and are named by it.

    known_as: a class's name; without one it is named by where it can be imported from.
    given: the parameters that a name leaves out.
    """

    known_as: str = ""
    given: tuple[str, ...] = ("self",)
    arguments: dict[str, Any] | None = None
    _name = ""

    def __new__(cls, *args: Any, **keywords: Any) -> Any:
        made = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind(made, *args, **keywords)
        except TypeError:
            return made  # a copy that is being made, or a mistake that __init__ will name
        # Without the first, which is the object itself, whatever its class calls it.
        made.__dict__["arguments"] = dict([*bound.arguments.items()][1:])
        return made

    @property
    def name(self) -> str:
        """The name it was given, else the text that names it; "" where its arguments fit none.

        Set it to name what no text can name.
        """
        if self._name or self.arguments is None:
            return self._name
        known_as = type(self).__dict__.get("known_as")  # a subclass is another thing
        try:
            return spell(known_as or place(type(self)), self.options())
        except ValueError:
            return ""

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    spec = name

    def options(self) -> dict[str, Value]:
        """The arguments that say more than the defaults."""
        return options(type(self), self.arguments or {}, self.given)


def place(thing: Callable) -> str:
    """Where a function or class can be imported from, as `module:name`, or its name alone."""
    importable = thing.__module__ != "__main__" and "<" not in thing.__qualname__
    return f"{thing.__module__}:{thing.__qualname__}" if importable else thing.__qualname__


def find(name: str, known: Mapping[str, Any], kind: str) -> Any:
    """What a name stands for among those known, or else `module:function` of the user's.

    Raises ValueError, with the nearest names, where there is no such thing.
    """
    if name in known:
        return known[name]
    module, colon, attribute = name.partition(":")
    if colon and module in known:
        raise ValueError(f"{attribute!r} is no option of {module}; write NAME=VALUE")
    if colon:
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{kind} {name!r} cannot be imported: {error}") from error
    there_are = ", ".join(known)
    raise ValueError(f"unknown {kind} {name!r}; there are {there_are}{nearest(name, known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message: which of the known names are most like this one, if any is."""
    near = difflib.get_close_matches(name, [*known], 4, 0.4)
    return f"; the nearest are {', '.join(near)}" if near else ""


def file_name(words: Iterable[str | None], content: Mapping[str, Any]) -> str:
    """A run's name for files: words to read, then a hash of all that identifies it."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    text = "_".join([*filter(None, words), digest])
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in text)


def cut(network: str) -> tuple[str, int | None]:
    """A network's name without its ending -toN, and N; None where it is whole.

    >>> cut("resann-4-16-to3")
    ('resann-4-16', 3)
    """
    match = re.fullmatch(r"(?s)(.*?)(?:-to(\d+))?", network)
    assert match is not None  # any text fits
    return match[1], int(match[2]) if match[2] else None


def whole(network: str) -> str:
    """The name of the network that `network` was cut from, or its own."""
    return cut(network)[0]


def up_to(network: str, exit: int) -> str:
    """The name of a network that ends at an exit, counted from 1; "" of one without a name."""
    return f"{whole(network)}-to{exit}" if network else ""


def recorded_weighting(text: str) -> tuple[str, dict[str, Value]]:
    """The name and the options of a weighting in a record; a name of one's own may be any text."""
    try:
        return parse(text)
    except ValueError:
        return text, {}


def is_opt(weighting: str) -> bool:
    """Whether a weighting's text is one of OPT's: all weight on one exit."""
    return recorded_weighting(weighting)[0] == "opt"


def weighting_title(weighting: str, brief: bool = False) -> str:
    """A weighting in the words of figures: "adaloss:extra=1" is "AdaLoss e=1".

    brief: with the paper's e alone, the only option that makes another curve of the paper.
    """
    name, chosen = recorded_weighting(weighting)
    if name not in TITLES:
        return weighting
    if brief:
        chosen = {"extra": chosen["extra"]} if chosen.get("extra") else {}
    words = [f"{SYMBOLS.get(key, key)}={_spelled(value)}" for key, value in chosen.items()]
    return " ".join([TITLES[name], *words])
