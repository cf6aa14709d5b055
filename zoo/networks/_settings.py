"""Refuses settings of Keras under which the networks would compute something else."""

import keras

if keras.config.backend() != "tensorflow" or keras.config.image_data_format() != "channels_last":
    raise ImportError(
        "Expected Keras to be set to the backend tensorflow and to channels_last. "
        f"Received: {keras.config.backend()}, {keras.config.image_data_format()}. "
        "Change ~/.keras/keras.json, or call keras.config.set_image_data_format before you import the zoo's modules."
    )
