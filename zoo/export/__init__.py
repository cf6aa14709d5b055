"""Models as files for other programs: servers, phones, browsers."""

from zoo.export._fidelity import Exported as Exported
from zoo.export._fidelity import Inexact as Inexact
from zoo.export._float32 import float32_copy as float32_copy
from zoo.export._float32 import in_float32 as in_float32
from zoo.export._float32 import without_compilation as without_compilation
from zoo.export._unsupported import Unsupported as Unsupported
from zoo.export._weights import let_settle as let_settle
from zoo.export._weights import served as served
from zoo.export._weights import training_only as training_only
from zoo.export.litert import litert as litert
from zoo.export.onnx import onnx as onnx
from zoo.export.saved_model import saved_model as saved_model
