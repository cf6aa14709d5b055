"""Has moved to `zoo.networks.layers`."""

import sys

from zoo.networks import layers

sys.modules[__name__] = layers
