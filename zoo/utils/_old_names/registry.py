"""Has moved to `zoo.utils.registry`."""

import sys

from zoo.utils import registry

sys.modules[__name__] = registry
