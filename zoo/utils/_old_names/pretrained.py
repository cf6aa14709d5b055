"""Has moved to `zoo.runs.pretrained`."""

import sys

from zoo.runs import pretrained

sys.modules[__name__] = pretrained
