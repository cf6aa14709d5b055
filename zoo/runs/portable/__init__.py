"""A training as a program that needs neither TensorFlow nor the zoo: packed, run with JAX, and unpacked as a run."""

from zoo.runs.portable.pack import pack as pack
from zoo.runs.portable.unpack import config_of as config_of
from zoo.runs.portable.unpack import unpack as unpack
