"""From a model to files for others: SavedModel, LiteRT, ONNX, presets, servers."""
