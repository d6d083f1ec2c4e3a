"""The backend of TensorBoard's Sparsity tab."""
