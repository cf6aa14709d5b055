"""What libraries say that tells a user nothing."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def tensorflow_only(level: int) -> Iterator[None]:
    """TensorFlow's Python side logs what is of this level or above, and nothing less.

    Example:
        >>> with tensorflow_only(logging.ERROR):
        ...     logging.getLogger("tensorflow").isEnabledFor(logging.WARNING)
        False
    """
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(max(level, before))
    try:
        yield
    finally:
        logger.setLevel(before)
