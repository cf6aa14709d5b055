"""Has moved to `zoo.runs.callbacks`."""

import sys

from zoo.runs import callbacks

sys.modules[__name__] = callbacks
