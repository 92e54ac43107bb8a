"""Weights in and out: strict loading with a report, PyTorch's formats, training states."""

import math
import os
import signal
import subprocess
import sys
import time

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from support import ROOT

from jacklib.errors import DataError
from jacklib.methods.checkpoints import config_of, open_checkpoint
from jacklib.methods.front import load
from jacklib.networks import BPMGCNConfig, CTENConfig, TSLNetConfig, VAANetConfig
from jacklib.networks.resnet3d import resnet3d
from jacklib.ops import SGD, Adam, BatchNorm
from jacklib.weights.checkpoint import (
    LoadReport,
    load_kinetics_backbone,
    load_training,
    load_weights,
    naming,
    read_options,
    save_training,
    save_weights,
)
from jacklib.weights.torch_files import read_torch_file, write_torch_file


class Small(nn.Module):
    """Two layers with running statistics and a classifier."""

    def __init__(self, n_classes=3):
        self.body = nn.Sequential(nn.Linear(4, 5), BatchNorm(5))
        self.fc = nn.Linear(5, n_classes)

    def execute(self, x):
        return self.fc(self.body(x))


def weights(n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return {
        k: rng.random(v.shape).astype(np.float32) for k, v in Small(n_classes).state_dict().items()
    }


def assert_loaded(net, wanted):
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), wanted[key], err_msg=key)


