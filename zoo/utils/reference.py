"""The API reference: web pages of everything public, made from the docstrings by pdoc.

`pip install "vae-zoo[docs]"`, then `python -m zoo.utils.reference FOLDER`.
"""

import importlib
import os
import pkgutil
import sys
from types import ModuleType

from zoo.utils import files
from zoo.utils.extras import need


def write(folder: str) -> None:
    """Writes the reference.

    Args:
        folder: where to; `index.html` is its front page.

    Raises:
        ImportError: pdoc is not installed.
    """
    need("pdoc", extra="docs")
    import pdoc

    state_public_names(importlib.import_module("zoo"))
    pdoc.render.configure(docformat="google")
    pdoc.pdoc("zoo", output_directory=files.path_of(folder))


def state_public_names(package: ModuleType) -> None:
    """Sets `__all__` of a package, and of those in it, for pdoc, which else passes over what a package imports.

    A package shows its public modules, and what it offers of its files whose names start with an underscore. Modules
    that only lead to another one, as short names do, are not shown.
    """
    children = [
        module.name for module in pkgutil.iter_modules(package.__path__) if module.name[0] != "_"
    ]
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in children}
    stated = getattr(package, "__all__", None) or [
        *modules,
        *(name for name in dir(package) if _is_offered(package, name, getattr(package, name))),
    ]
    package.__all__ = [
        name for name in stated if not _leads_elsewhere(package, name, getattr(package, name))
    ]
    for name in package.__all__:
        if hasattr(modules.get(name), "__path__"):
            state_public_names(modules[name])


def _is_offered(package: ModuleType, name: str, value: object) -> bool:
    """Whether a name of a package is made in it, or in one of its private files."""
    home = getattr(value, "__module__", None) or ""
    is_own = home == package.__name__ or home.startswith(f"{package.__name__}._")
    return is_own and not name.startswith("_")


def _leads_elsewhere(package: ModuleType, name: str, value: object) -> bool:
    return isinstance(value, ModuleType) and value.__name__ != f"{package.__name__}.{name}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    write(sys.argv[1])
