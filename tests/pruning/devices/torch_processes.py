"""One of several processes with DistributedDataParallel, and then one by itself: `torch_processes FOLDER`."""

import os
import sys
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

import tb_sparsity
from tests.pruning.devices import training


def train(model, forward, rank, processes, folder):
    """The loop of Keras's guide to distributed training with PyTorch, with the callback in it."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    diary, callback = training.Diary(), tb_sparsity.UpdatePruningStep()
    summaries = tb_sparsity.PruningSummaries(folder / f"logs-{processes}")
    for one in (diary, callback, summaries):
        one.set_model(model)
    callback.on_train_begin()
    for epoch in range(training.EPOCHS):
        for i in range(training.STEPS_PER_EPOCH):
            x, y = (
                torch.tensor(data[i * training.BATCH : (i + 1) * training.BATCH][rank::processes])
                for data in (training.X, training.Y)
            )
            loss = torch.nn.functional.mse_loss(forward(x, training=True), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            diary.on_train_batch_end(i)
            summaries.log()
        callback.on_epoch_end(epoch)
        diary.on_epoch_end(epoch)
    callback.on_train_end()
    summaries.close()
    return diary


if __name__ == "__main__":
    folder, rank, processes = Path(sys.argv[1]), int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.distributed.init_process_group("gloo")
    model = training.pruned_model()
    train(model, DistributedDataParallel(model), rank, processes, folder).save(folder / f"{rank}.npz")
    torch.distributed.destroy_process_group()
    if rank == 0:
        model = training.pruned_model()
        train(model, model, 0, 1, folder).save(folder / "one.npz")
