"""Three made-up annotators of videos whose events are known, to try agreement and training on."""

from collections.abc import Mapping, Sequence

import numpy as np

# Where in an event a mark lies and its scatter (fractions of the event), the shares of events that
# are missed and that get the other class, and marks of nothing per video. Made up.
CHARACTERS = {
    "Ada": (0.5, 0.15, 0.05, 0.0, 0.1),
    "Ben": (0.3, 0.2, 0.1, 0.05, 0.2),
    "Cem": (0.5, 0.3, 0.4, 0.25, 1.5),  # careless
}


def simulated_marks(
    truth: Mapping[str, Sequence[tuple[str, float, float]]], seconds: Mapping[str, float],
    seed: int = 0,
) -> dict[str, dict[str, list[tuple[str, float]]]]:  # fmt: skip
    """{annotator: {ID: [(label, seconds)]}}, in order of time. truth: (label, start, end) of each
    video's events; seconds: each video's length."""
    found: dict = {}
    for number, (name, character) in enumerate(CHARACTERS.items()):
        place, scatter, missed, wrong, invented = character
        rng, found[name] = np.random.default_rng([seed, number]), {}
        for video, events in truth.items():
            marks = []
            for label, start, end in events:
                t = start + (end - start) * np.clip(rng.normal(place, scatter), 0.02, 0.98)
                other = "p" if label == "n" else "n"
                lost, swapped = rng.random(2) < (missed, wrong)
                if not lost:
                    marks.append((other if swapped else label, float(t)))
            for _ in range(rng.poisson(invented)):
                marks.append(("np"[rng.integers(2)], float(rng.uniform(0, seconds[video]))))
            found[name][video] = sorted(marks, key=lambda mark: mark[1])
    return found
