"""Has moved to `zoo.measure.log_likelihood`."""

import sys

from zoo.measure import log_likelihood

sys.modules[__name__] = log_likelihood
