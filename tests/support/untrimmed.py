"""A small folder in TSL-300's layout."""

import json

import numpy as np

HEADER = "class,class_index,start_frame,stop_frame,video_id,point\n"


def write_root(root, lengths=None):
    """Two training videos and one to test: 10, 12 and 9 clips, at 25, 30 and 24 fps."""
    lengths = lengths or {"2_a": 10, "10_b": 12, "3_c": 9}
    rng = np.random.default_rng(0)
    database = {}
    for video, T in lengths.items():
        subset = "test" if video == "3_c" else "train"
        for kind, shape in (("rgb", (T, 1024)), ("logmfcc", (T * 32 + 1, 60))):
            path = root / "features" / subset / kind / f"{video}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, rng.normal(0, 10, shape).astype(np.float32))
        segments = [{"segment": ["1.5", "3.0"], "label": "p"}] if subset == "test" else []
        database[video] = {"subset": subset, "annotations": segments}
    (root / "gt.json").write_text(json.dumps({"database": database}))
    (root / "fps_dict.json").write_text(json.dumps({"2_a": 25.0, "10_b": 30.0, "3_c": 24.0}))
    (root / "split_train.txt").write_text("2_a\n10_b\n")
    (root / "split_test.txt").write_text("3_c\n")
    folder = root / "point_gaussian" / "train"
    folder.mkdir(parents=True)
    for number in range(3):
        at = number  # annotator i marks frame 16 * k + i
        (folder / f"point_anno_{number}.txt").write_text(
            HEADER + f"n,0,{30 + at},{34 + at},2_a,{32 + at}\np,1,80,80,2_a,{80 + at}\n"
            f"p,1,99,99,2_a,{96 + at}\np,1,0,4,10_b,{at}\n"
        )
    (root / "point_gaussian" / "point_labels.csv").write_text(
        HEADER + "n,0,30,34,2_a,32\np,1,0,4,10_b,191\n"
    )
    return root
