"""Progress bars with the time left, and Ctrl-C for long work."""

import contextlib
import signal
import sys
import threading
import warnings
from collections.abc import Iterator

from tqdm import TqdmWarning

with warnings.catch_warnings():
    # In a notebook without ipywidgets bars are of text, which is as good.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

REDRAW_SECONDS, LOG_SECONDS = 0.1, 30.0


def bar(**arguments) -> tqdm:
    """A `tqdm` bar that redraws on a terminal and prints a line now and then into a log.

    Example:
        >>> [step for step in bar(iterable=range(3), disable=True)]
        [0, 1, 2]
    """
    interval = REDRAW_SECONDS if sys.stderr.isatty() else LOG_SECONDS
    return tqdm(mininterval=interval, maxinterval=interval, dynamic_ncols=True, **arguments)


@contextlib.contextmanager
def remembered_interrupt() -> Iterator[threading.Event]:
    """An event that is set as soon as Ctrl-C was pressed.

    The `KeyboardInterrupt` can be lost: where Python cleans up, or is called from C++, exceptions end unseen. Long work
    looks at the event now and then, and raises it again.

    Example:
        >>> with remembered_interrupt() as pressed:
        ...     try:
        ...         signal.raise_signal(signal.SIGINT)
        ...     except KeyboardInterrupt:
        ...         pass
        ...     pressed.is_set()
        True
    """
    pressed, before = threading.Event(), signal.getsignal(signal.SIGINT)

    def remember(number, frame) -> None:
        pressed.set()
        before(number, frame)

    # Python lets the main thread alone set handlers; one that is none of Python's is left as it is.
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
