"""Has moved to `zoo.measure.perceived_distance`."""

import sys

from zoo.measure import perceived_distance

sys.modules[__name__] = perceived_distance
