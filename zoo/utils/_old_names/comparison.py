"""Has moved to `zoo.runs.comparison`."""

import sys

from zoo.runs import comparison

sys.modules[__name__] = comparison
