"""Fit CEBRA to the arrays of an npz file and write its codes; runs in the environment of the peers.

python benchmarks/peers/cebra_codes.py TASK.npz CODES.npz SETTINGS_AS_JSON

TASK.npz holds ``all`` (rows, columns), ``train``, the rows that are fitted, ``pieces`` (rows of all,), within which the
receptive field stays, for label-contrastive fits ``labels`` (rows of train, ...), and, where there are several
recordings with an encoder each, ``sessions`` (rows of all,), the number of each. Writes ``codes``, ``seconds`` of the
processor, and ``versions``.
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
    values, train = task["all"].astype(np.float32), task["train"]
    labels = task.get("labels")
    sessions = task.get("sessions")
    model = cebra.CEBRA(device="cpu", verbose=False, **settings)
    start = time.process_time()
    if sessions is None:
        model.fit(values[train], *([] if labels is None else [labels]))
    else:
        parts = [sessions[train] == number for number in np.unique(sessions)]
        model.fit([values[train[part]] for part in parts], [labels[part] for part in parts])
    seconds = time.process_time() - start
    codes = np.zeros((len(values), settings["output_dimension"]), np.float32)
    for number in (0,) if sessions is None else np.unique(sessions):
        of_session = np.ones(len(values), bool) if sessions is None else sessions == number
        for piece in np.unique(task["pieces"][of_session]):
            rows = of_session & (task["pieces"] == piece)
            codes[rows] = model.transform(values[rows], **({} if sessions is None else {"session_id": int(number)}))
    versions = f"cebra {cebra.__version__}, torch {torch.__version__}, numpy {np.__version__}"
    np.savez(out, codes=codes, seconds=seconds, versions=versions)


if __name__ == "__main__":
    main()
