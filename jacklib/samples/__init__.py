"""The clips, untrimmed videos and gaits that ship, real and made: ready for the loaders at first
use."""

import argparse
from pathlib import Path

from jacklib.backend.folders import ROOT
from jacklib.data.prepare import prepare_videos
from jacklib.data.prepare_gait import FILES, prepare_gait
from jacklib.data.tsl_features import extract_features
from jacklib.data.video import SamplePaths
from jacklib.errors import error_of, refuse_as
from jacklib.files import SET_MARK, make_set, read_table
from jacklib.samples.gait_samples import build_gait_samples
from jacklib.samples.rendered import build_rendered
from jacklib.samples.untrimmed import build_untrimmed_rendered


def samples_folder() -> Path:
    """The checkout's `data_samples`. Raises DataError if jacklib lies outside a checkout."""
    folder = ROOT / "data_samples"
    refuse_as("no data_samples", not folder.is_dir(), str(folder))
    return folder


def rendered_clips(progress: bool = True) -> SamplePaths:
    """192 rendered clips with a planted event (128 to train, 64 to validate), built if need be."""
    root = build_rendered(samples_folder() / "rendered", progress=progress)
    return SamplePaths(root / "img", root / "mp3", root / "rendered_01.json")


def film_clips(progress: bool = True) -> SamplePaths:
    """32 clips of Big Buck Bunny with sound (21 to train, 11 to validate), unpacked if need be."""
    root = samples_folder() / "film"
    annotation = root / "film_01.json"
    # Frames of the film are kept small, for small disks.
    report = prepare_videos(
        root / "video", root, annotations=annotation, short_side=120, progress=progress
    )
    for clip, reason in report.failed:
        raise error_of("unusable sample", str(root), reason=f"{clip}: {reason}")
    return SamplePaths(root / "img", root / "mp3", annotation)


SAMPLES = {"rendered": rendered_clips, "film": film_clips}


def rendered_untrimmed(progress: bool = True) -> Path:
    """30 rendered videos of a minute (20 to train, 10 to test) in TSL-300's layout, built if need
    be: about a minute and a half on two cores."""
    root = build_untrimmed_rendered(samples_folder() / "untrimmed_rendered", progress=progress)
    return _with_features(root, progress)


def film_untrimmed(progress: bool = True) -> Path:
    """Untrimmed pieces of Big Buck Bunny in TSL-300's layout, described if need be."""
    return _with_features(samples_folder() / "untrimmed_film", progress)


def _with_features(root: Path, progress: bool) -> Path:
    for reason in extract_features(root, progress=progress).failed:
        raise error_of("unusable sample", str(root), reason=reason)
    return root


UNTRIMMED = {"rendered": rendered_untrimmed, "film": film_untrimmed}


def styled_gaits(progress: bool = True) -> Path:
    """500 gaits to train and 192 to test, made of seven recorded walks if need be: the folder of
    their arrays. Beside it lie features.h5 and labels.h5, as Emotion-Gait has them."""
    shipped = samples_folder() / "gait"
    root = build_gait_samples(shipped / "made", shipped)
    made_with = read_table(root / SET_MARK)
    del made_with["files"]
    return make_set(root / "arrays", made_with, FILES, lambda folder: prepare_gait(root, folder),
                    "preparing the sample gaits")  # fmt: skip


GAITS = {"styled": styled_gaits}


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """`samples` has no options."""


def main(_args: argparse.Namespace) -> int:
    """Make every set that is not there and print where each lies; returns the exit code."""
    for make in SAMPLES.values():
        print(make().video_path)
    for make_others in (*UNTRIMMED.values(), *GAITS.values()):
        print(make_others())
    return 0
