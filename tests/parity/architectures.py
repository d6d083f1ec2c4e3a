"""Models that both Kerases can build: `test_legacy.py` has them logged by each."""


def nested_model(keras):
    """A CNN with a recurrent model inside."""
    layers = keras.layers
    features = keras.Input((6, 4))
    x = layers.Dense(6, name="dense")(layers.LSTM(5, name="lstm")(features))
    backbone = keras.Model(features, x, name="backbone")
    image = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3, name="conv2d")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.MaxPooling2D((1, 2))(layers.ZeroPadding2D(((1, 1), (0, 0)))(x))
    x = backbone(layers.Reshape((6, 4))(layers.Conv2D(2, 1, use_bias=False, name="thin")(x)))
    return keras.Model(image, layers.Dense(3, name="head")(x))


def many_layers(keras):
    """Layers made of parts. Without `DepthwiseConv2D`: the two Kerases name its kernel differently."""
    layers = keras.layers
    tokens = keras.Input((7,))
    x = layers.Embedding(9, 4, name="embedding")(tokens)
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both_ways")(x)
    x = layers.SeparableConv1D(3, 2, name="separable")(x)
    x = layers.TimeDistributed(layers.Dense(4, name="inner"), name="each")(x)
    cells = [layers.LSTMCell(3, name="lower"), layers.LSTMCell(3, name="upper")]
    x = layers.RNN(cells, return_sequences=True, name="stack")(x)
    x = layers.Conv2DTranspose(2, 2, name="transposed")(layers.Reshape((6, 3, 1))(x))
    x = layers.EinsumDense("abcd,de->abce", (None, None, 3), name="einsum")(x)
    part = keras.Sequential([keras.Input((7, 4, 3)), layers.Flatten(), layers.Dense(2, name="dense")], name="part")
    return keras.Model(tokens, layers.Dense(3, name="head")(part(x)))
