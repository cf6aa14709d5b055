"""Has moved to `zoo.measure.plots`."""

import sys

from zoo.measure import plots

sys.modules[__name__] = plots
