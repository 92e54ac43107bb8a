"""Clips in VE8's layout, opened small."""

from jacklib.data import video
from jacklib.data.video import VideoClips
from jacklib.samples import SamplePaths
from support import ROOT

FILM = ROOT / "data_samples" / "film"
LABELS = video.DATASETS["ve8"].labels
CLIPS = ["bbb_0324", "bbb_0349", "bbb_0151", "bbb_0803", "bbb_0115"]
SMALL = dict(seq_len=3, snippet_duration=4, sample_size=32, audio_frames=600)


def open_clips(folder, subset="training", **options):
    """options: of VideoClips, and other paths."""
    paths = SamplePaths(folder / "img", folder / "mp3", folder / "annotations.json")
    others = {name: options.pop(name) for name in paths._fields if name in options}
    return VideoClips(paths._replace(**others), subset, **SMALL | options)
