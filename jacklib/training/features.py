"""Features of snippets that a frozen backbone has seen before, kept instead of computed again."""

import hashlib

import jittor as jt
import numpy as np

from jacklib.errors import refuse_as


class KeptFeatures:
    """`net.snippet_features(visual)`, remembered snippet by snippet.

    In evaluation mode the backbone treats every snippet by itself, so the same frames give the
    same features whatever else is in the batch. A snippet is identified by its frames (a hash of
    them), hence nothing else need be passed. Up to `megabytes` are kept; after that new snippets
    are computed each time. `.computed` and `.found` count snippets.

    Raises DataError if the backbone is trained, or uses the batch's own statistics.
    """

    def __init__(self, net: jt.nn.Module, megabytes: int = 512):
        refuse_as("trained backbone", not net.config.freeze_backbone, "keep_features")
        self.net, self.limit = net, megabytes * 2**20
        self.features: dict[bytes, np.ndarray] = {}
        self.used = self.computed = self.found = 0

    def __call__(self, visual: np.ndarray) -> np.ndarray:
        """visual [B, S, 3, D, H, W] -> float32 [B, S, d]."""
        net = self.net
        refuse_as("batch's own statistics", net.is_training() and not net.config.stored_statistics,
                  "keep_features")  # fmt: skip
        visual = np.asarray(visual, np.float32)
        B, S = visual.shape[:2]
        snippets = visual.reshape(B * S, *visual.shape[2:])
        keys = [hashlib.blake2b(snippet.tobytes(), digest_size=16).digest() for snippet in snippets]
        places = {key: i for i, key in enumerate(keys)}  # each different snippet once
        missing = [i for key, i in places.items() if key not in self.features]
        new: dict[bytes, np.ndarray] = {}
        for start in range(0, len(missing), S):
            group = missing[start : start + S]
            filled = group + [group[0]] * (S - len(group))  # the network takes S at a time
            with jt.no_grad():
                rows = net.snippet_features(snippets[filled][None]).numpy()[0]
            new |= {keys[i]: row for i, row in zip(group, rows, strict=False)}
        self.computed += len(missing)
        self.found += B * S - len(missing)
        result = np.stack([new[k] if k in new else self.features[k] for k in keys])
        for key, row in new.items():
            if self.used + row.nbytes <= self.limit:
                self.features[key] = row
                self.used += row.nbytes
        return result.reshape(B, S, -1)
