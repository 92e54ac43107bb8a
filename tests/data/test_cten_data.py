"""CTEN's clips: later passes over kept segments, their frames and sound, and its training step."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from support.clips import open_clips

from jacklib.core.erasing import both_reach, kept_segments
from jacklib.data import video
from jacklib.data.audio import cten_features, filter_bank_blocks, tile_frames
from jacklib.methods import cten
from jacklib.networks import CTENConfig
from jacklib.samples import SamplePaths

SOUND = dict(sound="filter_bank", audio_segments=3, audio_frames=120)
TINY = dict(
    seq_len=4, audio_n_segments=4, audio_time=20, snippet_duration=4, sample_size=32, width=4,
    audio_embed_size=64, audio_width=4, inner_size=8,
)  # fmt: skip


@pytest.fixture
def clips(film):
    return open_clips(film, train=True, seed=3, keep_pictures=True, **SOUND)


def paths_of(folder):
    return SamplePaths(folder / "img", folder / "mp3", folder / "annotations.json")


def test_a_later_pass_draws_frames_from_kept_segments_only(clips):
    kept = np.array([False, True, False])
    for epoch in range(3):
        for index, item in enumerate(clips.items):
            part = item.n_frames // 3
            again = clips.resample(index, kept, number=2, epoch=epoch)
            assert again.visual.shape == (3, 3, 4, 32, 32)
            assert again.frame_indices.min() >= part and again.frame_indices.max() < 2 * part
            # The three new segments lie within the kept one, in order.
            assert (np.diff(again.frame_indices[:, 0]) > 0).all()


def test_a_later_pass_keeps_height_and_width_where_they_are(clips):
    # The public Jittor port gives re-sampled clips back with the two swapped.
    sample = clips.load(0)
    again = clips.resample(0, np.ones(3, bool), number=2)
    whole = clips.load_frames(0, again.frame_indices, sample.draw)
    np.testing.assert_array_equal(
        clips.load_frames(0, sample.frame_indices, sample.draw), sample.visual
    )
    same_draw = clips.load_frames(0, again.frame_indices, again.draw)
    np.testing.assert_array_equal(again.visual, same_draw)
    # Frames of one clip look alike; a swapped one does not look like the first pass.
    upright = np.abs(whole - sample.visual).mean()
    swapped = np.abs(whole.swapaxes(3, 4) - sample.visual).mean()
    assert upright < 0.7 * swapped


def test_draws_belong_to_seed_epoch_clip_and_pass(clips, film):
    kept = np.array([True, False, True])

    def draw(number, epoch, seed=3):
        dataset = open_clips(film, train=True, seed=seed, **SOUND)
        again = dataset.resample(1, kept, number=number, epoch=epoch)
        return again.frame_indices.tolist(), again.draw

    assert draw(2, 0) == draw(2, 0)
    assert len({str(draw(*key)) for key in [(2, 0), (3, 0), (2, 1), (2, 0, 4)]}) == 4


def test_centred_evaluation_repeats(film):
    clips = open_clips(film, keep_pictures=True, **SOUND)
    kept = np.array([True, False, False])
    one, other = (clips.resample(0, kept, number=2, epoch=e) for e in (0, 7))
    np.testing.assert_array_equal(one.visual, other.visual)
    assert one.draw == clips.load(0).draw


def test_slower_frames_stay_on_their_grid(film):
    clips = open_clips(film, fps=10, **SOUND)
    again = clips.resample(0, np.array([False, False, True]), number=2)
    assert (again.frame_indices % 3 == 0).all()
    used = len(range(0, clips.items[0].n_frames, 3))
    assert again.frame_indices.min() >= 2 * (used // 3) * 3


def test_no_frame_is_decoded_twice_in_one_step(clips, monkeypatch):
    decoded = []

    def counting(path, read=video.read_frame):
        decoded.append(path)
        return read(path)

    monkeypatch.setattr(video, "read_frame", counting)
    batch = next(video.batches(clips, batch_size=4, threads=2))
    gamma = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    cten.seen_again(clips, batch, kept_segments(gamma), threads=2)
    assert len(decoded) == len(set(decoded)) > 4 * 3 * 4
    # And the same pictures as without keeping them.
    plain = cten.seen_again(clips, batch._replace(pictures=None), kept_segments(gamma))
    kept = cten.seen_again(clips, batch, kept_segments(gamma), threads=1)
    for one, other in zip(plain, kept, strict=True):
        np.testing.assert_array_equal(one.visual, other.visual)
        assert one.audio is batch.audio  # it is not erased


def test_sound_is_the_filter_bank_in_blocks(clips, film):
    features = cten_features(clips.items[0].audio_file)
    assert len(features) > 120  # longer than what is taken
    centred = open_clips(film, **SOUND).load(0).audio
    np.testing.assert_array_equal(centred, filter_bank_blocks(features, 3, 40))
    drawn = [clips.load(0, epoch).audio for epoch in (0, 0, 1)]
    assert drawn[0].shape == (120, 128)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


@pytest.mark.parametrize("time", [40, 400])
def test_sound_of_kept_segments_only(film, time):
    """Of a sound that is longer than what is taken, and of one that is repeated to that length."""
    sound = SOUND | {"audio_frames": 3 * time}
    clips = open_clips(film, train=True, seed=3, **sound)
    features = cten_features(clips.items[0].audio_file)
    assert (len(features) > 3 * time) == (time == 40)
    whole = features if time == 40 else tile_frames(features, 3 * time)
    part = len(whole) // 3
    parts = whole[: 3 * part].reshape(3, part, -1)
    for kept in ([False, True, False], [True, False, True], [True] * 3, [False] * 3):
        kept = np.array(kept)
        left = parts[kept].reshape(-1, 128) if kept.any() else whole
        centred = open_clips(film, **sound).resample(0, kept, number=2, sound=True).audio
        np.testing.assert_array_equal(centred, filter_bank_blocks(left, 3, time))
        drawn = [clips.resample(0, kept, number=n, sound=True).audio for n in (2, 2, 3)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        heard = {row.tobytes() for row in drawn[0]}
        assert drawn[0].shape == (3 * time, 128) and heard <= {row.tobytes() for row in left}
        # Nothing but the sound is other than without it.
        plain = clips.resample(0, kept, number=2)
        again = clips.resample(0, kept, number=2, sound=True)
        assert plain.audio is None and plain.draw == again.draw
        np.testing.assert_array_equal(plain.visual, again.visual)
    assert not np.array_equal(drawn[0], drawn[2]) or time == 400  # places of its own in each pass


def test_frames_in_several_folders(film, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copytree(film / "img", tmp_path / "img")
    shutil.move(tmp_path / "img" / "Sadness", tmp_path / "more" / "Sadness")
    both = open_clips(film, video_path=[tmp_path / "img", tmp_path / "more"])
    one = open_clips(film)
    assert [i.id for i in both.items] == [i.id for i in one.items]
    np.testing.assert_array_equal(both.load(0).visual, one.load(0).visual)
    with pytest.raises(video.DataError, match="nowhere: found no such folder"):
        open_clips(film, video_path=[tmp_path / "img", tmp_path / "nowhere"])


# --- Training -------------------------------------------------------------------------------------


def tiny(film, **changed):
    config = CTENConfig(**asdict(CTENConfig.classroom()) | TINY | {"visual_only": False, **changed})
    training = cten.open_clips(config, paths_of(film), "training", train=True, seed=1)
    validation = cten.open_clips(config, paths_of(film), "validation")
    return config, training, validation


def run(film, folder, n_epochs=2, resume=None, threads=2, ways=cten.WAYS["released"], **changed):
    config, training, validation = tiny(film, **changed)
    jt.set_global_seed(0)
    net = cten.build(config)
    history = cten.train(
        net, training, validation, schedule=cten.Schedule(2, n_epochs, 1e-3, weight_decay=5e-4),
        run=cten.Run(folder, seed=1, resume=resume, show=False), threads=threads, ways=ways,
        keep_features=changed.get("stored_statistics", False),
    )  # fmt: skip
    return history, {k: v.numpy() for k, v in net.state_dict().items()}


BOTH = {"shortcut": "paper", "erase_sound": True}


@pytest.mark.parametrize("network, ways", [({}, "released"), (BOTH, "paper")])
def test_the_loss_is_that_of_three_passes(film, tmp_path, network, ways):
    config, training, validation = tiny(film, dropout=0.0, **network)
    jt.set_global_seed(0)
    net = cten.build(config)
    state = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    (batch,) = video.batches(training, batch_size=4, threads=0, shuffle=True, seed=1)
    net.train()
    both = bool(network)
    first = cten.look(net, batch.visual, batch.audio)
    kept = kept_segments(cten.gamma_of(first), both=both)
    passes = [batch, *cten.seen_again(training, batch, kept, sound=both)]
    losses = []
    for seen in passes:
        logits = cten.look(net, seen.visual, seen.audio).logits.numpy().astype(np.float64)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        losses.append(-log_p[np.arange(4), batch.label].mean())

    together = np.mean(losses) if ways == "released" else np.sum(losses)
    for erasing, wanted in ((True, together), (False, losses[0])):
        for key, value in net.state_dict().items():
            value.assign(jt.array(state[key]))
        (row,) = cten.train(
            net, training, validation, schedule=cten.Schedule(4, 1, 1e-5), erasing=erasing,
            run=cten.Run(tmp_path / str(erasing), seed=1, show=False), ways=cten.WAYS[ways],
        )  # fmt: skip
        assert row["train_loss"] == pytest.approx(wanted, rel=1e-4)
        assert {"val_accuracy", "val_pass_1", "val_pass_2"} < set(row)


# --- The paper's ways -----------------------------------------------------------------------------


def test_the_sum_of_the_passes_losses_is_three_times_their_mean(film, tmp_path):
    config, training, validation = tiny(film, dropout=0.0)
    found = {}
    for erasing in (True, False):
        for loss in ("mean", "sum"):
            jt.set_global_seed(0)
            (row,) = cten.train(
                cten.build(config), training, validation, schedule=cten.Schedule(4, 1, 1e-3),
                run=cten.Run(tmp_path / f"{loss}{erasing}", seed=1, show=False), erasing=erasing,
                ways=cten.WAYS["released"] | {"pass_loss": loss},
            )  # fmt: skip
            found[loss, erasing] = row["train_loss"]  # of one step
    assert found["sum", True] == pytest.approx(3 * found["mean", True], rel=1e-6)
    assert found["sum", False] == found["mean", False]  # there is one pass
    with pytest.raises(cten.DataError, match="pass_loss: found 'product', wanted one of mean, sum"):
        run(film, tmp_path, ways={"pass_loss": "product", "prediction": "mean"})


def test_frames_and_sound_are_erased_where_both_attentions_reach_theta(film):
    config, training, _ = tiny(film, **BOTH)
    jt.set_global_seed(0)
    net = cten.build(config)
    net.eval()
    batch = next(video.batches(training, batch_size=4, threads=0))
    output = cten.look(net, batch.visual, batch.audio)
    image, audio = output.gamma.numpy(), output.audio_gamma.numpy()
    assert (image.max(1) > image.min(1)).all() and (audio.max(1) > audio.min(1)).all()
    reach = cten.gamma_of(output)
    np.testing.assert_array_equal(reach, both_reach(image, audio))
    theta = float(np.sort(reach, axis=None)[-3])  # three of the batch's segments are keyframes
    kept = kept_segments(reach, theta, both=True)
    assert kept.high.sum() == 3 and (kept.low ^ kept.high).all()
    for rows, seen in zip(kept, cten.seen_again(training, batch, kept, sound=True), strict=True):
        for row, item in enumerate(training.items):
            features = cten_features(item.audio_file)
            part = len(features) // 4
            segment = {f.tobytes(): place // part for place, f in enumerate(features)}
            heard = {segment[f.tobytes()] for f in seen.audio[row]}
            assert heard <= set(np.flatnonzero(rows[row] if rows[row].any() else np.ones(4)))
    # Pass 2 of a test sees and hears the same.
    low, _ = cten.seen_again(training, batch, kept, sound=True)
    second = jt.nn.softmax(cten.look(net, low.visual, low.audio).logits, dim=1).numpy()
    result = cten.test(net, training, theta=theta)
    np.testing.assert_allclose(result.second.probabilities, second, rtol=1e-4)
    np.testing.assert_array_equal(result.first.gamma, reach)
    # Without sound=True the frames are the same, and the sound is pass 1's.
    for one, other in zip(
        cten.seen_again(training, batch, kept), cten.seen_again(training, batch, kept, sound=True),
        strict=True,
    ):  # fmt: skip
        np.testing.assert_array_equal(one.visual, other.visual)
        np.testing.assert_array_equal(one.audio, batch.audio)


def test_the_first_pass_may_be_the_prediction(film):
    config, training, _ = tiny(film)
    jt.set_global_seed(0)
    net = cten.build(config)
    mean, first = (cten.test(net, training, prediction=p) for p in ("mean", "first"))
    assert mean.answer is mean.mean and first.answer is first.first
    for one, other in zip(mean[:3], first[:3], strict=True):  # the passes are what they were
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
    assert not np.array_equal(first.first.probabilities, first.mean.probabilities)
    state = cten.erasing_state(net, training, 0, prediction="first")
    np.testing.assert_allclose(state.answer, first.first.probabilities[0], rtol=1e-4)
    with pytest.raises(cten.DataError, match="prediction: found 'last', wanted one of mean, first"):
        cten.test(net, training, prediction="last")


def test_the_papers_ways_train_and_are_resumed(film, tmp_path):
    ways = cten.WAYS["paper"]
    history, whole = run(film, tmp_path / "whole", threads=1, ways=ways, **BOTH)
    for row in history:
        assert np.isfinite(row["train_loss"]) and row["val_accuracy"] == row["val_pass_1"]
    assert "ta_net_a.fc.bias" in whole and "nl.0.alpha" not in whole
    run(film, tmp_path / "half", 1, ways=ways, **BOTH)
    _, resumed = run(
        film, tmp_path / "half", resume=tmp_path / "half" / "last.pth", ways=ways, **BOTH
    )
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value, err_msg=key)


def test_resumed_training_ends_in_the_same_bits(film, tmp_path):
    _, whole = run(film, tmp_path / "whole", threads=1)
    run(film, tmp_path / "half", n_epochs=1)
    _, resumed = run(film, tmp_path / "half", resume=tmp_path / "half" / "last.pth", threads=3)
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value, err_msg=key)


def test_a_run_with_a_damaged_clip_goes_on_and_can_be_resumed(film, tmp_path):
    own = Path(shutil.copytree(film, tmp_path / "film"))
    for frame in (own / "img" / "Joy" / "bbb_0151").glob("*.jpg"):
        frame.write_bytes(frame.read_bytes()[:900])
    history, whole = run(own, tmp_path / "whole", threads=1)
    assert len(history) == 2 and all(np.isfinite(row["train_loss"]) for row in history)
    run(own, tmp_path / "half", n_epochs=1)
    _, resumed = run(own, tmp_path / "half", resume=tmp_path / "half" / "last.pth", threads=3)
    for key, value in whole.items():
        np.testing.assert_array_equal(resumed[key], value, err_msg=key)


def test_kept_features_give_the_same_evaluation(film, tmp_path):
    frozen = dict(freeze_backbone=True, stored_statistics=True)
    history, _ = run(film, tmp_path / "kept", **frozen)
    config, training, validation = tiny(film, **frozen)
    jt.set_global_seed(0)
    net = cten.build(config)
    plain = cten.train(
        net, training, validation, schedule=cten.Schedule(2, 2, 1e-3, weight_decay=5e-4),
        run=cten.Run(tmp_path / "plain", seed=1, show=False),
    )  # fmt: skip
    for one, other in zip(history, plain, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
        assert one["val_accuracy"] == other["val_accuracy"]


def test_stored_statistics_are_for_frozen_backbones(film):
    with pytest.raises(cten.DataError, match="stored_statistics: found a backbone that is trained"):
        cten.build(tiny(film, stored_statistics=True)[0])


def test_features_of_new_statistics_are_not_kept(film, tmp_path):
    config, training, validation = tiny(film, freeze_backbone=True)
    with pytest.raises(cten.DataError, match="--stored_statistics"):
        cten.train(
            cten.build(config), training, validation, schedule=cten.Schedule(2, 1, 1e-3),
            run=cten.Run(tmp_path, show=False), keep_features=True,
        )  # fmt: skip


def test_the_visual_stream_trains_without_sound(film, tmp_path):
    config, training, _ = tiny(film, visual_only=True)
    assert training.load(0).audio is None
    shutil.copytree(film / "img", tmp_path / "img")  # no mp3 folder at all
    shutil.copy(film / "annotations.json", tmp_path)
    history, state = run(tmp_path, tmp_path / "out", n_epochs=1, visual_only=True)
    assert np.isfinite(history[0]["train_loss"]) and "a_fc.0.weight" not in state


def test_a_clip_without_its_sound_is_named(film, tmp_path):
    own = Path(shutil.copytree(film, tmp_path / "film"))
    (own / "mp3" / "Sadness" / "bbb_0324.mp3").unlink()
    _, training, _ = tiny(own)
    assert len(training) == 3
    assert "bbb_0324.mp3: found no such file" in training.unreadable["bbb_0324"]


def test_a_frame_that_only_a_later_pass_sees(film, tmp_path):
    """Training shows the clip as pass 1 saw it; what is told of a test is of the other clips."""
    own = Path(shutil.copytree(film, tmp_path / "film"))
    entries = json.loads((own / "annotations.json").read_text())
    for entry in entries["database"].values():
        entry["subset"] = "validation"
    (own / "annotations.json").write_text(json.dumps(entries))
    config, *_ = tiny(film)
    clips = cten.open_clips(config, paths_of(own), "validation")
    jt.set_global_seed(0)
    net = cten.build(config)
    whole = cten.test(net, clips, batch_size=2)
    batch = next(video.batches(clips, batch_size=2))
    kept = kept_segments(cten.look(net, batch.visual, batch.audio).gamma)
    later = clips.resample(0, kept.low[0], number=2)
    frames = np.setdiff1d(later.frame_indices, clips.load(0).frame_indices)
    video.frame_file(clips.items[0].frame_folder, int(frames[0])).write_bytes(b"")

    batch = next(video.batches(clips, batch_size=2))
    low, _ = cten.seen_again(clips, batch, kept)
    np.testing.assert_array_equal(low.visual[0], batch.visual[0])
    np.testing.assert_array_equal(low.visual[1], clips.resample(1, kept.low[1], number=2).visual)
    result = cten.test(net, clips, batch_size=2)
    assert list(clips.unreadable) == [clips.items[0].id] and result.mean.ids == whole.mean.ids[1:]
    for one, other in zip(result, whole, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities[1:])
    numbers = result.numbers(clips)
    assert numbers["val_accuracy"] == (whole.mean.predicted == whole.mean.labels)[1:].mean()
    with pytest.raises(video.DataError, match="none that can be read"):
        whole.mean.without(whole.mean.ids)


def test_picture_of_a_clip(film):
    config, _, validation = tiny(film)
    net = cten.build(config)
    state = cten.erasing_state(net, validation, 0, theta=0.5)
    assert state.probabilities.shape == (3, 8) and state.pass_frames.shape == (3, 4, 32, 32, 3)
    np.testing.assert_allclose(state.probabilities.sum(1), 1, rtol=1e-5)
    logits = np.log(state.probabilities[:2].astype(np.float64))
    mean = np.exp(logits.mean(0))
    np.testing.assert_allclose(state.mean_probabilities, mean / mean.sum(), rtol=1e-4)
    assert json.loads((film / "annotations.json").read_text())["database"][state.title]
