"""Package definition. Tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

README = Path(__file__).with_name("README.md")

REQUIRES = [
    "tensorflow>=2.20,<2.22",
    "keras>=3.12,<4",
    "tensorflow-probability[tf]>=0.25,<0.26",
    "tensorflow-datasets>=4.9.9,<5",
    "importlib_resources>=6",
    "numpy>=2,<3",
    "scipy>=1.13,<2",
    "scikit-learn>=1.5,<2",
    "joblib>=1.3",
    "threadpoolctl>=3.1",
    "pillow>=11.3,<14",
    "matplotlib>=3.9,<4",
    "tensorboard>=2.20,<3",
    "click>=8.1,<9",
    "tqdm>=4.66,<5",
    "pooch>=1.8,<2",
]

NOTEBOOK = ["nbclient>=0.10", "nbformat>=5.10", "ipykernel>=6.29"]

OPTIONAL = {
    "litert": ["ai-edge-litert>=2"],
    "onnx": ["tf2onnx>=1.17", "onnxruntime>=1.20"],
    "serving": ["tensorflow-serving-api>=2.19,<2.22"],
    "lightgbm": ["lightgbm>=4"],
    "ray": ["ray[tune]>=2.50,<3"],
    "hub": ["huggingface_hub>=0.30,<3"],
    "jax": ["jax>=0.10,<0.11", "flatbuffers>=24.3"],
    "docs": ["pdoc>=15,<17"],
}

EXTRAS = {
    **OPTIONAL,
    "test": [
        *("pytest>=8.3", "pytest-xdist>=3.6", "ruff>=0.9", "playwright>=1.49"),
        *NOTEBOOK,
        *(package for packages in OPTIONAL.values() for package in packages),
    ],
    "benchmark": ["torch>=2.5"],
}

setup(
    name="vae-zoo",
    version="0.1.0",
    description="Variational autoencoders that learn disentangled representations, in Keras 3.",
    long_description=README.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    # Pretrained models are installed as `zoo/saved_models`.
    packages=[*find_packages(include=["zoo", "zoo.*"]), "zoo.saved_models"],
    package_dir={"zoo.saved_models": "saved_models"},
    package_data={
        "zoo.deliver.presets": ["table.json"],
        "zoo.runs.explore": ["page/*"],
        "zoo.saved_models": ["**/*"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["zoo=zoo.cli:main"]},
    classifiers=[
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
