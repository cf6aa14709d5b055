"""Has moved to `zoo.deliver.serving`."""

import sys

from zoo.deliver import serving

sys.modules[__name__] = serving
