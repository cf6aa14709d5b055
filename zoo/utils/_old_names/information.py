"""Has moved to `zoo.measure.information`."""

import sys

from zoo.measure import information

sys.modules[__name__] = information