@pytest.mark.parametrize("nest", [None, "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("source", ["dict", "pth", "safetensors"])
def test_every_form_of_weights(tmp_path, nest, prefix, source):
    wanted = weights()
    content = {prefix + k: v for k, v in wanted.items()}
    content[prefix + "body.1.num_batches_tracked"] = np.array(7)
    if nest:
        content = {"epoch": 3, nest: content}
    if source == "safetensors":
        if nest:
            pytest.skip("safetensors files are flat")
        from safetensors.numpy import save_file

        save_file(content, tmp_path / "w.safetensors")
        content = tmp_path / "w.safetensors"
    elif source == "pth":
        write_torch_file(tmp_path / "w.pth", content)
        content = tmp_path / "w.pth"
    net = Small()
    report = load_weights(net, content)
    assert report.complete and set(report.matched) == set(wanted)
    assert_loaded(net, wanted)


def test_strict_names_what_does_not_fit_and_loads_nothing():
    net, given = Small(), weights()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    given["head.weight"] = given.pop("fc.weight")
    given["body.0.bias"] = np.zeros(9, np.float32)
    with pytest.raises(DataError) as caught:
        load_weights(net, given)
    message = str(caught.value)
    assert "1 missing: fc.weight" in message and "1 unexpected: head.weight" in message
    assert "body.0.bias [9] for [5]" in message
    assert_loaded(net, before)

    report = load_weights(net, given, strict=False)
    assert report.missing == ["fc.weight"] and report.unexpected == ["head.weight"]
    assert report.mismatched == {"body.0.bias": ((9,), (5,))}
    np.testing.assert_array_equal(net.body[0].weight.numpy(), given["body.0.weight"])
    np.testing.assert_array_equal(net.body[0].bias.numpy(), before["body.0.bias"])


def test_wrong_number_of_classes_says_so():
    with pytest.raises(DataError, match="trained for 6 classes and this network has 3"):
        load_weights(Small(3), weights(6))


def test_a_file_without_weights(tmp_path):
    write_torch_file(tmp_path / "log.pth", {"epoch": 3, "loss": [1.0, 2.0]})
    with pytest.raises(DataError, match="log.pth: found no arrays under the keys epoch, loss"):
        load_weights(Small(), tmp_path / "log.pth")


def test_saved_weights_come_back_with_their_options(tmp_path):
    net = Small()
    save_weights(net, tmp_path / "w.pth", {"n_classes": 3, "class_names": ["a", "b", "c"]})
    other = Small()
    load_weights(other, tmp_path / "w.pth")
    assert_loaded(other, {k: v.numpy() for k, v in net.state_dict().items()})
    assert read_options(tmp_path / "w.pth")["class_names"] == ["a", "b", "c"]


PREFIXES = ["module.", "_orig_mod.", "module.module.", "model.", "module._orig_mod.", "net.model."]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_that_all_names_share_is_taken_off(prefix):
    net, wanted = Small(), weights()
    report = load_weights(net, {prefix + name: value for name, value in wanted.items()})
    assert report.complete and report.prefix == prefix and prefix in str(report)
    assert_loaded(net, wanted)


def test_a_part_called_module_keeps_its_name(tmp_path):
    class Wrapped(nn.Module):
        def __init__(self):
            self.module = nn.Linear(2, 3)

    net, other = Wrapped(), Wrapped()
    save_weights(net, tmp_path / "w.pth")
    assert load_weights(other, tmp_path / "w.pth").complete
    assert_loaded(other, {k: v.numpy() for k, v in net.state_dict().items()})


@pytest.mark.parametrize("ending", ["pth", "bin", "pkl", "safetensors"])
@pytest.mark.parametrize("writer", ["torch", "jittor", "safetensors"])
def test_the_content_says_what_a_file_is(tmp_path, writer, ending):
    from safetensors.numpy import save_file

    wanted, path = weights(), tmp_path / f"w.{ending}"
    if writer == "torch":
        write_torch_file(path, {"state_dict": wanted, "options": {"n_classes": 3}})
    elif writer == "jittor":  # only ever ends in .pkl when it writes
        jt.save({k: jt.array(v) for k, v in wanted.items()}, str(tmp_path / "w.jittor"))
        (tmp_path / "w.jittor").rename(path)
    else:
        save_file(wanted, path, {"options": '{"n_classes": 3}'})
    net = Small()
    assert load_weights(net, path).complete
    assert_loaded(net, wanted)
    assert read_options(path) == ({} if writer == "jittor" else {"n_classes": 3})


def test_another_file_named_safetensors_is_named(tmp_path):
    path = tmp_path / "w.safetensors"
    for content, words in (
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS"),
        (b"<html>", "a web page"),
        (b"", "an empty file"),
        ((100).to_bytes(8, "little") + b'{"a', "another or a damaged file"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"w.safetensors: found {words}"):
            load_weights(Small(), path)


@pytest.mark.parametrize("wrapper", ["module", "_orig_mod", "_fsdp_wrapped_module"])
def test_a_wrapped_part_is_found(wrapper):
    net, wanted = Small(), weights()
    given = {k.replace("body.", f"body.{wrapper}."): v for k, v in wanted.items()}
    assert load_weights(net, given).complete
    assert_loaded(net, wanted)
    given = {f"model.{k}": v for k, v in given.items()}
    assert load_weights(net, given).prefix == "model."


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": {"model": weights()}},
        {"checkpoint": {"state_dict": weights(), "epoch": 3}},
        {"weights": weights(), "optimizer": {"state": {0: {"mean": np.ones(3)}}}},
        {"trainer": {"best": {"epoch": 3, "weights": weights()}}},
    ],
)
def test_weights_in_any_wrapper(content):
    net = Small()
    load_weights(net, content)
    assert_loaded(net, weights())


def test_of_two_networks_none_is_chosen():
    for content in ({"G": weights(), "D": weights()}, {"a": {"G": weights(), "D": weights()}}):
        with pytest.raises(DataError, match="found several tables of arrays, G, D"):
            load_weights(Small(), content)


class Tied(nn.Module):
    """An embedding whose weight is the output's too, and a part with two names."""

    def __init__(self):
        self.embed, self.out = nn.Linear(4, 4), nn.Linear(4, 4)
        self.out.weight = self.embed.weight
        self.again = self.out


def test_tied_weights_have_every_name():
    rng = np.random.default_rng(0)
    wanted = {k: rng.random(v.shape).astype(np.float32) for k, v in Tied().state_dict().items()}
    assert list(wanted) == ["embed.weight", "embed.bias", "out.bias"]
    weight, biases = wanted["embed.weight"], {k: v for k, v in wanted.items() if "bias" in k}
    for names in (["embed.weight"], ["out.weight"], ["again.weight", "embed.weight"]):
        for prefix in ("", "module."):
            given = {**dict.fromkeys(names, weight), **biases, "again.bias": wanted["out.bias"]}
            net = Tied()
            assert load_weights(net, {prefix + k: v for k, v in given.items()}).complete
            assert_loaded(net, wanted)
    net, before = Tied(), weight
    load_weights(net, wanted)
    for strict in (True, False):
        with pytest.raises(DataError, match=r"embed\.weight and out\.weight with different values"):
            load_weights(net, {**wanted, "out.weight": weight + 1}, strict)
    assert_loaded(net, {**wanted, "embed.weight": before})


def test_whole_numbers_stay_whole_numbers():
    class Counting(nn.Module):
        def __init__(self):
            self.weight, self.index = jt.zeros(2), jt.zeros(2, "int32")

    net = Counting()
    large = 2**24 + 1  # no float32
    load_weights(net, {"weight": np.ones(2, np.float64), "index": np.array([3, large])})
    assert str(net.index.dtype) == "int32" and net.index.numpy().tolist() == [3, large]
    assert str(net.weight.dtype) == "float32"
    with pytest.raises(DataError, match=r"weights, index: found NaN"):
        load_weights(net, {"weight": np.ones(2), "index": np.array([3, np.nan])})


@pytest.mark.parametrize(
    "make, found",
    [
        (lambda a: np.full_like(a, np.nan), "NaN"),
        (lambda a: np.full_like(a, -np.inf), "infinite"),
        (lambda a: np.full(a.shape, 1e300), "infinite"),
        (lambda a: a.astype(np.complex64), "complex"),
    ],
)
def test_weights_that_are_no_real_numbers_are_named(tmp_path, make, found):
    given, net = weights(), Small()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    given["fc.bias"] = make(given["fc.bias"])
    write_torch_file(tmp_path / "w.pth", given)
    with pytest.raises(DataError, match=r"w\.pth, fc\.bias: found .*" + found):
        load_weights(net, tmp_path / "w.pth")
    assert_loaded(net, before)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_kinetics_names(tmp_path, prefix):
    backbone = resnet3d((1, 1), 4)
    rng = np.random.default_rng(0)
    wanted = {k: rng.random(v.shape).astype(np.float32) for k, v in backbone.state_dict().items()}
    names = {"0": "conv1", "1": "bn1", "4": "layer1", "5": "layer2"}
    released = {}
    for key, value in wanted.items():
        head, _, rest = key.partition(".")
        released[f"{prefix}{names[head]}.{rest}"] = value
    released[f"{prefix}fc.weight"] = np.zeros((400, 32), np.float32)
    released[f"{prefix}fc.bias"] = np.zeros(400, np.float32)
    write_torch_file(tmp_path / "k.pth", {"arch": "resnet-101", "state_dict": released})
    assert load_kinetics_backbone(backbone, tmp_path / "k.pth").complete
    assert_loaded(backbone, wanted)
    with pytest.raises(DataError, match="wanted a 3D ResNet-101"):
        load_kinetics_backbone(resnet3d((1, 2), 4), tmp_path / "k.pth")
    write_torch_file(tmp_path / "o.pth", {"state_dict": weights()})
    with pytest.raises(DataError, match="no conv1, bn1"):
        load_kinetics_backbone(backbone, tmp_path / "o.pth")


# --- Training states ------------------------------------------------------------------------------


def steps(net, optimizer, n, start=0):
    for i in range(start, start + n):
        x = np.random.default_rng(i).standard_normal((6, 4)).astype(np.float32)
        optimizer.step((net(jt.array(x)) ** 2).mean())


def test_training_goes_on_bit_for_bit(tmp_path):
    jt.set_global_seed(1)
    net = Small()
    net.train()
    optimizer = Adam(net.parameters(), lr=0.01)
    steps(net, optimizer, 3)
    save_training(tmp_path / "last.pth", net, optimizer, {"epoch": 3})
    steps(net, optimizer, 4, start=3)

    other = Small()
    other.train()
    again = Adam(other.parameters(), lr=0.5)
    assert load_training(tmp_path / "last.pth", other, again)["epoch"] == 3
    steps(other, again, 4, start=3)
    assert_loaded(other, {k: v.numpy() for k, v in net.state_dict().items()})


def test_resume_from_weights_alone_is_refused(tmp_path):
    net = Small()
    save_weights(net, tmp_path / "best.pth")
    with pytest.raises(DataError, match="weights without a training state"):
        load_training(tmp_path / "best.pth", net, Adam(net.parameters()))


# --- What a file says besides its weights ---------------------------------------------------------

DEEP = {}
for _ in range(500):
    DEEP = {"deeper": DEEP}


@pytest.mark.parametrize(
    "options, entry",
    [
        (True, "options"),
        ([1], "options"),
        ({3: 1}, "options"),
        ({"a": DEEP}, "option a"),
        ({"a": [[1]]}, "option a"),
        ({"a": np.zeros(3, np.float32)}, "option a"),
        ({"a": "x" * 5000}, "option a"),
        ({"network": 3}, "option network"),
        ({"theta": "0.5"}, "option theta"),
        ({"theta": math.nan}, "option theta"),
        ({"prediction": ["first"]}, "option prediction"),
        ({"pass_loss": 3}, "option pass_loss"),
        ({"n_steps": 0}, "option n_steps"),
        ({"class_names": "abc"}, "option class_names"),
        ({"class_names": []}, "option class_names"),
        ({"class_names": ["a", None]}, "option class_names"),
        ({"class_names": ["a", "a"]}, "option class_names"),
        ({"class_names": ["a", "x" * 101]}, "option class_names"),
        ({"class_names": ["../../victim", "b"]}, "option class_names"),
        ({"class_names": ["/tmp/evil", "b"]}, "option class_names"),
        ({"class_names": ["a\\b", "b"]}, "option class_names"),
        ({"class_names": ["a\x1b[2J", "b"]}, "option class_names"),
        ({"class_names": [str(n) for n in range(1001)]}, "option class_names"),
    ],
)
def test_a_wrong_option_names_file_and_option(tmp_path, options, entry):
    path = tmp_path / "w.pth"
    for content in ({"options": options}, {"progress": {"options": options}}):
        write_torch_file(path, {"state_dict": weights(), **content})
        with pytest.raises(DataError) as caught:
            read_options(path)
        assert str(caught.value).startswith(f"{path}, {entry}: found ")
        assert len(str(caught.value)) < 1000 and "\x1b" not in str(caught.value)
    load_weights(Small(), path)  # the weights themselves are whole


CONFIGS = {
    "VAANet": VAANetConfig, "CTEN": CTENConfig, "TSL": TSLNetConfig, "Gait": BPMGCNConfig
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_a_size_beyond_use_names_file_and_option(tmp_path, name):
    path, good = tmp_path / "w.pth", vars(CONFIGS[name].classroom())
    for option, value in good.items():
        bad = [None, "1", [], [[1]], {"a": 1}, math.nan, -(2**40), 10**9, math.inf]
        bad += [[10**9] * 3, [1] * 9, [0], [True, 2]] if isinstance(value, tuple) else [[1]]
        for wrong in bad if type(value) is not str else [None, 1, ["all"]]:
            write_torch_file(path, {"w": np.ones(1), "options": {**good, option: wrong}})
            with pytest.raises(DataError) as caught:
                file = open_checkpoint(name, path)
                with naming(file.path):
                    config_of(CONFIGS[name], file, "paper")
            assert str(path) in str(caught.value) and option in str(caught.value), wrong
    write_torch_file(path, {"w": np.ones(1), "options": good})
    assert (
        config_of(CONFIGS[name], open_checkpoint(name, path), "paper") == CONFIGS[name].classroom()
    )


def test_the_largest_network_that_a_file_may_claim_takes_no_memory(tmp_path):
    # Its weights are compared, not made: they would take 100 GB.
    options = {"network": "Gait", "widths": [4096, 4096, 4096]}
    write_torch_file(tmp_path / "w.pth", {"w": np.ones(1, np.float32), "options": options})
    before = jt.get_mem_info().total_cpu_used
    with pytest.raises(DataError, match=r"w\.pth: found .* missing"):
        load(tmp_path / "w.pth")
    assert jt.get_mem_info().total_cpu_used - before < 2**27


def trained(folder, make=Adam):
    net = Small()
    net.train()
    optimizer = make(net.parameters(), lr=0.01, **({"momentum": 0.9} if make is SGD else {}))
    steps(net, optimizer, 2)
    progress = {
        "epoch": 1, "batch": 0, "sums": [0.0, 0, 0, 0.0], "best": 0.5, "seed": 0, "n_batches": 4,
        "history": [{"epoch": 1, "val_accuracy": 0.5, "seconds": 0.1}], "options": {"network": "S"},
    }  # fmt: skip
    save_training(folder / "last.pth", net, optimizer, progress)
    return folder / "last.pth", net, optimizer, progress


@pytest.mark.parametrize(
    "name, value",
    [
        *(("epoch", value) for value in (None, 1.5, -1, True, "1")),
        *(("batch", value) for value in (-1, 2**40)),
        *(("sums", value) for value in (0, [], [0, 0, 0], [0, 0, 0, "x"], [0, 0, 0, math.nan])),
        *(("best", value) for value in ("x", math.nan, [1])),
        *(("seed", value) for value in (-1, 0.5)),
        ("n_batches", 0),
        *(
            ("history", value)
            for value in ({}, [1], [{}], [{"epoch": 2}], [{"epoch": 1, "a": "x"}])
        ),
        ("history", [{"epoch": 1, "a": 1.0}, {"epoch": 2, "b": 1.0}]),
        ("history", [{"epoch": np.zeros(3)}]),
        ("options", [1]),
        ("run", DEEP),
    ],
)
def test_a_damaged_training_state_names_file_and_entry(tmp_path, name, value):
    path, net, optimizer, progress = trained(tmp_path)
    save_training(path, net, optimizer, {**progress, name: value})
    with pytest.raises(DataError) as caught:
        load_training(path, net, optimizer)
    assert str(path) in str(caught.value) and name in str(caught.value)


def test_what_a_resumed_run_needs_must_be_there(tmp_path):
    path, net, optimizer, progress = trained(tmp_path)
    del progress["seed"]
    save_training(path, net, optimizer, progress)
    assert load_training(path, net, optimizer) == progress
    with pytest.raises(DataError, match=r"last\.pth, progress, seed: found nothing"):
        load_training(path, net, optimizer, needed=("epoch", "seed"))
    for content in ({"optimizer": {}, "progress": None}, {"optimizer": None, "progress": progress}):
        write_torch_file(path, {"state_dict": weights(), **content})
        with pytest.raises(DataError, match=r"last\.pth, "):
            load_training(path, net, optimizer)


@pytest.mark.parametrize("make, moment", [(Adam, "square"), (SGD, "momentum")])
def test_a_damaged_optimizer_is_refused_before_it_is_taken_over(tmp_path, make, moment):
    path, net, optimizer, _ = trained(tmp_path, make)

    def damage(change):
        content = read_torch_file(path)
        change(content["optimizer"])
        write_torch_file(tmp_path / "damaged.pth", content)
        with pytest.raises(DataError, match=r"damaged\.pth, optimizer state: found another or a"):
            load_training(tmp_path / "damaged.pth", net, optimizer)

    for part in ("n_steps", "groups", "state"):
        damage(lambda saved, part=part: saved.pop(part))
        for value in (None, 3, "text", [], [None], [{}], {"a": 1}):
            damage(lambda saved, part=part, value=value: saved.update({part: value}))
    for value in (None, -1, 0.5, True, 2**62):
        damage(lambda saved, value=value: saved["n_steps"].__setitem__(0, value))
    for name in optimizer.groups[0].keys() - {"params"}:
        damage(lambda saved, name=name: saved["groups"][0].pop(name))
        for value in (None, "x", -1.0, math.nan, [1.0, 1.0], [0.5]):
            damage(lambda saved, n=name, value=value: saved["groups"][0].update({n: value}))
    array = read_torch_file(path)["optimizer"]["state"][0][moment]
    for value in (None, 1.0, array[:1], array * np.nan, array.astype(np.complex64), array > 0):
        damage(lambda saved, value=value: saved["state"][0].update({moment: value}))
    damage(lambda saved: saved["state"][0].pop(moment) is None or saved["state"][0].update(a=array))
    before = optimizer.state_dict()
    load_training(path, net, optimizer)
    assert optimizer.n_steps == before["n_steps"] == [2] * len(optimizer.params)


WRITER = """
import sys
import numpy as np
import jacklib
import jittor as jt
from jacklib.weights.checkpoint import save_training
from jacklib.ops import Adam
net = jt.nn.Linear(1500, 1500)
optimizer = Adam(net.parameters())
for number in range(10000):
    net.weight.assign(jt.full((1500, 1500), float(number)))
    net.bias.assign(jt.full((1500,), float(number)))
    save_training(sys.argv[1], net, optimizer, {"epoch": number})
    print(number, flush=True)
"""


def test_kill_in_the_middle_of_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "last.pth"
    killed_while_writing = 0
    for attempt in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(2):
            assert process.stdout.readline().strip().isdigit()
        # Wait until a new file is being written beside the old one, then kill.
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(p.name != "last.pth" for p in tmp_path.iterdir()):
                break
            time.sleep(0.001 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        killed_while_writing += any(p.name != "last.pth" for p in tmp_path.iterdir())
        content = read_torch_file(path)
        epoch = content["progress"]["epoch"]
        assert (content["state_dict"]["weight"] == epoch).all()
        assert (content["state_dict"]["bias"] == epoch).all()
    assert killed_while_writing
    # The next save clears away what the killed ones left.
    net = nn.Linear(2, 2)
    save_training(path, net, Adam(net.parameters()), {"epoch": 0})
    assert [p.name for p in tmp_path.iterdir()] == ["last.pth"]


def test_a_report_shows_names_as_one_line():
    name = "a\r\nnetwork: 300 entries loaded\x1b[2K" + "x" * 10_000
    report = str(LoadReport(unexpected=[name], mismatched={name: ((2,), (3,))}, prefix="\r."))
    assert report.isprintable() and len(report) < 2000 and "\\x1b[2K" in report
