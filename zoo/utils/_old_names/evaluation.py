"""Has moved to `zoo.measure.evaluation`."""

import sys

from zoo.measure import evaluation

sys.modules[__name__] = evaluation
