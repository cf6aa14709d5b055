"""Models as files for other programs: servers, phones, browsers."""

from zoo.deliver.export._fidelity import Exported as Exported
from zoo.deliver.export._fidelity import Inexact as Inexact
from zoo.deliver.export._float32 import float32_copy as float32_copy
from zoo.deliver.export._float32 import in_float32 as in_float32
from zoo.deliver.export._float32 import without_compilation as without_compilation
from zoo.deliver.export._unsupported import Unsupported as Unsupported
from zoo.deliver.export._weights import let_settle as let_settle
from zoo.deliver.export._weights import served as served
from zoo.deliver.export._weights import training_only as training_only
from zoo.deliver.export.litert import litert as litert
from zoo.deliver.export.onnx import onnx as onnx
from zoo.deliver.export.saved_model import saved_model as saved_model
