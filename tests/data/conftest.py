"""Data of several files of tests."""

import json

import pytest
from support.clips import CLIPS, FILM, LABELS

from jacklib.data.prepare import prepare_videos


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Five real clips in VE8's layout, four of them for training."""
    folder = tmp_path_factory.mktemp("film")
    database = json.loads((FILM / "film_01.json").read_text(encoding="utf-8"))["database"]
    database = {clip_id: database[clip_id] for clip_id in CLIPS}
    for clip_id, entry in database.items():
        entry["subset"] = "validation" if clip_id == "bbb_0115" else "training"
    annotation = folder / "annotations.json"
    annotation.write_text(json.dumps({"labels": LABELS, "database": database}), encoding="utf-8")
    report = prepare_videos(
        FILM / "video", folder, annotations=annotation, short_side=90, progress=False
    )
    assert len(report.prepared) == 5
    return folder
