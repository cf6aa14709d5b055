"""Packages that only some of the zoo needs."""

from importlib.util import find_spec


def need(*modules: str, extra: str) -> None:
    """Raises `ImportError` that says what to install, unless all modules can be imported.

    Args:
        *modules: names of top-level modules.
        extra: the extra of the zoo's package that brings them.

    Example:
        >>> need("no_such_module", extra="onnx")
        Traceback (most recent call last):
        ImportError: This needs no_such_module. Install it with: pip install "vae-zoo[onnx]"
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ImportError(
            f'This needs {", ".join(missing)}. Install it with: pip install "vae-zoo[{extra}]"'
        )
