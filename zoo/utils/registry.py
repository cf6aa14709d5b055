"""Members of the zoo by name.

A member is a public object of one of the rooms (`zoo.models`, `zoo.likelihoods`, `zoo.datasets`, `zoo.metrics`).
Its name is the file it lives in: `zoo/models/factor_vae.py` is `"factor_vae"`. Files called `base.py` and files
with a leading underscore hold what members share and are no members.
"""

import ast
import difflib
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib.util import find_spec
from typing import Any

LEVELS = 50  # of calls, lists and operators in each other
STRING = re.compile(r"""(?<!\w)(\w*)('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", re.DOTALL)
# What Python raises on text that is no expression, or too deep a one.
UNREADABLE = (SyntaxError, ValueError, TypeError, OverflowError, RecursionError, MemoryError)


def names(room: str) -> list[str]:
    """Names of a room's members, found without importing them.

    Example:
        >>> "factor_vae" in names("models")
        True
    """
    path = find_spec(f"zoo.{room}").submodule_search_locations
    found = (module.name for module in pkgutil.iter_modules(path))
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def members(room: str) -> dict[str, Any]:
    """Name to object, for every member that the room's `__init__.py` imports."""
    package = importlib.import_module(f"zoo.{room}")
    prefix = package.__name__ + "."
    found = {}
    for value in vars(package).values():
        home = getattr(value, "__module__", None) or ""
        name = home.removeprefix(prefix)
        if home.startswith(prefix) and name != "base" and not name.startswith("_"):
            found[name] = value
    return dict(sorted(found.items()))


def get(room: str, name: str) -> Any:
    """The member called `name`.

    Raises:
        ValueError: there is none; the nearest name is suggested.
    """
    found = members(room)
    if name not in found:
        raise ValueError(unknown(room.removesuffix("s"), name, found))
    return found[name]


def build(room: str, spec: str, **arguments: Any) -> Any:
    """Makes a member from its name, or from a call written as text.

    Args:
        room: `"likelihoods"`, `"datasets"` or `"models"`.
        spec: `"gaussian"`, or `'gaussian(scale="learned")'`.
        **arguments: further arguments of the member.

    Raises:
        ValueError: there is no such member, or it does not take these arguments.

    Example:
        >>> build("likelihoods", "gaussian(scale=0.5)").scale
        0.5
    """
    return made(spec, lambda name: get(room, name), **arguments)


def made(
    text: str, find: Callable[[str], Callable], title: str | None = None, /, **arguments: Any
) -> Any:
    """Makes what a text names: the result of a call, whose function `find` gives by its name.

    Args:
        text: a name, or a call such as `"linear(4, 1000)"`.
        find: gives the function; raises `ValueError` for a name that it does not know.
        title: what errors call it; default: its name.
        **arguments: further arguments of the function.

    Raises:
        ValueError: there is no such function, or it does not take these arguments.

    Example:
        >>> made("complex(1, imag=2)", {"complex": complex}.get)
        (1+2j)
    """
    name, positional, named = parse_call(text)
    return call(title or name, find(name), positional, {**named, **arguments})


def call(name: str, function: Callable, positional: Sequence, named: dict[str, Any]) -> Any:
    """Calls a function with arguments that a user wrote.

    Raises:
        ValueError: it does not take these arguments; `name` is what the user called it.

    Example:
        >>> call("double", lambda x: 2 * x, [1], {"y": 2})
        Traceback (most recent call last):
        ValueError: double: got an unexpected keyword argument 'y'. Its arguments: x.
    """
    try:
        inspect.signature(function).bind(*positional, **named)
    except TypeError as error:
        allowed = ", ".join(inspect.signature(function).parameters)
        raise ValueError(f"{name}: {error}. Its arguments: {allowed}.") from None
    return function(*positional, **named)


def parse_call(text: str) -> tuple[str, list, dict]:
    """Splits `'name(1, key="value")'` into its name, arguments and named arguments.

    An argument that is a name or a call itself stays text, for whom it is given to. In quotes a single backslash is
    itself, as in paths of Windows.

    Raises:
        ValueError: the text is no call, or is nested more than 50 deep.

    Example:
        >>> parse_call("xysquares(spacing=1)")
        ('xysquares', [], {'spacing': 1})
        >>> parse_call("linear(4, 1000)")
        ('linear', [4, 1000], {})
        >>> parse_call("noisy(xysquares(spacing=1), strength=0.5)")
        ('noisy', ['xysquares(spacing=1)'], {'strength': 0.5})
    """
    if "(" not in text:
        return text, [], {}
    try:
        call = _parsed(text)
        positional = [_argument(argument) for argument in call.args]
        named = {keyword.arg: _argument(keyword.value) for keyword in call.keywords}
        if len(named) < len(call.keywords) or None in named:
            raise ValueError("two arguments of one name, or arguments without one")
        return call.func.id, positional, named
    except (*UNREADABLE, AttributeError):
        raise ValueError(
            "Expected a name, or a call with plain values such as 'gaussian(scale=0.1)'. "
            f"Received: {shortened(text)}"
        ) from None


def parse_literal(text: str) -> Any:
    r"""The value of a Python literal. In quotes a single backslash is itself, as in paths of Windows.

    Raises:
        ValueError: the text is none.

    Example:
        >>> parse_literal("[1, 2.5]"), parse_literal(r"'C:\data\new'") == r"C:\data\new"
        ([1, 2.5], True)
    """
    try:
        return ast.literal_eval(_parsed(text))
    except UNREADABLE:
        raise ValueError(f"Expected a plain value. Received: {shortened(text)}") from None


def shortened(text: str, most: int = 200) -> str:
    """A text in quotes, its middle left out where it is long.

    Example:
        >>> shortened("a" * 100, most=9)
        "'aaaa ... aaaa'"
    """
    half = most // 2
    return repr(text if len(text) <= most else f"{text[:half]} ... {text[-half:]}")


def _parsed(text: str) -> ast.expr:
    """The expression that a text is.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: it is none, or is nested too deeply.
    """
    text = text.strip()
    try:
        tree = ast.parse(STRING.sub(_as_python_writes, text), mode="eval").body
    except SyntaxError:  # perhaps of a backslash before the closing quote
        tree = ast.parse(text.replace("\\", "\\\\"), mode="eval").body
    level = [tree]
    for _ in range(LEVELS):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return tree
    raise ValueError("nested too deeply")


def _as_python_writes(string: re.Match) -> str:
    """A quoted text with its backslashes doubled, unless all are already, or stand before quotes."""
    prefix, quoted = string.groups()
    runs = re.findall(r"\\+(?![\\'\"])", quoted)
    if "r" in prefix.lower() or all(len(run) % 2 == 0 for run in runs):
        return string[0]
    return prefix + re.sub(r"\\(?!['\"])", r"\\\\", quoted)


def _argument(node: ast.expr) -> Any:
    """A plain value, or the text of what names something."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        return ast.unparse(node)
    return ast.literal_eval(node)


def check_known(kind: str, name: str, known: Collection[str]) -> str:
    """`name`, if it is one of those known.

    Raises:
        ValueError: it is none of them.

    Example:
        >>> check_known("kernel", "rfb", ["rbf"])
        Traceback (most recent call last):
        ValueError: Unknown kernel "rfb". Did you mean "rbf"? Known: rbf.
    """
    if not isinstance(name, str) or name not in known:
        raise ValueError(unknown(kind, name, known))
    return name


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not known, with the nearest one that is.

    Example:
        >>> unknown("metric", "migg", ["mig", "sap"])
        'Unknown metric "migg". Did you mean "mig"? Known: mig, sap.'
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name)[:200], known, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    shown = f'"{name}"' if len(str(name)) <= 200 else shortened(str(name))
    return f"Unknown {kind} {shown}.{hint} Known: {', '.join(known)}."


def arguments(cls: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class of the zoo, and of the bases that it passes further ones to, by name.

    Example:
        >>> from zoo import models
        >>> arguments(models.BetaVAE)["beta"].default
        4.0
    """
    found = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("zoo."):
            found |= inspect.signature(base.__init__).parameters
    return {
        name: argument
        for name, argument in found.items()
        if name != "self" and argument.kind not in (argument.VAR_KEYWORD, argument.VAR_POSITIONAL)
    }


def source(member: Any) -> str:
    """Authors and year of the first reference of a member's docstring; nothing where it has none.

    Example:
        >>> from zoo import datasets
        >>> source(datasets.Shapes2D)
        'Matthey, Higgins, Hassabis & Lerchner 2017'
    """
    reference = " ".join((member.__doc__ or "").partition("Reference:")[2].split())
    authors = reference.partition('"')[0].rstrip(", ")
    year = re.search(r"\b(19|20)\d\d\b", reference)
    return f"{authors} {year[0]}" if authors and year else ""


def summary(member: Any) -> str:
    """The first line of a member's docstring.

    Example:
        >>> summary(names)
        "Names of a room's members, found without importing them."
    """
    return (member.__doc__ or "").strip().partition("\n")[0]
