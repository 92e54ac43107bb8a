"""Networks as small as they can be."""

TINY = {
    "vaanet": {
        "seq_len": 2, "snippet_duration": 4, "sample_size": 32, "audio_n_segments": 1,
        "audio_embed_size": 8, "blocks": (1, 1), "width": 8, "audio_width": 4, "embed_size": 8,
    },
    "cten": {
        "seq_len": 4, "snippet_duration": 4, "sample_size": 32, "audio_n_segments": 4,
        "audio_time": 16, "audio_embed_size": 64, "blocks": (1, 1), "width": 8, "audio_width": 4,
        "inner_size": 8,
    },
    "tsl": {"len_feature": 16, "neck_size": 16, "rgb_size": 8},
    "gait": {"frames": 12, "widths": (8, 8, 8)},
}  # fmt: skip
