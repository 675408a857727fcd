"""What the contract asks of a method's class before anything is computed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from methods.contract import Method, Shape
from methods.registry import REFERENCES, entries
from methods.spelling import strays_of_class
from methods.trials import SAMPLES
from methods.vocabulary import Kind, Objective


def check_description(cls: type[Method]) -> Iterator[str]:
    """What is missing or wrong of title, year, citation and docstring, and of what is declared."""
    for name in ("title", "citation"):
        if not getattr(cls, name, ""):
            yield f"no {name}"
    year = getattr(cls, "year", None)
    if not isinstance(year, int) or not 1980 < year < 2100:
        yield "year must be a whole number from 1981 to 2099"
    keys = re.findall(r"@\w+\{([^,\s]+),", REFERENCES.read_text(encoding="utf-8") + str(cls.bibtex))
    if (citation := getattr(cls, "citation", "")) and citation not in keys:
        yield f"'{citation}' is neither in {REFERENCES.name} nor in `bibtex`"
    elif cls.bibtex and citation not in {**entries(REFERENCES.read_text(encoding="utf-8")), **entries(cls.bibtex)}:
        yield "`bibtex`: the last brace of the entry must begin a line"
    if not cls.__doc__ or cls.__doc__ == Method.__doc__:
        yield "no docstring"
    for name, allowed in (("kinds", Kind), ("objectives", Objective)):
        if not isinstance(getattr(cls, name), frozenset) or not getattr(cls, name) <= set(allowed):
            yield f"{name} must be a frozenset of: {', '.join(allowed)}"
    if not isinstance(cls.labels_apart, bool):
        yield f"labels_apart = {cls.labels_apart!r}; allowed: True, False"
    if cls.samples and cls.samples not in SAMPLES:
        yield f"samples = {cls.samples!r}; allowed: {', '.join(map(repr, SAMPLES))}"
    if cls.samples == "edges" and not cls.uses_edges:
        yield 'samples = "edges", but uses_edges is not declared'
    yield from strays_of_class(cls, Method)


def check_class(cls: type[Method], teacher: Shape, student: Shape) -> Iterator[str]:
    """What is wrong of `__init__` and the signature of `forward`."""
    yield from _check_arguments(cls)
    try:
        inspect.signature(cls.forward).bind(None, None, None, None)
    except TypeError:
        yield "forward must take (self, student, teacher, batch)"
    # Without the constructor of torch's modules, an object has no list of its parameters.
    try:
        method = cls(teacher, student, **cls.fixed)
    except AttributeError as error:
        if "before Module.__init__() call" in str(error):
            yield "__init__ must begin with super().__init__(teacher, student)"
            return
        raise
    except TypeError as error:
        if "missing" not in str(error):  # is told with the arguments
            raise
        return
    if "_parameters" not in vars(method) or not hasattr(method, "student_shape"):
        yield "__init__ must begin with super().__init__(teacher, student)"


def _check_arguments(cls: type[Method]) -> Iterator[str]:
    _, *arguments = inspect.signature(cls.__init__).parameters.values()
    shapes, others = arguments[:2], arguments[2:]
    if [argument.name for argument in shapes] != ["teacher", "student"]:
        yield "__init__ must take (self, teacher, student, *, and the hyperparameters)"
    for argument in others:
        if argument.kind is not inspect.Parameter.KEYWORD_ONLY:
            yield f"__init__: '{argument.name}' must stand behind `*,`: a configuration sets hyperparameters by name"
        elif argument.default is inspect.Parameter.empty:
            yield f"__init__: the hyperparameter '{argument.name}' must have a default"
