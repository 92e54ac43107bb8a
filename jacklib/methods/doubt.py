"""How unlike its training data a file is, and what a network's probabilities are worth on data
like those. Both are fitted once, on samples that were kept out of training, and lie beside the
weights: of best.pth in best.doubt.safetensors.

Unlike: the angle to the nearest training sample, between the features that the classifier takes,
whitened by their covariance within the classes. Mahalanobis' distance (Lee et al., NeurIPS 2018) is
that covariance without the neighbours, and cosine neighbours are these without the covariance: each
alone tells less (docs/benchmarks.md). A distance says something only beside those of samples that
were held out.

Worth: one temperature for all logits (Guo et al., ICML 2017). A network that is right on every
held-out sample would be sharpened without end; here its logarithm is held to 0 by a normal prior.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.core.metrics import calibration_error
from jacklib.errors import DataError, logger, refuse_as, said
from jacklib.files import whole_file
from jacklib.training import parallel
from jacklib.weights.checkpoint import Checkpoint, read_checkpoint
from jacklib.weights.torch_files import read_safetensors

log = logger(__name__)

# The layers that take the features. CTEN's is asked twice about a clip when it is tested.
HEADS = {
    "vaanet": ("av_fc",), "cten": ("fc",), "tsl": ("cls_module.classifier",),
    "gait": ("fc1_classifier_p", "fc1_classifier_m"),
}  # fmt: skip
SHRINK = 0.1  # of the covariance towards a ball, as samples are few
MOST = 1000  # training samples that the distance is fitted on
LIMIT = 0.95  # of the held-out samples nearer: from here on a file is called unlike
FOLDS = 5
TEMPERATURES, PRIOR = np.geomspace(0.1, 10, 401), 0.5  # deviation of the logarithm


class Unlike(NamedTuple):
    """How far a file is from the training data, beside held-out samples of their kind."""

    share: float  # of the held-out samples that are nearer, 0 to 1
    distance: float
    median: float  # of the held-out samples' distances
    n: int  # held-out samples


@dataclass(frozen=True, eq=False)
class Known:
    """What was fitted for one network's weights: d features, N training, H held-out samples."""

    bank: np.ndarray  # [N, d] the training samples, `whitened`
    axes: np.ndarray  # [r, d] principal axes of the features within a class
    scales: np.ndarray  # [r + 1] 1 / deviation along them, and in every other direction
    distances: np.ndarray  # [H], sorted
    temperature: float
    error_before: float  # expected calibration error of the held-out samples
    error_after: float  # the same, each fifth with the temperature of the others
    weights: str  # a digest of the layers in HEADS that this belongs to

    def whitened(self, features: np.ndarray) -> np.ndarray:
        """[N, d] -> [N, d]: of equal variance in all directions, then scaled to length 1."""
        *along, across = self.scales.tolist()
        inside = features @ self.axes.T * (np.array(along) - across)
        white = inside @ self.axes + features * across
        return white / np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-12)

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Of [N, d] from the nearest training sample: [N], from 0 to 2 (the chord of the angle)."""
        nearest = (self.whitened(features.astype(np.float64)) @ self.bank.T).max(1)
        return np.sqrt(np.maximum(2 - 2 * nearest, 0))

    def judged(
        self, features: np.ndarray, probabilities: Mapping[str, float], several: bool
    ) -> tuple[Unlike, dict[str, float]]:
        """Of one file, from its features [1, d] and probabilities by class: how unlike it is, and
        these calibrated. several: as `calibrate` has it."""
        far, n = float(self.distance(features)[0]), len(self.distances)
        share = float((self.distances < far).mean())
        row = calibrate([[*probabilities.values()]], self.temperature, several)[0].tolist()
        median = float(np.median(self.distances))
        return Unlike(share, far, median, n), dict(zip(probabilities, row, strict=True))


def calibrate(probabilities: Any, temperature: float, several: bool = False) -> np.ndarray:
    """[N, C] as softmax or, several: sigmoid of the logits over `temperature` gives them."""
    p = np.clip(np.asarray(probabilities, np.float64), 1e-12, 1)
    if several:
        odds = (p / np.clip(1 - p, 1e-12, 1)) ** (1 / temperature)
        return odds / (1 + odds)
    logits = np.log(p) / temperature
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _best_temperature(p: np.ndarray, truth: np.ndarray, several: bool) -> float:
    def loss(temperature: float) -> float:
        q = np.clip(calibrate(p, temperature, several), 1e-12, 1 - 1e-12)
        likelihood = np.log(q)[truth].sum() + several * np.log(1 - q)[~truth].sum()
        return (np.log(temperature) / PRIOR) ** 2 / 2 - likelihood

    return float(min(TEMPERATURES, key=loss))


def _error(p: np.ndarray, truth: np.ndarray, several: bool) -> float:
    if several:  # each class is a decision of its own
        return calibration_error(np.maximum(p, 1 - p).ravel(), ((p >= 0.5) == truth).ravel())
    return calibration_error(p.max(1), truth[np.arange(len(p)), p.argmax(1)])


@contextmanager
def seeing(net: jt.nn.Module, network: str) -> Iterator[list[list[np.ndarray]]]:
    """The features that the layers of HEADS are given meanwhile: for each layer a list, a call
    each [B, d]; TSL-Net's are the means over a video's snippets."""
    parts = dict(net.named_modules())
    layers = [parts[name] for name in HEADS[network] if name in parts]
    seen: list[list[np.ndarray]] = [[] for _ in layers]
    for layer, kept in zip(layers, seen, strict=True):

        def look(x, run=layer.execute, kept=kept):
            kept.append(x.numpy() if x.ndim == 2 else x.mean(dim=2).numpy())
            return run(x)

        layer.execute = look
    try:
        yield seen
    finally:
        for layer in layers:
            del layer.execute


def _digest(net: jt.nn.Module, network: str) -> str:
    parts, found = dict(net.named_modules()), hashlib.blake2b(digest_size=8)
    for name in HEADS[network]:
        for value in parts[name].parameters() if name in parts else ():
            found.update(value.numpy().tobytes())
    return found.hexdigest()


def fit(
    net: jt.nn.Module, network: str, test: Callable[..., Any], training: Any, heldout: Any
) -> Known | None:
    """Fit on data for `test(net, data)`, which gives `Predictions`, or a pair: probabilities [N, C]
    and, True where a class is right, truth [N, C]. None if samples are too few, or features no
    numbers."""
    several, every, found = network == "tsl", 2 if network == "cten" else 1, []
    for data in (training, heldout):
        with seeing(net, network) as seen:
            of = test(net, data)
        p, truth = of if isinstance(of, tuple) else (of.probabilities, of.labels)
        if not len(p):  # nothing that can be read
            return None
        truth = truth if truth.ndim == 2 else np.eye(p.shape[1], dtype=bool)[truth]
        features = np.concatenate([np.concatenate(layer[::every]) for layer in seen], 1)
        found.append((features.astype(np.float64), p.astype(np.float64), truth))
    (x, _, classes), (held, p, truth) = found
    if min(len(x), len(held)) < FOLDS or not np.isfinite(x).all():
        return None
    step = -(-len(x) // MOST)
    x, (_, classes) = x[::step], np.unique(classes[::step].argmax(1), return_inverse=True)
    left = x - np.stack([x[classes == c].mean(0) for c in range(classes.max() + 1)])[classes]
    _, spread, axes = np.linalg.svd(left, full_matrices=False)
    variances = spread**2 / len(x)
    ball = max(SHRINK * variances.sum() / x.shape[1], 1e-12)
    scales = np.append((1 - SHRINK) * variances + ball, ball) ** -0.5
    fold, after = np.arange(len(p)) % FOLDS, p.copy()
    for k in range(FOLDS):
        warm = _best_temperature(p[fold != k], truth[fold != k], several)
        after[fold == k] = calibrate(p[fold == k], warm, several)
    errors = (_error(p, truth, several), _error(after, truth, several))
    warm, digest = _best_temperature(p, truth, several), _digest(net, network)
    # As the file keeps them, so that distances are the same.
    known = Known(x, np.float16(axes).astype(float), scales, np.zeros(1), warm, *errors, digest)
    known = replace(known, bank=np.float16(known.whitened(x)).astype(float))
    return replace(known, distances=np.sort(known.distance(held)))


def beside(weights: str | Path) -> Path:
    """Where what was fitted for a file of weights lies."""
    return Path(weights).with_suffix(".doubt.safetensors")


def fit_beside(weights: str | Path, load: Callable[[Checkpoint], Any], *how: Any) -> None:
    """At the end of a training: `fit` the best weights, write it beside them, and say so. load:
    gives the network of a checkpoint; how: what else `fit` takes. Of several processes none does
    it."""
    from safetensors.numpy import save_file

    if parallel.world_size() > 1 or not Path(weights).is_file():
        return
    path, known = beside(weights), fit(load(read_checkpoint(weights)), *how)
    if known is None:
        return
    values = {field.name: getattr(known, field.name) for field in fields(Known)}
    kinds = {1: np.float32, 2: np.float16}
    arrays = {k: v.astype(kinds[v.ndim]) for k, v in values.items() if isinstance(v, np.ndarray)}
    numbers = {name: value for name, value in values.items() if name not in arrays}
    with whole_file(path) as part:
        save_file(arrays, part, {"options": json.dumps(numbers)})
        part.chmod(0o644)  # safetensors makes it for its owner alone
    print(said("doubt fitted", path=path, temperature=known.temperature,
               error_before=known.error_before, error_after=known.error_after))  # fmt: skip


def read(weights: str | Path, net: jt.nn.Module, network: str) -> Known | None:
    """What lies beside a file of weights; None where nothing does, or nothing that belongs to
    these weights, which a warning says."""
    path = beside(weights)
    if not path.is_file():
        return None
    try:
        arrays, numbers = read_safetensors(path)
        table = {name: array.astype(np.float64) for name, array in arrays.items()} | numbers
        known = Known(**table)
        sound = all(np.isfinite(array).all() and array.size for array in arrays.values())
        parts = dict(net.named_modules())
        layers = [parts[name] for name in HEADS[network] if name in parts]
        width = sum(layer.parameters()[0].shape[1] for layer in layers)
        sound = sound and known.whitened(known.bank).shape == (len(known.bank), width)
        refuse_as("no doubt", not sound or not 0.01 <= known.temperature <= 100, path)
        if known.weights == _digest(net, network):
            return known
        log.warning("%s: belongs to other weights, and is not used", path)
    except (DataError, LookupError, TypeError, ValueError, AttributeError) as error:
        log.warning("%s: damaged, and not used: %s", path, error)
    return None
