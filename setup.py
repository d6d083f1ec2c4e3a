"""Packaging of tb-sparsity."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "tb_sparsity" / "__init__.py").read_text(), re.MULTILINE)[1]

setuptools.setup(
    name="tb-sparsity",
    version=VERSION,
    description="Prune Keras 3 models, log how sparse they become, and see it in TensorBoard",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="keras pruning sparsity tensorboard tensorflow model-optimization",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10",
    packages=setuptools.find_packages(include=["tb_sparsity", "tb_sparsity.*"]),
    package_data={"tb_sparsity": ["py.typed", "events/*.proto", "events/*.pyi", "plugin/static/*"]},
    install_requires=[
        "tensorflow>=2.18",
        "tensorboard>=2.18",
        "numpy>=1.26",
        "protobuf>=4.25.3",
    ],
    extras_require={
        "demo": ["scikit-learn>=1.3"],
        "test": [
            "hypothesis>=6.100",
            "mypy>=1.11",
            "pandas>=2",
            "pillow>=10",
            "playwright>=1.47",
            "pytest>=8.0",
            "ruff>=0.6",
            "scikit-learn>=1.3",
            "tbparse>=0.0.8",
            "types-protobuf",
        ],
    },
    entry_points={
        "console_scripts": ["tb-sparsity = tb_sparsity.cli:main"],
        "tensorboard_plugins": ["sparsity = tb_sparsity.plugin.loader:SparsityLoader"],
    },
    zip_safe=False,
)
