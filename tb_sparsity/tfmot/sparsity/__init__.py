"""As `tensorflow_model_optimization.sparsity`."""

from tb_sparsity.tfmot.sparsity import keras

__all__ = ["keras"]
