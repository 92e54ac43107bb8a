"""The command lines of the public JACK's documents run here, with their options and their meaning.

NK-JittorCV/nk-affectivecomputing: README.md, docs/en/train.md, test.md and deploy.md; the Chinese
pages have the same lines.
"""

import argparse
import shlex

import jittor as jt
import numpy as np
import pytest
from support.commands import jack

from jacklib.cli.run import METHODS
from jacklib.methods import clips, cten, gait, public, tsl, vaanet
from jacklib.networks.losses import pcce
from jacklib.ops import cross_entropy
from jacklib.weights.torch_files import read_torch_file

MODULES = {"vaanet": vaanet, "cten": cten, "tsl": tsl, "gait": gait}
CLIPS = (
    "--dataset ve8 --resnet101_pretrained R --video_path V --annotation_path src/CTEN/data/ve8_04."
    "json --audio_path A --result_path O --batch_size 4 --n_epochs 100 --sample_size 112 --fps 30 "
    "--snippet_duration 16"
)
SOUND = "--audio_embed_size 2048 --audio_n_segments 16 --audio_time 100"
SENTI = (
    "--log_path L --modal all --r_act 8 --class_th 0.5 --batch_size 16 --num_workers 8 --seed 123"
)
# Each with the options that do nothing here.
LINES = {
    "CTEN main": [],
    "CTEN test": [],
    f"CTEN main {CLIPS} {SOUND}": [],
    f"CTEN main {CLIPS.replace('V ', 'V W ')} {SOUND}": [],
    "CTEN test --dataset ve8 --video_path V --audio_path A --annotation_path J --result_path O "
    "--checkpoint_path C": [],
    f"CTEN test {CLIPS} {SOUND}": ["--n_epochs", "--resnet101_pretrained"],
    "CTEN test_singlevideo --video_path V --output_frame_dir F --output_audio_dir A "
    "--checkpoint_path C": ["--output_audio_dir", "--output_frame_dir"],
    f"VAANet main {CLIPS}": [],
    f"VAANet test {CLIPS}": ["--n_epochs", "--resnet101_pretrained"],
    "VAANet test_singlevideo --video_path V --output_frame_dir F --output_audio_dir A "
    "--checkpoint_path C": ["--output_audio_dir", "--output_frame_dir"],
    "TSL main --data_path D --model_path M --output_path O --lambdas '[2,1,0.5,1]' --lr "
    f"'[0.00001]*2000' --model_file F {SENTI}": ["--log_path", "--model_path", "--num_workers"],
    f"TSL main_eval --data_path D --output_path O --model_file F {SENTI}": [
        "--batch_size", "--log_path", "--num_workers", "--seed"],
    "TSL main_inference --rgb_path R --mfcc_path M --fps 25 --output_path O --log_path L --modal "
    "all --r_act 8 --class_th 0.5 --seed 123 --model_file F": ["--log_path", "--seed"],
    "Gait main --work-dir W --model_saved_name best --config C --phase train --seed 1 "
    "--log-interval 100 --save-interval 2 --eval-interval 5 --print-log True --num-worker 20 "
    "--train_ratio 0.9 --test_ratio 0.1 --base-lr 0.01 --step 20 40 60 --device 0 --optimizer SGD "
    "--batch_size 16 --start-epoch 0 --num-epoch 80 --weight_decay 0.0005": [],  # says so itself
    "Gait main --work-dir W --config C --phase test --seed 1 --print-log True --num-worker 20 "
    "--test_ratio 0.1 --device 0 --batch_size 16 --weights P": [],
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_public_line_is_understood(line):
    name, phase, *words = shlex.split(line)
    method, parser = MODULES[METHODS[name]], argparse.ArgumentParser(allow_abbrev=False)
    method.add_arguments(parser, phase)
    reasons = public.accept(parser, method, phase)
    args = parser.parse_args(words)
    said = public.idle(args, reasons)
    assert sorted(sentence.split()[3] for sentence in said) == LINES[line]
    assert all(sentence.endswith(")") for sentence in said)
    assert not [name for name in vars(args) if name.startswith("-")]


@pytest.mark.parametrize("network", ["VAANet", "CTEN"])
def test_every_option_of_the_public_programmes_is_taken(network):
    words = (
        "--lambda_0 0.5 --resnet101_pretrained R --root_path R --video_path V --annotation_path A "
        "--result_path O --log_path L --expr_name E --audio_path A --checkpoint_path C "
        "--output_frame_dir F --output_audio_dir A --batch_size 4 --snippet_duration 16 "
        "--sample_size 112 --n_classes 8 --seq_len 16 --loss_func ce --learning_rate 2e-4 "
        "--weight_decay 5e-4 --fps 30 --audio_embed_size 2048 --audio_n_segments 16 --dataset ve8 "
        "--use_cuda --debug --dl --n_threads 16 --n_epochs 100"
    ).split()
    method = MODULES[METHODS[network]]
    for phase in method.PHASES:
        parser = argparse.ArgumentParser(allow_abbrev=False)
        method.add_arguments(parser, phase)
        reasons = public.accept(parser, method, phase)
        args = parser.parse_args(words)
        real = {s.split()[3] for s in public.idle(args, reasons)}
        assert ("--lambda_0" in real) == (phase != "main") and "--seq_len" not in real


def test_the_loss_is_the_one_that_is_asked_for():
    rng = np.random.default_rng(0)
    logits, labels = jt.array(rng.standard_normal((6, 8)).astype(np.float32)), np.arange(6)
    ce, positive = cross_entropy(logits, jt.array(labels)).item(), {1, 4, 6, 7}
    schedule = clips.Schedule(8, 1, 1e-3)

    def found(own, **changes):
        return clips.loss_of(schedule._replace(**changes), own, logits, labels, positive).item()

    assert found("ce") == found("pcce_ve8", loss_func="ce") == ce
    assert found("pcce_ve8") == pcce(logits, labels, positive).item() > ce
    assert found("ce", loss_func="pcce_ve8", lambda_0=0.0) == pytest.approx(ce, rel=1e-6)
    twice = found("ce", loss_func="pcce_ve8", lambda_0=1.0) - ce
    assert twice == pytest.approx(2 * (found("pcce_ve8") - ce), rel=1e-5)


def test_settings_of_the_public_line_reach_the_training(tmp_path):
    small = ["--dataset", "film", "--settings", "classroom", "--sample_size", "32", "--batch_size",
             "4", "--n_epochs", "1", "--result_path", tmp_path]  # fmt: skip
    result = jack("VAANet", "main", *small, "--loss_func", "ce", "--weight_decay", "0.01",
                  "--n_classes", "8", "--use_cuda", "--log_path", "logs")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "without effect here: --use_cuda (a GPU is taken" in result.stderr
    assert "without effect here: --log_path (" in result.stderr
    options = read_torch_file(tmp_path / "best.pth")["options"]
    assert options["loss_func"] == "ce" and options["weight_decay"] == 0.01
    for words, wanted in (
        (["--n_classes", "6"], "--n_classes: found 6, wanted 8, as "),
        (["--weight_decay", "-1"], "--weight_decay: found -1.0, wanted 0 or more"),
        (["--lambda_0", "nan"], "--lambda_0: found nan, wanted 0 or more"),
    ):
        result = jack("VAANet", "main", *small, *words)
        assert result.returncode == 1 and wanted in result.stderr, result.stderr
    result = jack("VAANet", "main", *small, "--n_epoch", "3")
    assert result.returncode == 2 and "unrecognized arguments: --n_epoch" in result.stderr


def test_the_command_line_knows_every_network():
    from jacklib.core.networks import NETWORKS

    assert {network.command: network.key for network in NETWORKS} == METHODS
