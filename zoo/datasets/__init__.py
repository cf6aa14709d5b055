"""Datasets: images known by an index, and the factors that made them."""

from zoo.datasets._arrays import Arrays as Arrays
from zoo.datasets._load import load as load
from zoo.datasets._splits import Part as Part
from zoo.datasets._splits import held_out as held_out
from zoo.datasets._splits import split as split
from zoo.datasets.base import Dataset as Dataset
from zoo.datasets.base import GridDataset as GridDataset
from zoo.datasets.coloured import Coloured as Coloured
from zoo.datasets.correlated import Correlated as Correlated
from zoo.datasets.cropped import Cropped as Cropped
from zoo.datasets.digits import Digits as Digits
from zoo.datasets.noisy import Noisy as Noisy
from zoo.datasets.shapes2d import Shapes2D as Shapes2D
from zoo.datasets.shapes3d import Shapes3D as Shapes3D
from zoo.datasets.textured import Textured as Textured
from zoo.datasets.xyblocks import XYBlocks as XYBlocks
from zoo.datasets.xycolumns import XYColumns as XYColumns
from zoo.datasets.xyobject import XYObject as XYObject
from zoo.datasets.xyobjectshaded import XYObjectShaded as XYObjectShaded
from zoo.datasets.xysinglesquare import XYSingleSquare as XYSingleSquare
from zoo.datasets.xysquares import XYSquares as XYSquares
