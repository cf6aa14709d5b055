"""Figures: traversals, reconstructions, contact sheets, training curves, matrices, trade-offs.

Each function takes arrays and returns a `matplotlib.figure.Figure` of its own, sized to what it
holds. Save it with `figure.savefig("name.png")`; in a notebook, after `%matplotlib inline`, end a
cell with it.

Images have any number of channels: one is grey, more are red, green and blue in their order; what
is beyond the third is not drawn, and a line above the images says so.
"""

from zoo.measure.plots._curves import curves as curves
from zoo.measure.plots._look import NATS as NATS
from zoo.measure.plots._look import plain as plain
from zoo.measure.plots._matrices import agreement as agreement
from zoo.measure.plots._matrices import heat_map as heat_map
from zoo.measure.plots._matrices import heat_maps as heat_maps
from zoo.measure.plots._runs import trade_off as trade_off
from zoo.measure.plots._sheets import contact_sheet as contact_sheet
from zoo.measure.plots._sheets import grid as grid
from zoo.measure.plots._sheets import reconstructions as reconstructions
from zoo.measure.plots._sheets import traversals as traversals
