"""Which metrics are asked for: names and calls, looked up and checked before any work is done."""

import inspect
import numbers
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from zoo.utils import registry
from zoo.utils.checks import check_integer

ALL = "all"
# What a training run ends with: each takes about two seconds at most on 15,000 codes.
QUICK = (
    "factor_vae_score",
    "mig",
    "beta_vae_score",
    "sap",
    "modularity",
    "explicitness",
    "irs",
    "unsupervised",
)
# Arguments of metrics that a name or call does not set.
GIVEN = {
    "jobs": "it changes no score; pass it for all metrics, as jobs=... (--jobs ...)",
    "traversals": "they are drawn from the dataset",
    "log_variances": "they are those of the model",
}
OF_SEVERAL = ("udr", "model_centrality")  # models, which an evaluation of one has not


def metric_names(metrics: str | Iterable[str] | None, data) -> list[str]:
    """The metrics to take; every name is looked up before any work is done."""
    if metrics is None:
        return _quick_for(data)
    names = listed(metrics)
    if names == [ALL]:
        return _all_for(data)
    called = {name: function for name, function, _ in map(parsed, names)}
    if len(called) < len(names):
        raise ValueError(
            "Expected each metric once, since scores go by its name; take another rule of one in a call of its own. "
            f"Received: {', '.join(names)}."
        )
    needing = [name for name, function in called.items() if least_factors(function)]
    if needing and not data.factor_names:
        raise ValueError(
            f'Expected a dataset with factors for {", ".join(needing)}. Received: "{data.name}", which has none. '
            "Pass one with factors, or metrics that need none: "
            f'metrics="{",".join(_factorless())}" (--metrics {",".join(_factorless())}).'
        )
    return names


def _quick_for(data) -> list[str]:
    """The metrics that are taken where none are named; of one factor those that it does not make 1."""
    if not data.factor_names:
        return []
    varying = max(1, sum(size > 1 for size in data.factor_sizes))
    members = registry.members("metrics")
    return [name for name in QUICK if least_factors(members[name]) <= varying]


def _all_for(data) -> list[str]:
    """All metrics; of a dataset without factors those that need none, with a warning that names the others."""
    names = registry.names("metrics")
    if data.factor_names:
        return names
    kept = _factorless()
    others = ", ".join(name for name in names if name not in kept)
    message = f'"{data.name}" has no factors. Left out are the metrics that need them: {others}.'
    warnings.warn(message, UserWarning, stacklevel=4)
    return kept


def _factorless() -> list[str]:
    """The metrics that need no factors."""
    members = registry.members("metrics")
    return [name for name, function in members.items() if not least_factors(function)]


def listed(metrics: str | Iterable[str]) -> list[str]:
    """Names and calls one by one, of a list or of a text with commas between them.

    Example:
        >>> listed("mig, downstream(train_samples=(100, 200), trees=5),")
        ['mig', 'downstream(train_samples=(100, 200), trees=5)']
    """
    texts = [metrics] if isinstance(metrics, str) else metrics
    return [call for text in texts for call in _split(text)]


def _split(text: str) -> list[str]:
    """The parts between those commas that stand outside of all brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def parsed(metric: str) -> tuple[str, Callable, dict[str, Any]]:
    """Name, function and all arguments but codes, factors and the seed, of a metric's name or call."""
    name, positional, named = registry.parse_call(metric)
    if name in OF_SEVERAL:
        raise ValueError(
            f'Unknown metric "{name}" of a single model: it compares several. Call zoo.comparison.{name}(folders) with '
            f"the folders of their runs. Received: {metric}"
        )
    function = registry.get("metrics", name)
    arguments = inspect.signature(function).parameters.values()
    defaults = {
        argument.name: argument.default
        for argument in arguments
        if argument.kind is argument.KEYWORD_ONLY
    }
    for argument, why in GIVEN.items():
        defaults.pop(argument, None)
        if argument in named:
            raise ValueError(
                f"{name}: `{argument}` is no argument of a metric here: {why}. Received: {metric}"
            )
    if positional or not named.keys() <= defaults.keys():
        raise ValueError(
            f"{name}: its arguments are named, and are: {', '.join(defaults)}. Received: {metric}"
        )
    for argument, value in named.items():
        _check_kind(name, argument, value, defaults[argument])
    defaults.pop("seed")
    return name, function, {**defaults, **named}


def _check_kind(metric: str, name: str, value: Any, default: Any) -> None:
    """Checks before any work that an argument is of its default's kind; its range is the metric's to check.

    Example:
        >>> _check_kind("mig", "bins", "many", default=20)
        Traceback (most recent call last):
        ValueError: mig: `bins` must be an integer >= 0. Received: bins='many'
    """
    kinds = {
        float: (numbers.Real, "a number"),
        str: (str, "a text"),
        tuple: (list | tuple, f"several values, such as {default}"),
    }
    kind, words = kinds.get(type(default), (object, ""))
    try:
        if isinstance(default, int):
            check_integer(name, value, least=0)
        elif not isinstance(value, kind):
            raise ValueError(f"`{name}` must be {words}. Received: {name}={value!r}")
    except ValueError as error:
        raise ValueError(f"{metric}: {error}") from None


def takes(function: Callable, argument: str) -> bool:
    return argument in inspect.signature(function).parameters


def least_factors(function: Callable) -> int:
    """How many factors a metric needs to say anything: 1 where it does not tell, in `least_factors`."""
    return getattr(function, "least_factors", 1)
