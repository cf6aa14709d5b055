"""Has moved to `zoo.deliver.export`."""

import sys

from zoo.deliver import export

sys.modules[__name__] = export
