"""Has moved to `zoo.runs.report`."""

import sys

from zoo.runs import report

sys.modules[__name__] = report
