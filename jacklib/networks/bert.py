"""BERT's encoder, to be read from top to bottom.

Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding", NAACL 2019. State-dict names are those of Hugging Face's `BertModel`, so
that released weights load by name (`BERT.from_pretrained`). From sentences to token ids, and from
the network's output to one vector a sentence: `jacklib.methods.text`.

Letters in the comments: B sentences, L tokens a sentence (padded to the longest), H width, h heads
of width e = H / h, I inner width of the feed-forward part. BERT-base has H = 768, h = 12, I = 3072
and 12 layers; all-MiniLM-L6-v2 has H = 384, h = 12, I = 1536 and 6.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from jacklib.core.configs import Config
from jacklib.core.shapes import check_fields
from jacklib.errors import DataError, check_choice, error_of, refuse_as, said, shown
from jacklib.files import read_table
from jacklib.ops import relu
from jacklib.weights.checkpoint import LoadReport, load_weights, naming, read_weights

ACTIVATIONS = ("gelu", "gelu_new", "relu")
WORDS = "embeddings.word_embeddings.weight"  # what tells a prefix of all names
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")  # the first that a folder has is read


@dataclass(frozen=True)
class BERTConfig(Config):
    """Every option of `BERT`. Names are Hugging Face's, the defaults BERT-base's.

    hidden_act: "gelu" (exact), "gelu_new" (with a tanh) or "relu".

    Raises DataError if sizes do not fit together.
    """

    vocab_size: int = 30522  # rows of the word table
    hidden_size: int = 768  # H
    num_hidden_layers: int = 12
    num_attention_heads: int = 12  # h
    intermediate_size: int = 3072  # I
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1  # after the embeddings and after either part of a layer
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 512  # the most tokens
    type_vocab_size: int = 2  # texts that an input may have
    initializer_range: float = 0.02  # standard deviation of the first weights
    layer_norm_eps: float = 1e-12  # added to the variance
    pad_token_id: int | None = 0  # the word that stands for none, or None
    pooler: bool = True  # whether there is a pooled output

    SMALL = dict(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=256,
        max_position_embeddings=64,
    )  # fmt: skip

    def __post_init__(self):
        H, h = self.hidden_size, self.num_attention_heads
        check_fields(self)
        refuse_as("heads and width", H % h, "num_attention_heads", heads=h, width=H)
        check_choice("hidden_act", self.hidden_act, ACTIVATIONS,
                     "Released BERT checkpoints have 'gelu'.")  # fmt: skip
        pad, last = self.pad_token_id, self.vocab_size - 1
        refuse_as("padding", pad is not None and pad > last, "pad_token_id", pad=pad, last=last)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike) -> BERTConfig:
        """The config of the folder's config.json, with BERT-base's values as defaults.

        Only the weights show whether there is a pooler: `BERT.from_pretrained` checks.
        Raises DataError, naming the file, if the model is no BERT encoder.
        """
        path = Path(folder) / "config.json"
        cure = said("folder of BERT", files=" or ".join(WEIGHT_FILES))
        content = read_table(path, needed=True, cure=cure)
        kind, positions = content.get("model_type", "bert"), content.get("position_embedding_type")
        refuse_as("no BERT", kind != "bert", str(path), kind=shown(kind))
        refuse_as("relative positions", positions not in ("absolute", None), str(path),
                  positions=shown(positions))  # fmt: skip
        for name in ("is_decoder", "add_cross_attention"):
            value = content.get(name)
            refuse_as("no encoder", value, str(path), name=name, value=shown(value).lower())
        names = [f.name for f in fields(cls) if f.name != "pooler"]
        with naming(path):
            return cls(**{name: content[name] for name in names if name in content})


class BERTOutput(NamedTuple):
    """What BERT gives."""

    tokens: jt.Var  # [B, L, H]
    pooled: jt.Var | None  # [B, H], of the first token; None without a pooler


class BERTInspection(NamedTuple):
    """What the layers saw, for display."""

    attention: list[jt.Var]  # one a layer, [B, h, L, L]: [from, to]; rows sum to 1
    hidden: list[jt.Var]  # the embeddings, then each layer's output, [B, L, H]
    output: BERTOutput


# --- Small layers ---------------------------------------------------------------------------------


class LayerNorm(nn.Module):
    """Every row of x [..., H] at mean 0 and variance 1, then weight and bias.

    Jittor's own takes the variance as E[x^2] - E[x]^2, which rounding spoils where the mean is
    large.
    """

    def __init__(self, H: int, eps: float):
        self.eps = eps
        self.weight, self.bias = jt.ones(H), jt.zeros(H)

    def execute(self, x):
        x = x - x.mean(-1, keepdim=True)
        return x / (x.sqr().mean(-1, keepdim=True) + self.eps).sqrt() * self.weight + self.bias


class Embedding(nn.Module):
    """A row of the table for each index: [B, L] -> [B, L, H].

    The row `padding` gets no gradient, as with PyTorch's padding_idx.
    """

    def __init__(self, count: int, H: int, init_std: float, padding: int | None = None):
        self.padding = padding
        self.weight = jt.randn(count, H) * init_std
        if padding is not None:
            self.weight.assign(self.weight * (jt.index((count, H), 0) != padding).float32())

    def execute(self, numbers):
        B, L = numbers.shape
        rows = self.weight.reindex(
            [B, L, self.weight.shape[1]], ["@e0(i0,i1)", "i2"], extras=[numbers]
        )
        if self.padding is None:
            return rows
        word = (numbers != self.padding).float32().unsqueeze(2)  # [B, L, 1]
        return rows * word + rows.detach() * (1 - word)


def linear(c_in: int, c_out: int, init_std: float) -> nn.Linear:
    """A linear layer that starts with normal weights and biases of 0."""
    layer = nn.Linear(c_in, c_out)
    layer.weight.assign(jt.randn(c_out, c_in) * init_std)
    layer.bias.assign(jt.zeros(c_out))
    return layer


def activate(x, name: str):
    """The feed-forward part's non-linearity, one of ACTIVATIONS."""
    if name == "relu":
        return relu(x)
    if name == "gelu":  # x times the fraction of a normal distribution below x
        return x * 0.5 * (1 + (x * math.sqrt(0.5)).erf())
    return x * 0.5 * (1 + jt.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


# --- One layer: tokens look at each other, then each is worked on by itself -----------------------


class SelfAttention(nn.Module):
    """Every token gathers from all tokens, with h heads: [B, L, H] -> [B, L, H], [B, h, L, L]."""

    def __init__(self, config: BERTConfig):
        H = config.hidden_size
        self.h = config.num_attention_heads
        self.query = linear(H, H, config.initializer_range)
        self.key = linear(H, H, config.initializer_range)
        self.value = linear(H, H, config.initializer_range)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def execute(self, x, attention_bias):
        """attention_bias: [B, 1, 1, L], 0 for keys that may be attended to, else -1e30."""
        B, L, H = x.shape
        h, e = self.h, H // self.h
        q = self.query(x).reshape(B, L, h, e).transpose(1, 2)  # [B, h, L, e]
        k = self.key(x).reshape(B, L, h, e).transpose(1, 2)  # [B, h, L, e]
        v = self.value(x).reshape(B, L, h, e).transpose(1, 2)  # [B, h, L, e]
        scores = q @ k.transpose(2, 3) / math.sqrt(e) + attention_bias  # [B, h, L, L]
        attention = scores.softmax(dim=3)  # over the keys
        y = self.dropout(attention) @ v  # [B, h, L, e]
        return y.transpose(1, 2).reshape(B, L, H), attention


class Output(nn.Module):
    """Back to width H, dropout, what went in added, normalised: [B, L, c_in] -> [B, L, H]."""

    def __init__(self, c_in: int, config: BERTConfig):
        H = config.hidden_size
        self.dense = linear(c_in, H, config.initializer_range)
        self.LayerNorm = LayerNorm(H, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def execute(self, y, x):
        return self.LayerNorm(self.dropout(self.dense(y)) + x)


class Attention(nn.Module):
    """`SelfAttention` and its output. `self.self` is the released weights' name."""

    def __init__(self, config: BERTConfig):
        self.self = SelfAttention(config)
        self.output = Output(config.hidden_size, config)

    def execute(self, x, attention_bias):
        y, attention = self.self(x, attention_bias)
        return self.output(y, x), attention


class Intermediate(nn.Module):
    """To the inner width, and the non-linearity: [B, L, H] -> [B, L, I]."""

    def __init__(self, config: BERTConfig):
        self.dense = linear(config.hidden_size, config.intermediate_size, config.initializer_range)
        self.activation = config.hidden_act

    def execute(self, x):
        return activate(self.dense(x), self.activation)


class Layer(nn.Module):
    """One of the encoder's layers: [B, L, H] -> [B, L, H], [B, h, L, L]."""

    def __init__(self, config: BERTConfig):
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = Output(config.intermediate_size, config)

    def execute(self, x, attention_bias):
        x, attention = self.attention(x, attention_bias)
        return self.output(self.intermediate(x), x), attention


# --- The network ----------------------------------------------------------------------------------


class Embeddings(nn.Module):
    """What the word is, where it stands, and which text it is of: [B, L] -> [B, L, H]."""

    def __init__(self, config: BERTConfig):
        H, init_std = config.hidden_size, config.initializer_range
        self.word_embeddings = Embedding(config.vocab_size, H, init_std, config.pad_token_id)
        self.position_embeddings = Embedding(config.max_position_embeddings, H, init_std)
        self.token_type_embeddings = Embedding(config.type_vocab_size, H, init_std)
        self.LayerNorm = LayerNorm(H, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def execute(self, input_ids, token_type_ids):
        positions = jt.index((1, input_ids.shape[1]), 1)  # [1, L]
        x = self.word_embeddings(input_ids) + self.token_type_embeddings(token_type_ids)
        return self.dropout(self.LayerNorm(x + self.position_embeddings(positions)))


class Encoder(nn.Module):
    """The layers one after the other. The name is the released weights'."""

    def __init__(self, config: BERTConfig):
        self.layer = nn.ModuleList([Layer(config) for _ in range(config.num_hidden_layers)])


class Pooler(nn.Module):
    """The first token's vector, worked on once more: [B, L, H] -> [B, H]."""

    def __init__(self, config: BERTConfig):
        self.dense = linear(config.hidden_size, config.hidden_size, config.initializer_range)

    def execute(self, x):
        return jt.tanh(self.dense(x[:, 0]))


class BERT(nn.Module):
    """Bidirectional encoder of text. `BERT()` is BERT-base."""

    def __init__(self, config: BERTConfig = BERTConfig()):
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if config.pooler else None
        jt.sync(self.parameters())  # or Jittor compiles the first call's kernels with this in them

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike) -> tuple[BERT, LoadReport]:
        """The network of a folder in Hugging Face's layout, in evaluation mode, and what loaded.

        The report's `unexpected` are the entries of other heads, which are left out.
        Raises DataError if the folder has no BERT encoder or its weights do not fit.
        """
        config = BERTConfig.from_pretrained(folder)
        files = [Path(folder) / name for name in WEIGHT_FILES]
        path = str(next(filter(Path.is_file, files), ""))
        refuse_as("no weights beside config", not path, folder, files=" or ".join(WEIGHT_FILES))
        weights = plain_names(read_weights(path, (WORDS, f"bert.{WORDS}")))
        _check_amount(config, weights, path)
        net = cls(replace(config, pooler="pooler.dense.weight" in weights))
        # Heads by name: whatever is no part of BertModel.
        parts = ("embeddings.", "encoder.", "pooler.")
        ours = {key: value for key, value in weights.items() if key.startswith(parts)}
        try:
            report = load_weights(net, ours)
        except DataError as error:
            raise error_of("other config", path, found=error.found, wanted=error.wanted) from None
        report.unexpected = [key for key in weights if key not in ours]
        jt.sync(net.parameters())  # as where the network is made
        net.eval()
        return net, report

    def execute(self, input_ids, attention_mask=None, token_type_ids=None) -> BERTOutput:
        """Encode texts.

        input_ids: [B, L], indices of words. attention_mask: [B, L], 1 for words and 0 for padding,
        which no word looks at; all 1 if left out. token_type_ids: [B, L], 0 for the first text and
        1 for the second; all 0 if left out. Lists, NumPy arrays or Vars of whole numbers. Raises
        ValueError naming the argument that does not fit.
        """
        return self._run(input_ids, attention_mask, token_type_ids).output

    def inspect(self, input_ids, attention_mask=None, token_type_ids=None) -> BERTInspection:
        """The same with what lies behind it; inputs as the network takes them."""
        with jt.no_grad():
            return self._run(input_ids, attention_mask, token_type_ids)

    def _run(self, input_ids, attention_mask, token_type_ids) -> BERTInspection:
        ids, mask, types = check_tokens(self.config, input_ids, attention_mask, token_type_ids)
        B, L = ids.shape
        # As large as what PyTorch adds in effect: exp of it is 0, and a text that is all padding
        # attends to all positions alike.
        attention_bias = ((mask[:, None, None] - 1) * 1e30).astype(np.float32)  # [B, 1, 1, L]
        numbers = [jt.array(value) for value in (ids, types, attention_bias)]
        jt.sync(numbers)
        ids, types, attention_bias = numbers
        x = self.embeddings(ids, types)  # [B, L, H]
        seen, hidden = [], [x]
        for layer in self.encoder.layer:
            x, attention = layer(x, attention_bias)  # [B, L, H], [B, h, L, L]
            seen.append(attention)
            hidden.append(x)
        output = BERTOutput(x, None if self.pooler is None else self.pooler(x))
        return BERTInspection(seen, hidden, output)


def _check_amount(config: BERTConfig, weights: Mapping[str, np.ndarray], name: str) -> None:
    """Raise DataError if the options are those of a far larger network than the weights are of,
    before it is built: a line of config.json could fill the memory."""
    H, inner = config.hidden_size, config.intermediate_size
    rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size
    wanted = rows * H + config.num_hidden_layers * (4 * H * H + 2 * H * inner)
    found = sum(value.size for value in weights.values())
    refuse_as("far too large", wanted > 2 * found + 1_000_000, name, found=found, wanted=wanted)


def check_tokens(config: BERTConfig, input_ids, attention_mask, token_type_ids):
    """The three arguments of `BERT` as NumPy arrays [B, L] (int32), defaults filled in.

    Raises ValueError naming the argument that has another shape, or numbers that BERT has no rows
    for.
    """
    ids = _whole_numbers("input_ids", input_ids)
    shape, most = list(ids.shape), config.max_position_embeddings
    refuse_as("no rows of words", ids.ndim != 2 or 0 in shape, "input_ids", shape=shape)
    refuse_as("too many words", shape[1] > most, "input_ids", shape=shape, most=most)
    found = []
    for name, value, default, count, cure in (
        ("input_ids", ids, 0, config.vocab_size, "Use the tokenizer of this checkpoint."),
        ("attention_mask", attention_mask, 1, 2, "1 is for words, 0 for padding."),
        ("token_type_ids", token_type_ids, 0, config.type_vocab_size,
         "The first text's words have 0."),
    ):  # fmt: skip
        array = np.full(shape, default) if value is None else _whole_numbers(name, value)
        refuse_as("shape", array.shape != ids.shape, name, shape=list(array.shape), wanted=shape)
        low, high = int(array.min()), int(array.max())
        wrong = low if low < 0 else high
        if not 0 <= wrong < count:
            b, i = np.argwhere(array == wrong)[0]
            raise DataError(f"{name}[{b}, {i}]", found=wrong, wanted=f"0 to {count - 1}", cure=cure)
        found.append(array.astype(np.int32))
    return found


def _whole_numbers(name: str, value) -> np.ndarray:
    try:
        array = value.numpy() if isinstance(value, jt.Var) else np.asarray(value)
        kind = f"dtype {array.dtype}"
    except ValueError:
        array, kind = None, "rows of different lengths"
    refuse_as("no whole numbers", array is None or array.dtype.kind not in "iub", name, kind=kind)
    return array


# --- Released weights -----------------------------------------------------------------------------


def plain_names(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A released state dict under `BertModel`'s names.

    Whole models (BertForMaskedLM ...) keep the encoder under `bert.`; files of TensorFlow's time
    call the layer norms' entries gamma and beta; older ones list the positions (`position_ids`).
    """
    found = {}
    for key, value in weights.items():
        key = key.removeprefix("bert.").replace("LayerNorm.gamma", "LayerNorm.weight")
        key = key.replace("LayerNorm.beta", "LayerNorm.bias")
        if key not in ("embeddings.position_ids", "embeddings.token_type_ids"):
            found[key] = value
    return found


def import_transformers() -> ModuleType:
    """The `transformers` package, imported quietly and without PyTorch.

    It would say that there is no PyTorch; and where there is, import it, which does not go well
    in one process with Jittor.
    """
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    hide = "torch" not in sys.modules
    if hide:
        sys.modules["torch"] = None  # `import torch` then fails, and find_spec finds nothing
    try:
        import transformers
    finally:
        if hide:
            del sys.modules["torch"]
    return transformers
