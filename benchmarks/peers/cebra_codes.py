"""Fit CEBRA to the arrays of an npz file and write its codes; runs in the environment of the peers.

python benchmarks/peers/cebra_codes.py TASK.npz CODES.npz SETTINGS_AS_JSON

TASK.npz holds ``train`` (rows, columns), ``all`` (rows, columns), ``pieces`` (rows of all,), within which the receptive
field stays, and, for label-contrastive fits, ``labels`` (rows of train, ...). Writes ``codes``, and ``seconds`` of
the processor.
"""

import json
import random
import sys
import time
import warnings

import numpy as np
import torch


def main() -> None:
    """Read, fit, encode, write."""
    warnings.simplefilter("ignore")
    import cebra

    task, out, settings = np.load(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    seed = settings.pop("seed")
    torch.set_num_threads(1)
    torch.manual_seed(seed)  # noqa: TID251
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    model = cebra.CEBRA(device="cpu", verbose=False, **settings)
    start = time.process_time()
    model.fit(task["train"], *([task["labels"]] if "labels" in task else []))
    seconds = time.process_time() - start
    codes = np.zeros((len(task["all"]), settings["output_dimension"]), np.float32)
    for piece in np.unique(task["pieces"]):
        rows = task["pieces"] == piece
        codes[rows] = model.transform(task["all"][rows])
    np.savez(out, codes=codes, seconds=seconds)


if __name__ == "__main__":
    main()
