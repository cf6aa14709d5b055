"""Has moved to `zoo.deliver.presets`."""

import sys

from zoo.deliver import presets

sys.modules[__name__] = presets
