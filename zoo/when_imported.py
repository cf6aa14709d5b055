"""Something to do once a library is imported, without importing it."""

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any


def when_imported(library: str, then: Callable[[], None]) -> None:
    """Calls `then` as soon as a library is imported: now, later or never.

    Args:
        library: its name, without dots.
        then: called without arguments, once.

    Example:
        >>> when_imported("sys", lambda: print("it is there"))
        it is there
    """
    if library in sys.modules:
        then()
    else:
        sys.meta_path.insert(0, _Finder(library, then))


class _Finder:
    """Finds a library where Python would, and has something done when it is loaded."""

    def __init__(self, library: str, then: Callable[[], None]) -> None:
        self.library, self.then = library, then

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The library's own spec, with a loader that also calls `then`; `None` for all other modules."""
        spec = PathFinder.find_spec(name, path, target) if name == self.library else None
        if spec is not None:
            load = spec.loader.exec_module

            def load_and_more(module: Any) -> None:
                load(module)
                if self in sys.meta_path:
                    sys.meta_path.remove(self)
                    self.then()

            spec.loader.exec_module = load_and_more
        return spec
