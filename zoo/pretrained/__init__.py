"""The making of presets: the best of finished runs by a stated rule, measured, converted, drawn and described."""

from zoo.pretrained.card import card as card
from zoo.pretrained.card import licence_of as licence_of
from zoo.pretrained.faults import Faults as Faults
from zoo.pretrained.faults import faults as faults
from zoo.pretrained.make import make as make
from zoo.pretrained.rescore import rescore as rescore
