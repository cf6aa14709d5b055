"""Has moved to `zoo.runs.training`."""

import sys

from zoo.runs import training

sys.modules[__name__] = training
