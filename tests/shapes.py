"""Shape annotations, checked by beartype while the tests run.

jaxtyping's import hook compares arguments with their annotations before the body of a function sees them. A caller
without the hook meets our own refusal instead, and that refusal is what the tests are about. So a violated
annotation gives the function one chance to refuse by itself: a ContricaError stands, anything else is the violation.
"""

import contextlib
import functools
import inspect
import random
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

# Numbers of numpy serve wherever numbers of Python do, and an int where a float is asked for.
NUMBERS = FrozenDict({int: int | np.integer, float: float | int | np.integer | np.floating})

_strictly_typed = jaxtyping.jaxtyped


def install(package: str) -> None:
    """Check whatever of the package is imported from now on, where a function or a dataclass is given arrays."""
    jaxtyping.jaxtyped = jaxtyped  # the name by which the hook's decorator is looked up
    jaxtyping.install_import_hook(package, f"{__name__}.compared")


def mentions_an_array(hint: object) -> bool:
    """Tell whether there is a shape or an array to compare; other types are mypy's, which asks no time of the tests."""
    return any(word in str(hint) for word in ("jaxtyping", "Tensor", "ndarray"))


def compared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compare arguments and results with the annotations, and leave the global generator where it was.

    beartype looks at one entry of a list or a dictionary, which it draws from Python's global generator.
    """
    comparing = beartype(function, conf=BeartypeConf(hint_overrides=NUMBERS))

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        state = random.getstate()
        try:
            return comparing(*args, **kwargs)
        finally:
            random.setstate(state)

    return call


def jaxtyped(function: Any = None, *, typechecker: Any) -> Any:
    """Check the annotations of a function or a dataclass, its own refusal first."""
    if function is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if not inspect.isclass(function):
        if not any(mentions_an_array(hint) for hint in function.__annotations__.values()):
            return function
        # beartype knows what Self is in a class only, and the hook shows it functions.
        hints = function.__annotations__.items()
        function.__annotations__ = {name: Any if "typing.Self" in str(hint) else hint for name, hint in hints}
        return _refusal_first(_strictly_typed(function, typechecker=typechecker), function)
    if not any(mentions_an_array(hint) for hint in vars(function).get("__annotations__", {}).values()):
        return function
    plain = function.__init__
    _strictly_typed(function, typechecker=typechecker)
    if function.__init__ is not plain:
        function.__init__ = _refusal_first(function.__init__, plain)
    return function


def _refusal_first(checked: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return checked(*args, **kwargs)
        except jaxtyping.TypeCheckError as violation:
            refusal = _refusal(plain, *args, **kwargs)
            if refusal is None:
                raise
            raise refusal from violation

    return call


def _refusal(plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Exception | None:
    from contrica.errors import ContricaError

    outer = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with contextlib.suppress(Exception):
            try:
                outcome = plain(*args, **kwargs)
                if inspect.isgenerator(outcome):
                    next(outcome, None)
            except ContricaError as refusal:
                return refusal
    finally:
        jaxtyping.config.update("jaxtyping_disable", outer)
    return None
