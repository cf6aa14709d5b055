"""The making of presets: the best of finished runs by a stated rule, measured, converted, drawn and described."""

from zoo.runs.pretrained.card import card as card
from zoo.runs.pretrained.card import licence_of as licence_of
from zoo.runs.pretrained.faults import Faults as Faults
from zoo.runs.pretrained.faults import faults as faults
from zoo.runs.pretrained.make import make as make
from zoo.runs.pretrained.rescore import rescore as rescore
