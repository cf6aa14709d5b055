"""A model's ways to disk and back: files of Keras, presets, SavedModels."""

import copy
import os
from typing import Any, Self

import keras

from zoo.models import _reach


class Saving(keras.Model):
    """A model that is kept as its constructor's arguments and its weights."""

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature=None,
        *,
        overwrite: bool = False,
    ) -> None:
        """Writes a SavedModel with the zoo's signatures; see `zoo.export.saved_model`.

        Args:
            filepath: the new folder.
            format: `"tf_saved_model"`; `zoo.export` writes the others.
            verbose: whether a line says where the model is.
            input_signature: must be None: the signatures are the zoo's.
            overwrite: whether an existing folder is replaced.
        """
        from zoo.deliver import export

        _check_format(format, input_signature)
        export.saved_model(self, filepath, overwrite=overwrite)
        if verbose:
            print(f"Saved the model at {os.fspath(filepath)}.")

    def quantize(self, mode: str | None = None, *args, **kwargs) -> None:
        """Quantizes the weights of layers, as `keras.Model.quantize` does; optimizers start anew with what is left."""
        super().quantize(mode, *args, **kwargs)
        for traced in ("measure", "measure_codes"):
            self.__dict__.pop(traced, None)
        if self.compiled:
            self.compile_from_config(self.get_compile_config())

    @classmethod
    def from_preset(cls, name: str | os.PathLike, **kwargs) -> Self:
        """A pretrained model of this class, by its name or the path of its folder; see `zoo.from_preset`."""
        from zoo.deliver import presets

        return presets.from_preset(name, of_class=cls, **kwargs)

    def save_to_preset(self, folder: str | os.PathLike, **kwargs) -> None:
        """Writes the model as a preset's folder; see `zoo.presets.save`."""
        from zoo.deliver import presets

        presets.save(self, folder, **kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A model from `get_config`, with new weights."""
        config = copy.deepcopy(config)  # Keras empties what it revives.
        with _reach.known_networks():
            return cls(**{name: _revived(value) for name, value in config.items()})

    def save_own_variables(self, store) -> None:
        """Adds the random state, which Keras does not save, so that training resumes exactly."""
        store["seed_generator_state"] = self.seed_generator.state.numpy()

    def load_own_variables(self, store) -> None:
        """Restores the random state."""
        self.seed_generator.state.assign(store["seed_generator_state"])


def _check_format(format: str, input_signature) -> None:
    if format != "tf_saved_model":
        raise ValueError(
            '`format` must be "tf_saved_model": zoo.export.onnx, litert and others write the other formats. '
            f"Received: format={format!r}"
        )
    if input_signature is not None:
        raise ValueError(
            "`input_signature` must be None: the signatures are those of zoo.export.saved_model. "
            f"Received: input_signature={input_signature!r}"
        )


def _revived(value):
    """A Keras object from its serialised form; anything else as it is."""
    is_object = isinstance(value, dict) and "class_name" in value
    return keras.saving.deserialize_keras_object(value) if is_object else value
