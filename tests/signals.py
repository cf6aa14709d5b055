"""Processes of tests, and the signals that they heed."""

import contextlib
import signal


@contextlib.contextmanager
def heeded():
    """This process and those that it begins in here heed SIGINT, though a shell begins background jobs without.

    No `preexec_fn` does it: that forks Python, of which JAX warns in a process that has loaded it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
