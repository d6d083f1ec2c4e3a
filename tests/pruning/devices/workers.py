"""One of several workers under MultiWorkerMirroredStrategy, as TF_CONFIG says: `workers FOLDER fit|loop`."""

import json
import os
import sys
from pathlib import Path

import keras
import tensorflow as tf

import tb_sparsity
from tests.pruning.devices import training


def loop(model, batches, strategy, path):
    """A training loop of one's own, where Keras's `fit` doesn't work."""
    optimizer, weights = model.optimizer, model.trainable_variables

    def replica_step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x, training=True) - y) ** 2) / strategy.num_replicas_in_sync
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    @tf.function
    def step(batch):
        strategy.run(replica_step, args=batch)

    diary, callback = training.Diary(), tb_sparsity.UpdatePruningStep()
    summaries = tb_sparsity.PruningSummaries(path.parent / "logs")
    for one in (diary, callback, summaries):
        one.set_model(model)
    callback.on_train_begin()
    for epoch in range(training.EPOCHS):
        for i, batch in enumerate(strategy.experimental_distribute_dataset(batches)):
            step(batch)
            diary.on_train_batch_end(i)
            summaries.log()
        callback.on_epoch_end(epoch)
        diary.on_epoch_end(epoch)
    callback.on_train_end()
    summaries.close()
    diary.save(path)


def fit(model, batches, strategy, path):
    diary = training.Diary()
    model.fit(batches, epochs=training.EPOCHS, verbose=0, callbacks=[tb_sparsity.UpdatePruningStep(), diary])
    diary.save(path)


if __name__ == "__main__":
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    batches = tf.data.Dataset.from_tensor_slices((training.X, training.Y)).batch(training.BATCH).with_options(options)
    with strategy.scope():
        model = training.pruned_model()
        model.compile(keras.optimizers.Adam(0.02), "mse")
        model.optimizer.build(model.trainable_variables)
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    {"fit": fit, "loop": loop}[sys.argv[2]](model, batches, strategy, Path(sys.argv[1]) / f"{index}.npz")
