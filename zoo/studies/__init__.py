"""Studies: models, settings and seeds in a grid, many at a time, into one folder with tables, figures and a report."""

from zoo.studies._packed import Packed as Packed
from zoo.studies._packed import Unpacked as Unpacked
from zoo.studies._packed import pack as pack
from zoo.studies._packed import unpack as unpack
from zoo.studies.plan import Block as Block
from zoo.studies.plan import Cell as Cell
from zoo.studies.plan import Study as Study
from zoo.studies.session import Studied as Studied
from zoo.studies.session import run as run
from zoo.studies.status import status as status
from zoo.studies.toml import read as read
from zoo.studies.tune import trainable as trainable

# Last, because it stands on all of them.
from zoo.studies import named as named  # isort: skip
