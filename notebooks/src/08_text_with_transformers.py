# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] lang="en" tags=["slide"]
# # 08 · Text: what do the subtitles add?
#
# | | |
# |---|---|
# | **You can afterwards** | cut words into pieces as BERT does; compute a sentence vector and a late fusion by hand; test a classifier on sources that it has not seen; explain why a model for English is of no use for Chinese; choose how far to trust a modality, and say what it costs where it is wrong |
# | **You should know** | attention and softmax, cross entropy (04); baselines and bootstrap are explained here |
# | **Minutes** | you 130 · machine 2 |
# | **Core** | none: the whole notebook is extra, text is not part of the four networks; if you have one hour, read sections 3, 7 and 9 |
# | **Needs** | this repository and `04_vaanet`; no GPU, no download: the text model came with the set-up |
# | **Papers** | Devlin, Chang, Lee and Toutanova, *BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding*, NAACL 2019 ([arXiv 1810.04805](https://arxiv.org/abs/1810.04805)); Reimers and Gurevych, *Sentence-BERT*, EMNLP 2019 ([arXiv 1908.10084](https://arxiv.org/abs/1908.10084)) |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: exercises (✎) that are not done do not stop it. `classroom.hint("08.1")` in a cell of your own helps.

# %% [markdown] lang="zh" tags=["slide"]
# # 08 · 文本：字幕能补充什么？
#
# | | |
# |---|---|
# | **学完你能** | 像 BERT 那样把词切成子词；手算句向量和后期融合；用从未见过的来源检验分类器；说明为什么英文模型处理不了中文；选择对一种模态信任多少，并说出它出错时的代价 |
# | **需要先会** | 注意力、softmax 和交叉熵（04）；基线和自助法在这里讲解 |
# | **用时（分钟）** | 你 130 · 机器 2 |
# | **必学** | 无：整个笔记本都是选学，四个网络都不用文本；如果只有一小时，读第 3、7、9 节 |
# | **运行条件** | 本仓库，并先看过 `04_vaanet`；不需要 GPU，也不用下载，文本模型在安装时已经装好 |
# | **论文** | Devlin、Chang、Lee、Toutanova，*BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding*，NAACL 2019（[arXiv 1810.04805](https://arxiv.org/abs/1810.04805)）；Reimers、Gurevych，*Sentence-BERT*，EMNLP 2019（[arXiv 1908.10084](https://arxiv.org/abs/1908.10084)） |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习（✎）不会中断运行。需要帮助时，另起一格运行 `classroom.hint("08.1")`。仓库里保存的输出和图是英文版运行时生成的；自己运行一遍，图和练习的提示就会变成中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import inspect
import json
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from jacklib.methods import probe
from jacklib.methods.text import TextEncoder
from jacklib.networks.bert import BERTConfig
from jacklib.samples.sentences import load_sentences

CACHE = Path("results/text")  # git ignores it

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · A third modality ☆
#
# Notebooks 04 to 06 classified a video by **images** and **audio**. Most videos with people have a third channel: somebody **speaks**, and often the words are available as subtitles with their times. What do they add?
#
# - Words name what no image shows: *They'll never know we were here.*
# - They name it directly, where a face has to be interpreted: *You broke your promise.*
# - They are cheap: a line is a few dozen bytes, a second of video many thousands.
#
# And what do they miss? Tone, face and context. *Wonderful* may be praise or mockery, and *Come here* comforts, calls or threatens. So the question of this notebook is not whether text is better, but **how much to trust each modality**, and what happens if one of them is wrong (sections 8 and 9).

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 第三种模态 ☆
#
# 04 到 06 用**视觉**和**音频**判断视频。有人物的视频大多还有第三条线索：有人**说话**，而且常常配着带时间的字幕。文字能补充什么？
#
# - 文字能说出画面上看不到的事：*They'll never know we were here.*（他们永远不会知道，我们在这里住过。）
# - 表情要靠猜，文字却直说：*You broke your promise.*（你说话不算数。）
# - 文字很省：一句台词几十个字节，一秒视频要成千上万。
#
# 文字又漏掉了什么？语气、表情和上下文。*Wonderful* 可能是夸奖，也可能是嘲讽；*Come here* 可以是安慰、招呼或威胁。所以本笔记本要问的不是文本是不是更好，而是**每种模态应当信任多少**，其中一种出错时又会怎样（第 8、9 节）。

# %% [markdown] lang="en"
# ## 2 · The sentences ☆
#
# `data_samples/sentences` has 378 English lines. One third are subtitles of three short scenes: a family's last evening before moving house, a mountain rescue, a bakery's first day. **They were written for this kit; no film exists.** The others are lines spoken in *Alice's Adventures in Wonderland* and in two plays by Shakespeare. Each line is labelled negative, neutral or positive **by its text alone**. An AI model wrote the scenes and assigned all labels, in November 2026, and labelled everything a second time in shuffled order without looking at the first labels. Lines written by their own annotator are tidier than real subtitles, and Shakespeare's English is far from what our encoder was trained on; the folder's README has the details.

# %% [markdown] lang="zh"
# ## 2 · 句子 ☆
#
# `data_samples/sentences` 里有 378 句英文。三分之一是三段短剧的字幕：一家人搬家前的最后一晚、一次山地搜救、一家面包店开业的第一天。**它们是专为本套件写的，没有对应的影片。** 其余是《爱丽丝漫游奇境》和莎士比亚两部戏剧里人物说的话。每句标为负面、中性或正面，**只看文本**。短剧和全部标签都出自一个 AI 模型，时间是 2026 年 11 月；之后它打乱顺序、不看第一遍的标签，又标了一遍。自己写、自己标的台词，比真实的字幕工整；莎士比亚的英语，与编码器学过的英语相去甚远。详见该目录的 README。

# %%
sentences = load_sentences()
texts, labels = sentences.texts, sentences.labels
sources = np.array([item.source for item in sentences.items])
print(f"{'':22} {'kind':5} {'negative':>8} {'neutral':>8} {'positive':>8}  licence")
for name, source in sentences.sources.items():
    counts = np.bincount(labels[sources == name], minlength=3)
    print(f"{name:22} {source.kind:5} {counts[0]:8} {counts[1]:8} {counts[2]:8}  {source.licence}")

agree = labels == sentences.second_labels
print(
    f"\nboth readings of the same model agree on {agree.sum()} of {len(sentences)} lines. They differ, for example, on"
)
for k in np.flatnonzero(~agree)[[0, 4, 6, 8, 13]]:
    item = sentences.items[k]
    print(f"  {item.label:8} / {item.second_label:8}  {item.text}")

# %% tags=["slide"]
scene = [item for item in sentences.items if item.source == "mountain_rescue"]
ax = show.panels(1, 11, 1.8)
for row, label in enumerate(sentences.names):
    spans = [(x.start, x.end - x.start) for x in scene if x.label == label]
    ax.broken_barh(spans, (row - 0.3, 0.6), color=(show.ORANGE, show.GREY, show.BLUE)[row])
ax.set(
    yticks=range(3),
    yticklabels=map(show.translated, sentences.names),
    xlabel=show.translated(("time (s)", "时间（秒）")),
)
ax.set_title(
    show.translated(
        ("The mountain rescue: its subtitles, as labelled", "《山地搜救》的字幕及其标签")
    )
)
plt.show()
spoken = sum(x.end - x.start for x in scene) / scene[-1].end
print(f"a line is shown during {spoken:.0%} of the scene")

# %% [markdown] lang="en"
# A subtitle has a start and an end, which align the text with the images and the audio. Between them nobody speaks, even in a scene as talkative as this one: **a third modality that is often missing.**

# %% [markdown] lang="zh"
# 字幕有起点和终点，文本就这样与视觉、音频在时间上对齐。两句之间没有人说话，连这样话多的一场戏也不例外：**第三种模态，常常是缺失的。**

# %% [markdown] lang="en"
# ### ✎ 08.1 · Kappa · apply ●○○
#
# The fraction of equal labels alone is optimistic: two annotators who guess also agree now and then. **Cohen's kappa** corrects for that: $\kappa=(a-z)/(1-z)$, where $a$ is the fraction of equal labels and $z=\sum_c p_1(c)\,p_2(c)$ the fraction expected by chance; $p_1$ and $p_2$ are the fractions of label $c$ in each reading.

# %% [markdown] lang="zh"
# ### ✎ 08.1 · kappa · 应用 ●○○
#
# 只看标签相同的比例会偏高：两个人随机标注，也会碰巧相同。**Cohen's kappa** 把碰巧的部分扣掉：$\kappa=(a-z)/(1-z)$，其中 $a$ 是标签相同的比例，$z=\sum_c p_1(c)\,p_2(c)$ 是碰巧相同的比例，$p_1$、$p_2$ 是标签 $c$ 在两遍标注里各占的比例。


# %% tags=["exercise"]
def kappa(first, second):
    """Two arrays of class numbers -> a number, 1 for full agreement."""
    ...


classroom.check("08.1", kappa)

# %% [markdown] lang="en"
# ### ✎ 08.2 · Agreement of whom? · analyse ●●○
#
# The two readings of the 378 lines reach κ = 0.92. Which sentence may one write?
#
# - `"a"`: "Annotators agree almost perfectly on these lines."
# - `"b"`: "One AI model gives nearly the same labels twice; how well people would agree is not known."
# - `"c"`: "92% of the labels are right."

# %% [markdown] lang="zh"
# ### ✎ 08.2 · 谁与谁一致？ · 分析 ●●○
#
# 378 句的两遍标注，κ = 0.92。可以写哪句话？
#
# - `"a"`：“标注者对这些句子的意见几乎完全一致。”
# - `"b"`：“同一个 AI 模型两次给出的标签几乎相同；人们会有多一致，还不知道。”
# - `"c"`：“92% 的标签是对的。”

# %% tags=["exercise"]
sentence = ...  # "a", "b" or "c"
classroom.check("08.2", sentence)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · From letters to numbers ☆
#
# A network needs numbers. BERT's **tokenizer** has 30,522 *word pieces*: frequent words are kept whole, rare ones are split into parts that start with `##`. Hardly any word is unknown: in the worst case it is split into single letters, and only a word with a character that the vocabulary lacks becomes `[UNK]`. `[CLS]` and `[SEP]` mark beginning and end. The tokenizer and the configuration are those of the library `transformers`; the network is ours.

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 从字母到数字 ☆
#
# 网络只能处理数字。BERT 的**分词器**（tokenizer）有 30,522 个*子词*（word piece）：常见词是整个的，少见词拆成几段，后面的段以 `##` 开头。几乎没有不认识的词：最坏拆成一个个字母，只有词里带着词表没有的符号，整个词才变成 `[UNK]`。`[CLS]` 和 `[SEP]` 标记开头和结尾。分词器和配置用的是 `transformers` 库的，网络是我们自己写的。

# %%
encoder = TextEncoder.load()  # a path to any BERT checkpoint may go here; section 10
for text in ("You broke your promise.", "You shan't be beheaded!", "Never heard of uglifying!"):
    print(" ".join(encoder.tokens(text)))

# %% [markdown] lang="en"
# *Beheaded* is a word of its own; *uglifying* is put together from parts. Capitals are gone: this model does not distinguish *Joy* from *joy*. Sentences differ in length, so shorter ones are padded, and a **mask** marks the positions that count:

# %% [markdown] lang="zh"
# *beheaded* 是完整的词；*uglifying* 由几段拼成。大写没有了：这个模型分不清 *Joy* 和 *joy*。句子长短不一，短的要补齐，再用一个**掩码**（mask）标明哪些位置算数：

# %%
three = ["You broke your promise.", "Lovely weather for a walk.", "Is he dead?"]
batch = encoder.tokenizer(three, padding=True, return_tensors="np")
print(batch["input_ids"])
print(batch["attention_mask"])

# %% [markdown] lang="en"
# How many word pieces does a line have? This determines the encoder's work, since attention compares every piece with every other.

# %% [markdown] lang="zh"
# 一句话有多少个子词？这决定了编码器的工作量，因为注意力要把每个子词与其他所有子词两两比较。

# %%
lengths = np.array([len(ids) for ids in encoder.token_ids(texts)])
print(f"word pieces of a line, [CLS] and [SEP] included: {np.median(lengths):.0f} in the middle, "
      f"{lengths.min()} to {lengths.max()}")  # fmt: skip

# %% [markdown] lang="en"
# ### ✎ 08.3 · Cut a word · apply ●●○
#
# The tokenizer is greedy: from the current position it takes the **longest** piece in the vocabulary, and continues after it. Pieces inside a word start with `##`. If nothing matches at some position, the whole word becomes `["[UNK]"]`. `vocabulary` is a set of pieces (try it with `set(encoder.tokenizer.get_vocab())`).

# %% [markdown] lang="zh"
# ### ✎ 08.3 · 切词 · 应用 ●●○
#
# 分词器很贪心：从当前位置起，取词表里有的**最长**一段，再从后面接着切。不在词首的段前面加 `##`。如果某处怎么都切不下去，整个词变成 `["[UNK]"]`。`vocabulary` 是子词的集合（可以用 `set(encoder.tokenizer.get_vocab())` 试试）。


# %% tags=["exercise"]
def cut(word, vocabulary):
    """A lower-case word, a set of pieces -> a list of pieces."""
    ...


classroom.check("08.3", cut)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · The encoder ☆
#
# BERT gives every piece a vector, the sum of three embeddings: the piece, its position, and the text it belongs to. Then come identical layers. In each, **self-attention** lets every piece attend to every other and combine their values; then a small network processes each piece alone. For piece $i$ and the pieces $j$ of its sentence,
#
# $$a_{ij}=\mathrm{softmax}_j\!\left(\frac{q_i\cdot k_j}{\sqrt{e}}\right),\qquad y_i=\sum_j a_{ij}\,v_j ,$$
#
# where the query $q$, the key $k$ and the value $v$ are linear maps of the vectors. Several **attention heads** of width $e$ do this in parallel, each with maps of its own.
#
# `jacklib/networks/bert.py` has all of it and can be read from top to bottom. The same code builds three sizes: BERT-base of the paper; the *MiniLM* used here (all-MiniLM-L6-v2 of the sentence-transformers project, Apache-2.0), trained so that sentences with similar meaning get similar vectors; and one for the classroom, small enough to train from scratch.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 编码器 ☆
#
# BERT 给每个子词一个向量：它是什么、排在哪里、属于哪段文本，三者相加。接着是若干结构相同的层。每一层里，**自注意力**让每个子词关注其他所有子词，汇总它们的值；然后一个小网络逐个处理各个子词。对子词 $i$ 和同一句里的子词 $j$：
#
# $$a_{ij}=\mathrm{softmax}_j\!\left(\frac{q_i\cdot k_j}{\sqrt{e}}\right),\qquad y_i=\sum_j a_{ij}\,v_j ,$$
#
# 其中查询 $q$、键 $k$、值 $v$ 都是向量的线性变换。宽度为 $e$ 的多个**注意力头**（head）并行计算，各有各的变换。
#
# 整个网络都在 `jacklib/networks/bert.py` 里，可以从头读到尾。一份代码，三种规模：论文里的 BERT-base；这里用的 *MiniLM*（sentence-transformers 项目的 all-MiniLM-L6-v2，Apache-2.0），训练目标是让意思相近的句子向量也相近；还有课堂版，小到可以从零开始训练。

# %%
config = encoder.net.config
sizes = {"BERT-base": BERTConfig.paper(), "MiniLM": config, "classroom": BERTConfig.classroom()}
rows = [
    ("layers", "num_hidden_layers"), ("heads", "num_attention_heads"), ("width", "hidden_size"),
    ("inner width", "intermediate_size"), ("word pieces", "vocab_size"),
]  # fmt: skip
print(f"{'':12}" + "".join(f"{name:>11}" for name in sizes))
for words, name in rows:
    print(f"{words:12}" + "".join(f"{getattr(size, name):11,}" for size in sizes.values()))
shapes = {name: list(p.shape) for name, p in encoder.net.named_parameters()}
total = sum(int(np.prod(shape)) for shape in shapes.values())
words = int(np.prod(shapes["embeddings.word_embeddings.weight"]))
print(f"\nMiniLM has {total:,} weights; {words / total:.0%} of them are the table of word pieces")
print(encoder.report)

# %% [markdown] lang="en"
# The weights come from a `safetensors` file, by name: the names in our network are those of the PyTorch one. Nothing was missing, so no weight is random.
#
# What do heads attend to? For one line, the head that attends most to the previous piece, the one that attends most to the next piece, and the one with the strongest link between pieces that are not neighbours:

# %% [markdown] lang="zh"
# 权重来自 `safetensors` 文件，按名字载入：我们的网络与 PyTorch 的网络用同样的名字。没有缺少的权重，也就没有哪里还停在随机值上。
#
# 各个注意力头关注什么？取一句话，找出最关注前一个子词的头、最关注后一个子词的头，以及不相邻的子词之间联系最强的头：

# %%
seen = encoder.attention("You broke your promise.")
L = len(seen.tokens)
inner = np.arange(1, L - 1)  # [CLS] and [SEP] aside
before = seen.weights[:, :, inner, inner - 1].mean(2)  # [layers, heads]
after = seen.weights[:, :, inner, inner + 1].mean(2)
apart = seen.weights * (np.abs(np.subtract.outer(np.arange(L), np.arange(L))) > 1)
apart[:, :, [0, -1]] = apart[:, :, :, [0, -1]] = 0
chosen = {
    ("looks at the piece before", "关注前一个子词"): np.unravel_index(
        before.argmax(), before.shape
    ),
    ("looks at the piece after", "关注后一个子词"): np.unravel_index(after.argmax(), after.shape),
    ("strongest link between words apart", "不相邻子词间联系最强"): np.unravel_index(
        apart.argmax(), apart.shape
    )[:2],
}
for ax, (words, (layer, head)) in zip(show.panels(3, 12, 3.6), chosen.items(), strict=True):
    show.grid(seen.weights[layer, head], seen.tokens, seen.tokens, limits=(0, 1), form="{:.1f}", ax=ax,
              title=f"{layer + 1}.{head + 1}: {show.translated(words)}")  # fmt: skip
    ax.tick_params(axis="x", rotation=60)
plt.show()  # layer.head; rows ask (query), columns are attended to (key)
_, _, i, j = np.unravel_index(apart.argmax(), apart.shape)
print(f"{seen.tokens[i]} looks at {seen.tokens[j]} with weight {apart.max():.2f}")

# %% [markdown] lang="en"
# A verb attends to its object across a gap: only together do *broke* and *promise* mean that somebody was let down. But beware of stories. This head was **picked** out of 72 because it looks convincing; most heads do not, and a large weight does not prove that the network's output depends on it.
#
# **From pieces to a sentence.** After six layers the vector of each piece contains its sentence's context. The mean over the pieces, without padding, scaled to length 1, is the **sentence vector**: 384 values.

# %% [markdown] lang="zh"
# 动词隔着一个词找到了宾语：*broke* 和 *promise* 合在一起，才是说话不算数。不过别急着编故事。这个头是因为看着有道理，才从 72 个头里**挑出来**的；大多数头的图并不这样好懂，权重大也不证明网络的答案真的靠它。
#
# **从子词到句子。** 经过六层，每个子词的向量都带上了整句的信息。对各子词取平均（补齐的位置不算），再把长度缩放为 1，就是**句向量**：384 个数。

# %%
vectors = encoder.embed(texts)
print("vectors", vectors.shape, "length of each", np.linalg.norm(vectors, axis=1).round(3)[:4])

# %% [markdown] lang="en"
# ### ✎ 08.4 · From pieces to a sentence · apply ●●○
#
# `tokens` is `[B, L, H]`, `mask` `[B, L]` with 1 for pieces and 0 for padding. Compute the mean over the pieces only, with each row scaled to length 1: `[B, H]`.

# %% [markdown] lang="zh"
# ### ✎ 08.4 · 从子词到句子 · 应用 ●●○
#
# `tokens` 是 `[B, L, H]`，`mask` 是 `[B, L]`，子词处为 1，补齐处为 0。只对子词取平均，再把每一行的长度缩放为 1，返回 `[B, H]`。


# %% tags=["exercise"]
def sentence_vectors(tokens, mask):
    """[B, L, H], [B, L] -> [B, H], rows of length 1."""
    ...


classroom.check("08.4", sentence_vectors)

# %% [markdown] lang="en"
# ## 5 · Is it the same network? ☆
#
# A port that merely looks right is worthless. The vectors and attention of PyTorch's `BertModel`, with the same weights, were stored for a few difficult sentences: with accents and odd signs, in Chinese, an empty one, and one that is too long and gets cut. Notebook 03 explains how such a comparison is made.

# %% [markdown] lang="zh"
# ## 5 · 是同一个网络吗？ ☆
#
# 只是看上去正确的移植没有价值。我们让 PyTorch 的 `BertModel` 用同样的权重，为几个刁钻的句子记下了句向量和注意力：带重音符号的、夹杂各种符号的、中文的、空的，还有太长要截断的。这样的比较怎么做，见 03。

# %%
from jacklib.porting import cmp
from jacklib.samples import samples_folder

stored = np.load(samples_folder().parent / "tests/torch_numbers/bert_sentences.npz")
difficult = json.loads(str(stored["sentences"]))
same = [encoder.tokens(text) for text in difficult] == json.loads(str(stored["tokens"]))
print("word pieces of all sentences the same:", same)
ours = encoder.embed(difficult)
for text, one, other in zip(difficult, ours, stored["embeddings"], strict=True):
    cmp(f"{text[:34]!r:37}", one, other, tolerance=1e-4)
attention = encoder.attention(difficult[1]).weights
ok = cmp(
    f"{'attention, all layers and heads':37}", attention, stored["attention_of_1"], tolerance=1e-4
)

# %% [markdown] lang="en"
# Equal to a few parts in ten million. That is rounding: the two frameworks add the same values in different orders. (We compared all 378 lines in the same way on 2026-11-26: 3e-7 at most.)

# %% [markdown] lang="zh"
# 相差不过千万分之几。这是舍入误差：两个框架把同样的数按不同的顺序相加。（2026-11-26 在全部 378 句上也比过：最多差 3e-7。）

# %% [markdown] lang="en"
# ## 6 · Which sentences are similar? ☆
#
# The dot product of two vectors of length 1 is their **cosine**: 1 for the same direction, 0 for unrelated. A few lines against each other, sorted by sentiment:

# %% [markdown] lang="zh"
# ## 6 · 哪些句子相近？ ☆
#
# 两个长度为 1 的向量，点积就是夹角的**余弦**：方向相同为 1，不相干为 0。取几句两两比较，按情感排列：

# %% tags=["slide"]
some = [
    "Then you do not love me?", "I never loved my brother in my life.",
    "I do not like her name.", "You broke your promise, he said, and then he hung up.",
    "Please, I'm so cold.", "It's raining. Give them a minute.", "What time is it?",
    "Where is your daughter?", "Then love me, Rosalind.", "My heart is with your liking.",
    "Come, come, we are friends.", "A glove, and it's still warm!",
]  # fmt: skip
where = [texts.index(text) for text in some]
cosines = vectors[where] @ vectors[where].T
signs = ["−0+"[labels[k]] for k in where]
show.grid(
    cosines, [f"{n}. {text} ({sign})" for n, (text, sign) in enumerate(zip(some, signs, strict=True), 1)],
    range(1, len(some) + 1), colours="viridis", limits=(0, 0.6), form="{:.1f}",
    title=("Cosines (−: negative, 0: neutral, +: positive)", "余弦（− 负面，0 中性，+ 正面）"),
)  # fmt: skip

# %% [markdown] lang="en"
# The lines about love are close to each other. But *Then you do not love me?* is as near to the happy *Then love me, Rosalind* as to the bitter *I never loved my brother*, and *Please, I'm so cold* is nearest to the good news of the warm glove. Vectors of this model represent what a sentence is **about** (love, cold and warmth, a certain *you*), and only in part its **sentiment**. How large is that part? Over all lines, each against the others of *other* sources:

# %% [markdown] lang="zh"
# 说到爱的几句彼此靠近。可 *Then you do not love me?* 离甜蜜的 *Then love me, Rosalind*，与离怨恨的 *I never loved my brother* 一样近；离 *Please, I'm so cold* 最近的，是手套还温着的好消息。这个模型的向量代表句子**在说什么**（爱、冷暖、某个“你”），只有一部分是**感受如何**。这一部分有多大？拿全部句子，每句与*其他*来源的句子相比：

# %%
other = sources[:, None] != sources[None]
everything = vectors @ vectors.T
print(f"{'mean cosine':12}" + "".join(f"{name:>10}" for name in sentences.names))
for a, name in enumerate(sentences.names):
    row = [
        everything[np.outer(labels == a, labels == b) & other].mean() for b in range(3)
    ]  # fmt: skip
    print(f"{name:12}" + "".join(f"{value:10.3f}" for value in row))
nearest = np.where(other, everything, -1).argmax(1)
print(
    f"\nthe nearest line of another source has the same label: {(labels[nearest] == labels).mean():.3f}"
)
print("of labels drawn blindly with these shares, this many would be the same: "
      f"{((np.bincount(labels) / len(labels)) ** 2).sum():.3f}")  # fmt: skip
for text in ("Is he dead?", "What time is it?", "Good morning! You're our very first customer."):
    k = texts.index(text)
    print(f"  {text:46} {everything[k, nearest[k]]:.2f}  {texts[nearest[k]]}")

# %% [markdown] lang="en"
# ### And in Chinese?
#
# Twelve of the lines, translated by hand. The encoder's word pieces were collected from English text. **Guess first**: what fraction of the pieces of the Chinese lines is `[UNK]`, 0 to 1?

# %% [markdown] lang="zh"
# ### 换成中文呢？
#
# 下面是其中十二句的中文译文（人工翻译）。编码器的子词表来自英文文本。**先猜一猜**：中文句子切出的子词里，`[UNK]` 占多大比例（0 到 1 之间）？

# %%
guess = ...
classroom.predict("08.p1", guess)

# %%
CHINESE = {
    "Please, I'm so cold.": "求求你，我好冷。",
    "He isn't moving.": "他不动了。",
    "You broke your promise, he said, and then he hung up.": "他说：你说话不算数。然后就挂了电话。",
    "What happened to you?": "你怎么了？",
    "What time is it?": "现在几点了？",
    "Is that the last of the boxes?": "这是最后一个箱子吗？",
    "The van comes at eight tomorrow.": "货车明天八点来。",
    "First batch is in the oven.": "第一炉已经进烤箱了。",
    "A glove, and it's still warm!": "一只手套，还是热的！",
    "You did everything right, do you hear?": "你全都做对了，听见了吗？",
    "Good morning! You're our very first customer.": "早上好！您是我们的第一位顾客。",
    "Lovely weather for a walk.": "真是散步的好天气。",
}
cut_up = [encoder.tokens(line)[1:-1] for line in CHINESE.values()]
for line, found in list(zip(CHINESE.values(), cut_up, strict=True))[:4]:
    print(f"{line}  →  {' '.join(found)}")
pieces = [piece for line in cut_up for piece in line]
unknown = pieces.count("[UNK]") / len(pieces)
print(f"[UNK]: {unknown:.0%} of {len(pieces)} pieces")
classroom.reveal("08.p1", round(unknown, 2))

en, zh = encoder.embed([*CHINESE]), encoder.embed([*CHINESE.values()])
apart = ~np.eye(len(en), dtype=bool)
print(f"mean cosine of two different lines: English {(en @ en.T)[apart].mean():.2f}, "
      f"Chinese {(zh @ zh.T)[apart].mean():.2f}")  # fmt: skip

# %% [markdown] lang="en"
# ### ✎ 08.5 · Found in translation · analyse ●●○
#
# If the vectors carried the meaning, each Chinese line would be nearest to its own English line. For how many of the twelve is the English line with the largest cosine its own translation? (Rows of `zh` and `en` belong together.) Then compare with what guessing would give.

# %% [markdown] lang="zh"
# ### ✎ 08.5 · 译文对得上吗？ · 分析 ●●○
#
# 如果向量真的表达了意思，每句中文最接近的英文就应当是它的原句。十二句里，余弦最大的英文句子正好是原句的有几句？（`zh` 和 `en` 的各行一一对应。）再想想随便猜能对几句。

# %% tags=["exercise"]
n_found = ...
classroom.check("08.5", n_found, zh=zh, en=en)

# %% [markdown] lang="en"
# ### ✎ 08.6 · So alike? · analyse ●●○
#
# Two different Chinese lines have a far larger cosine than two different English ones. Why?
#
# - `"a"`: the twelve Chinese lines mean nearly the same
# - `"b"`: most of their pieces are the same `[UNK]`, so most of what was said never reached the encoder
# - `"c"`: their vectors are longer
# - `"d"`: the translations are less exact than the originals

# %% [markdown] lang="zh"
# ### ✎ 08.6 · 为什么如此相似？ · 分析 ●●○
#
# 两句不同的中文，余弦远大于两句不同的英文。为什么？
#
# - `"a"`：这十二句中文的意思差不多
# - `"b"`：它们的子词大多是同一个 `[UNK]`，所说的内容大部分没有传到编码器
# - `"c"`：它们的向量更长
# - `"d"`：译文不如原文准确

# %% tags=["exercise"]
why = ...  # "a", "b", "c" or "d"
classroom.check("08.6", why)

# %% [markdown] lang="en"
# The network raises no error: it returns a vector of length 1 for any string. For Chinese, give `TextEncoder.load` a Chinese BERT (section 10).

# %% [markdown] lang="zh"
# 网络并不报错：无论输入什么字符串，都会得到一个长度为 1 的向量。处理中文，请给 `TextEncoder.load` 一个中文 BERT（第 10 节）。

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · A sentiment probe, tested fairly ☆
#
# Do these vectors *contain* the sentiment? A **linear probe** is the simplest test: the encoder is frozen, and one linear layer, with 384 inputs and three outputs, learns the labels. It is trained in Jittor; rare labels get larger weights, so that none is neglected.
#
# **How to test it?** Neighbouring lines of one scene share people, words and sentiment: *First batch is in the oven.* … *First batch is out of the oven.* With a random split, the probe would be tested on near-duplicates of its training lines. So each source is tested in turn by a probe that was **not trained on a single line of it**. The only setting, the strength of the weight decay, is chosen among three in the same way *inside* the training sources; the test set plays no part.
#
# **Which baselines?** Always predicting the most frequent label of the training set, and the same probe on counts of word pieces, which contain the words but neither their order nor their similarity.

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 情感探针，公平地检验 ☆
#
# 这些向量*里面*有情感吗？**线性探针**用最简单的办法来问：编码器原封不动，只加一个线性层，384 个数进，三个数出，让它学标签。用 Jittor 训练；少见的标签权重大一些，免得被忽略。
#
# **怎么检验？** 同一场戏里前后相邻的台词，人物、用词和情绪都相近：*First batch is in the oven.* …… *First batch is out of the oven.* 如果随机划分，测试的就是与训练句几乎相同的句子。所以每个来源轮流作测试集，所用的探针**没有用这个来源的任何一句训练过**。唯一的设置是权重衰减的强度，三选一，也用同样的办法只在训练用的来源*内部*挑，测试集不参与。
#
# **和谁比？** 一是永远回答训练集中最常见的标签；二是同样的探针，输入换成子词的计数：它认识词，但不知道词序，也不知道哪些词意思相近。

# %%
print(inspect.getsource(probe.leave_one_out))

# %%
pieces = [encoder.tokens(text)[1:-1] for text in texts]  # without [CLS] and [SEP]
known = sorted({piece for line in pieces for piece in line})
counts = np.array([[line.count(piece) for piece in known] for line in pieces], np.float32)
counts /= np.linalg.norm(counts, axis=1, keepdims=True)

text_probabilities = probe.leave_one_out(vectors, labels, sources, probe.best_decay)
count_probabilities = probe.leave_one_out(counts, labels, sources, probe.best_decay)
majority = np.zeros(len(labels), int)
for _, train, test in sentences.folds():
    majority[test] = np.bincount(labels[train]).argmax()

guesses = {
    "most frequent label": majority,
    "word-piece counts": count_probabilities.argmax(1),
    "sentence vectors": text_probabilities.argmax(1),
}
draws = np.random.default_rng(0).integers(0, len(labels), (2000, len(labels)))
print(f"{'':20} {'accuracy':>8}  95% interval    recall of {', '.join(sentences.names)}")
for name, guess in guesses.items():
    right = guess == labels
    low, high = np.percentile(right[draws].mean(1), [2.5, 97.5])
    recall = "  ".join(f"{right[labels == k].mean():.2f}" for k in range(3))
    print(f"{name:20} {right.mean():8.3f}  {low:.2f} to {high:.2f}    {recall}")
print("guessing blindly     0.333")
lead = (guesses["sentence vectors"] == labels) * 1.0 - (guesses["word-piece counts"] == labels)
low, high = np.percentile(lead[draws].mean(1), [2.5, 97.5])
print(f"\nvectors ahead of counts by {lead.mean():.3f}, 95% interval {low:.2f} to {high:.2f}")
by_source = {s: lead[sources == s].mean() for s in np.unique(sources)}
print("by source:", ", ".join(f"{s} {ahead:+.2f}" for s, ahead in by_source.items()))
behind = [s for s, ahead in by_source.items() if ahead < 0]
zero_en, zero_zh = ("includes", "包含") if low <= 0 <= high else ("excludes", "不包含")
classroom.say(
    f"The interval of the lead {zero_en} zero; the vectors are behind in {len(behind)} of "
    f"{len(by_source)} sources" + (f" ({', '.join(behind)})." if behind else "."),
    f"差值的区间{zero_zh}零；{len(by_source)} 个来源中，句向量在 {len(behind)} 个上落后"
    + (f"（{'、'.join(behind)}）。" if behind else "。"),
)
for name, chosen in (("scenes", sentences.of_kind("scene")), ("books", sentences.of_kind("book"))):
    print(
        f"{name:7}"
        + ", ".join(f"{k} {(g == labels)[chosen].mean():.2f}" for k, g in guesses.items())
    )

# %% [markdown] lang="en"
# The interval is the uncertainty of 378 lines: it comes from resampling 378 of them, with replacement, 2,000 times (the bootstrap). It does not include other scenes, other writers and other annotators, so the true range is wider. Compare both probes with the most frequent label, and the lead of the vectors over mere counting with its interval and from source to source. If the probe does worse on the scenes than on the books, although the scenes speak today's English, one reason may be that their sentiment is implicit: *you silly old cat* is said with joy and *Wonderful* in anger, while the lines that we took from Shakespeare often contain *welcome*, *love* or *fool*.

# %% [markdown] lang="zh"
# 区间说的是：只有 378 句，准确率还有多大的不确定。做法是从这 378 句里有放回地抽 378 句，重复 2,000 次。它没有算上别的短剧、别的作者和别的标注者，所以真正的范围更宽。请把两种探针与“最常见的标签”比较，再看句向量对单纯数词的领先有多大、区间如何、各个来源是否一致。如果短剧的成绩不如书，尽管短剧说的是今天的英语，一个可能的原因是短剧的情感藏在字里行间：*you silly old cat* 是欢喜时说的，*Wonderful* 是生气时说的；而我们从莎士比亚那里挑的句子，常常直接说 *welcome*、*love* 或 *fool*。

# %% tags=["slide"]
shown = {("most frequent label", "最常见的标签"): "most frequent label",
         ("word-piece counts", "子词计数"): "word-piece counts",
         ("sentence vectors", "句向量"): "sentence vectors"}  # fmt: skip
by_source = [
    [(guesses[g] == labels)[sources == s].mean() for s in sentences.sources] for g in shown.values()
]
names = [
    f"{s.replace('_', chr(10), 1).replace('_', ' ')} ({(sources == s).sum()})"
    for s in sentences.sources
]
show.grid(
    by_source, [*shown], names, limits=(0, 1), ax=show.panels(1, 11, 2.2),
    title=("Accuracy on each source (lines), by a probe that never saw it; guessing: 0.33",
           "各来源（句数）上的准确率，探针从未见过该来源；随机猜测：0.33"),
)  # fmt: skip
plt.show()
confusion = np.zeros((3, 3), int)
np.add.at(confusion, (labels, text_probabilities.argmax(1)), 1)
show.grid(
    confusion, sentences.names, sentences.names, form="{:.0f}", ax=show.panels(1, 6, 1.9),
    title=("Sentence vectors: labels in rows, predictions in columns", "句向量：行为标签，列为预测"),
)  # fmt: skip
plt.show()

# %% [markdown] lang="en"
# Would a random split have looked better? Six parts at random, twice:

# %% [markdown] lang="zh"
# 随机划分会不会更好看？随机分成六份，做两次：

# %%
at_random = []
for seed in range(2):
    part = np.random.default_rng(seed).permutation(len(labels)) % 6
    guess = probe.leave_one_out(vectors, labels, part, probe.best_decay).argmax(1)
    at_random.append((guess == labels).mean())
print(f"split by source: {(text_probabilities.argmax(1) == labels).mean():.3f}")
print("split at random: " + ", ".join(f"{value:.3f}" for value in at_random))

# %% [markdown] lang="en"
# The random split is optimistic, here by six to seven points: it measures how well the probe fits *these* scenes and books. And now the most useful thing to do with a classifier: **read its errors**, the most confident first:

# %% [markdown] lang="zh"
# 随机划分的成绩偏高，这里高出六七个百分点：它衡量的是探针对*这几段*戏和*这几本*书有多熟。接下来是检查分类器时最有用的一步：**读一读它答错的句子**，最有把握的错排在前面：

# %%
guess, sure = text_probabilities.argmax(1), text_probabilities.max(1)
wrong = [k for k in np.argsort(-sure) if guess[k] != labels[k]]
for k in wrong[:14]:
    names = sentences.names[labels[k]], sentences.names[guess[k]]
    print(f"{names[0]:8} taken for {names[1]:8} ({sure[k]:.2f})  {texts[k]}")

# %% [markdown] lang="en"
# Some of these the probe simply gets wrong: *Is he dead?* is no idle question, and *It's enough to drive one crazy!* no praise. It seems to judge *You shan't be beheaded!* by single words, *beheaded* more than *shan't*. Others cannot be decided from the text: *What happened to you?* and *He isn't moving* need a voice or an image, and a few labels are arguable.

# %% [markdown] lang="zh"
# 有些是探针确实错了：*Is he dead?*（他死了吗？）可不是随口一问，*It's enough to drive one crazy!*（真要把人逼疯了！）也不是夸奖。*You shan't be beheaded!*（不会砍你们的头的！），它似乎只看到了 *beheaded*。有些光看文本谁也说不准：*What happened to you?* 和 *He isn't moving* 要听语气、看画面；还有几句的标签本身就有争议。

# %% [markdown] lang="en" tags=["slide"]
# ## 8 · Late fusion: two opinions, one answer ☆
#
# Now text meets video. **Late fusion** is the simplest way: each modality has its own probabilities, and the answer is the weighted mean of their logarithms:
#
# $$\log p_{\text{fused}}(c)=(1-w)\,\log p_{\text{video}}(c)+w\,\log p_{\text{text}}(c)+\text{const}.$$
#
# $w=0$ is video alone; $w=1$ is text alone.
#
# **The set-up, and what is invented in it.** The video network is notebook 04's VAANet on rendered clips with eight planted emotions. It learns these so well that text could add nothing; so here it is stopped **after one of its twelve epochs**, on purpose. The rendered clips have no words, so **we give each clip a line of the same polarity**: a clip of fear gets a negative line. *The pairing is ours.* It can show how fusion works and how it fails; it cannot show how well emotions are recognised in films.
#
# Text distinguishes only negative from positive, so it gives the same probability to all four emotions of one polarity; the neutral probability is split evenly between both.

# %% [markdown] lang="zh" tags=["slide"]
# ## 8 · 后期融合：两种意见，一个答案 ☆
#
# 现在把文本和视频放在一起。**后期融合**（late fusion）最简单：各自给出概率，取对数后加权平均：
#
# $$\log p_{\text{融合}}(c)=(1-w)\,\log p_{\text{视频}}(c)+w\,\log p_{\text{文本}}(c)+\text{常数}。$$
#
# $w=0$ 只看视频；$w=1$ 只看文本。
#
# **怎么安排，其中哪些是我们编的。** 视频网络是 04 的 VAANet，用的是植入八种情感的渲染视频。它学得太好，没有什么可补充的；所以这里特意**十二轮只训练一轮**就停。渲染视频里没有人说话，于是**我们给每段视频配一句极性相同的台词**：恐惧的视频配一句负面的。*这个配对是我们定的。* 它能展示融合怎样起作用、怎样失效，说明不了在电影里识别情感有多准。
#
# 文本只分得出负面和正面，所以同一极性的四种情感，它给的分数一样；判为中性的那部分概率，正负各分一半。

# %%
from jacklib.methods import vaanet
from jacklib.networks import VAANet, VAANetConfig
from jacklib.samples import rendered_clips

rendered, small = rendered_clips(), VAANetConfig.classroom()
training = vaanet.open_clips(small, rendered, "training", train=True, seed=0, cache=True)
validation = vaanet.open_clips(small, rendered, "validation", cache=True)
schedule = vaanet.SCHEDULES["classroom"]
print(f"{schedule.n_epochs} epochs in notebook 04, 1 here")
runtime.seed(0)
net = VAANet(small)
notes = asdict(small) | {"class_names": training.class_names, "network": "VAANet"}
history = vaanet.train(
    net, training, validation, schedule=schedule._replace(n_epochs=1),
    run=vaanet.Run(CACHE, show=False, options=notes),
)  # fmt: skip
result = vaanet.test(net, validation)
is_positive = np.isin(np.arange(8), sorted(training.positive))  # of each emotion
emotions = result.labels
print(f"{history[-1]['seconds']:.0f} s of training; video alone on {len(emotions)} clips: "
      f"emotion {result.accuracy:.2f}, polarity "
      f"{(is_positive[result.predicted] == is_positive[emotions]).mean():.2f}")  # fmt: skip

# %% [markdown] lang="en"
# **The weight is a setting like any other, and must not be chosen on the test.** So the 64 clips are halved: on 32 of them, with lines from the *books*, $w$ is chosen; on the other 32, with lines from the *scenes*, the result is measured. All text probabilities come from section 7: every line is classified by a probe that was not trained on its source.
#
# The assignment of lines to clips is drawn 200 times; curves are means, and the range of nine tenths of the draws is printed.

# %% [markdown] lang="zh"
# **权重也是一项设置，不能在测试集上挑。** 所以把 64 段视频分成两半：一半 32 段配*书*里的句子，用来选 $w$；另一半 32 段配*短剧*台词，用来测成绩。文本的意见都来自第 7 节：每一句都由没见过其来源的探针判断。
#
# 哪句配哪段，随机抽 200 次；线是平均成绩；其中九成所在的范围打印在下面。

# %%
choosing = np.concatenate([np.flatnonzero(emotions == c)[:4] for c in range(8)])
testing = np.setdiff1d(np.arange(len(emotions)), choosing)
scene_lines = sentences.of_kind("scene")
negative, neutral, positive = text_probabilities.T
text_says = np.stack([negative + neutral / 2, positive + neutral / 2], axis=1)  # [378, 2]
weights = np.round(np.arange(0, 1.01, 0.05), 2)


def give_lines(rng, clips, pool, wrong=0.0):
    """A line of its polarity for each clip; for a share `wrong` of them, of the opposite one."""
    wanted = is_positive[emotions[clips]]
    wanted = wanted ^ (rng.permutation(len(clips)) < round(wrong * len(clips)))
    lines = np.zeros(len(clips), int)
    for polarity, label in ((False, 0), (True, 2)):
        there = np.flatnonzero(pool & (labels == label))
        n = (wanted == polarity).sum()
        lines[wanted == polarity] = rng.choice(there, n, replace=n > len(there))
    return lines


def fused_scores(video, text, w):
    """Probabilities [N, 8] and [N, 2] -> scores [N, 8]; at w = 1 video settles what text leaves."""
    w = min(w, 1 - 1e-6)
    return (1 - w) * np.log(video) + w * np.log(text)[:, is_positive.astype(int)]


def try_pairings(clips, pool, wrong=0.0, draws=200):
    """Accuracy [draws, weights, 2]: of the polarity, of the emotion."""
    rng, found = np.random.default_rng(0), np.zeros((draws, len(weights), 2))
    for d in range(draws):
        lines = give_lines(rng, clips, pool, wrong)
        for k, w in enumerate(weights):
            says = fused_scores(result.probabilities[clips], text_says[lines], w).argmax(1)
            found[d, k, 0] = (is_positive[says] == is_positive[emotions[clips]]).mean()
            found[d, k, 1] = (says == emotions[clips]).mean()
    return found


on_choosing = try_pairings(choosing, ~scene_lines)
best = int(on_choosing.mean(0)[:, 0].argmax())
on_testing = try_pairings(testing, scene_lines)
print(f"chosen on the first half: w = {weights[best]:.2f}\n")
print(f"{'on the other half':22}{'polarity':>9}{'emotion':>9}")
for name, k in (
    ("video alone", 0),
    (f"fused, w = {weights[best]:.2f}", best),
    ("text rules, w = 1", -1),
):
    print(f"{name:22}" + "".join(f"{value:9.3f}" for value in on_testing.mean(0)[k]))
low, high = np.percentile(on_testing[:, best, 0], [5, 95])
print(f"nine tenths of the pairings: polarity {low:.2f} to {high:.2f} when fused")

# %% tags=["slide"]
for k, ax in enumerate(show.panels(2, 12, 2.8)):
    show.curves(
        weights,
        {("test clips, scene lines", "测试视频，短剧台词"): on_testing[:, :, k].mean(0),
         ("choosing clips, book lines", "选权重的视频，书中句子"): on_choosing[:, :, k].mean(0)},
        {("guessing", "随机猜测"): (1 / 2, 1 / 8)[k]}, ax=ax, unit=("accuracy", "准确率"),
        axis=("w: 0 video alone, 1 text alone", "w：0 只看视频，1 只看文本"),
        title=(("negative or positive?", "负面还是正面？"), ("which of eight emotions?", "八种情感中的哪一种？"))[k],
    )  # fmt: skip
    ax.axvline(weights[best], color="black", lw=1, ls=":")
    ax.set_ylim(0, 1)
    ax.legend().set_visible(k == 1)
plt.show()  # dotted: the weight chosen

# %% [markdown] lang="en"
# Two lessons. If both modalities answer the same question and err on **different** clips, their mixture beats each alone: look at the hump in the middle of the left curve. And a modality can only help with what it contains: text does not distinguish *which* negative emotion, so the right curve gains little. Thirty-two clips are few; one clip is three points. The dashed line is uniform guessing, the dotted one the weight chosen.

# %% [markdown] lang="zh"
# 两点启示。两种模态回答同一个问题，而且错在**不同**的视频上，融合后就比单独任何一种都好：看左图曲线中间的隆起。另一方面，一种模态只能提供自己包含的信息：文本不能区分是*哪一种*负面情感，所以右图几乎没有提高。32 段视频很少，一段就是三个百分点。虚线是随机猜测的成绩，点线是选中的权重。

# %% [markdown] lang="en"
# ### ✎ 08.7 · Late fusion · apply ●●○
#
# `video` and `text` are probabilities `[N, C]` of the same classes. Compute the fused **probabilities** `[N, C]` for weight `w`: the weighted mean of the logarithms, back through `np.exp`, each row divided by its sum.

# %% [markdown] lang="zh"
# ### ✎ 08.7 · 后期融合 · 应用 ●●○
#
# `video` 和 `text` 是对同样几类的概率，形状都是 `[N, C]`。按权重 `w` 给出融合后的**概率** `[N, C]`：对数的加权平均，用 `np.exp` 还原，每行再除以自己的和。


# %% tags=["exercise"]
def late_fusion(video, text, w):
    """[N, C], [N, C], a number -> [N, C], rows summing to 1."""
    ...


classroom.check("08.7", late_fusion)

# %% [markdown] lang="en" tags=["slide"]
# ## 9 · When the text is wrong ☆
#
# So far all lines matched their clips, and $w$ was chosen under that condition. Real speech is not so consistent. The first line below is a rescuer's joke on an icy slope, and in the other three polite words hide that somebody is cross. What does the probe predict from the words alone?

# %% [markdown] lang="zh" tags=["slide"]
# ## 9 · 文本错了怎么办 ☆
#
# 到目前为止，台词都与视频相符，$w$ 就是在这种条件下选的，学会了信任台词。人可没这么配合。下面第一句，是救援队员在冰坡上的玩笑；后面三句，客气的字眼底下藏着不高兴。光看文字，探针怎么判断？

# %%
for text in (
    "Lovely weather for a walk.", "Wonderful. I'll tell my son his birthday slid off a tray.",
    "Charming. There's dust in my glass.", "And the forecast was wrong again. What a surprise.",
):  # fmt: skip
    k = texts.index(text)
    taken = ("meant badly", "undecided", "meant well")[
        1 + int(np.sign(np.round(text_says[k, 1] - text_says[k, 0])))
    ]
    print(f"negative {text_says[k, 0]:.2f}  positive {text_says[k, 1]:.2f}  {taken:12} {text}")

# %% [markdown] lang="en"
# *Undecided* means that both are within one half of each other. The joke is meant well, the other three are not.
#
# So a fraction of the test clips gets a line of the **opposite** polarity. Two weights are compared: a trusting one, chosen when all lines match, and a wary one, chosen when one line in four does not.

# %% [markdown] lang="zh"
# *undecided* 表示两者相差不到一半。玩笑是善意的，另外三句不是。
#
# 于是让一部分测试视频配上**相反**极性的台词。两个权重比一比：轻信的，选它的时候台词全都相符；谨慎的，选它的时候每四句有一句不符。

# %% tags=["slide"]
wary = int(try_pairings(choosing, ~scene_lines, wrong=0.25).mean(0)[:, 0].argmax())
shares = np.round(np.arange(0, 1.01, 0.125), 3)
with_wrong = np.array(
    [try_pairings(testing, scene_lines, s, draws=100).mean(0)[:, 0] for s in shares]
)
alone = with_wrong[0, 0]
show.curves(
    shares,
    {(f"trusting, w = {weights[best]:.2f}", f"轻信，w = {weights[best]:.2f}"): with_wrong[:, best],
     (f"wary, w = {weights[wary]:.2f}", f"谨慎，w = {weights[wary]:.2f}"): with_wrong[:, wary],
     ("text alone", "只看文本"): with_wrong[:, -1]},
    {("video alone", "只看视频"): alone}, unit=("polarity accuracy", "极性准确率"),
    axis=("fraction of clips with a line of the opposite polarity", "台词极性相反的视频所占比例"),
    title=("Wrong lines cost what right lines gave", "配错的台词抵消了配对的台词带来的提高"),
)  # fmt: skip

rng, same = np.random.default_rng(0), []
silent = np.flatnonzero(scene_lines & (labels == 1))
for _ in range(100):
    lines = rng.choice(silent, len(testing), replace=False)
    says = fused_scores(result.probabilities[testing], text_says[lines], weights[best]).argmax(1)
    same.append((is_positive[says] == is_positive[emotions[testing]]).mean())
print(f"every clip with a neutral line: {np.mean(same):.3f}; video alone: {alone:.3f}")
if np.mean(same) > alone:
    classroom.say(
        "The mixture is above video alone although these lines carry no information: so a part of the "
        "gain does not come from the text. The probe is biased to one side on every line, and that "
        "shifts the balance between the two polarities.",
        "这些台词不含信息，融合的结果仍高于只看视频：所以提高的部分里，有一点与文本懂什么无关。"
        "探针对每一句都偏向一边，改变了正负两极的平衡。",
    )
else:
    classroom.say(
        "With lines that carry no information, the mixture is not above video alone.",
        "台词不含信息时，融合的结果并不高于只看视频。",
    )

# %% [markdown] lang="en"
# Neutral lines are the control: whatever they add cannot come from what the text says, and belongs to the trusting curve as well.
#
# A fixed weight cannot detect that *this* line is mocking. The usual remedies: give the network both modalities at once, so that it learns when to trust which (attention across modalities, as CTEN does for images and audio), or give each clip a weight of its own. That takes many films in which words and faces disagree, and annotators who label them while **watching**.

# %% [markdown] lang="zh"
# 中性的台词是对照：它们带来的提高不可能出自文本的含义，轻信的曲线里也含有这一部分。
#
# 固定的权重不可能知道*这一句*是反话。研究者的办法是：让网络同时使用几种模态，学会何时信任哪一种（跨模态注意力，就像 CTEN 对视觉和音频所做的那样），或者给每段视频单独的权重。这需要许多言语与表情不一致的影片，还要有人**看着影片**来标注。

# %% [markdown] lang="en"
# ### ✎ 08.8 · How many wrong lines are too many? · analyse ●●○
#
# `with_wrong[s, k]` is the polarity accuracy with the fraction `shares[s]` of wrong lines and weight `weights[k]`. From which of the `shares` on is the trusting weight, number `best`, **below** video alone (`alone`)? And the wary one, number `wary`? Give both as `(trusting, wary)`; 1.0 for one that never is. What does being wary cost where all lines are right?

# %% [markdown] lang="zh"
# ### ✎ 08.8 · 错多少句就太多了？ · 分析 ●●○
#
# `with_wrong[s, k]` 是错误台词占 `shares[s]`、权重为 `weights[k]` 时的极性准确率。轻信的权重（编号 `best`）从 `shares` 里的哪个值开始**低于**只看视频（`alone`）？谨慎的权重（编号 `wary`）呢？用 `(轻信, 谨慎)` 回答；从不低于的填 1.0。另外想一想：台词全都相符时，谨慎要付出多大代价？

# %% tags=["exercise"]
breaks = ...  # (trusting, wary)
classroom.check(
    "08.8", breaks, with_wrong=with_wrong, shares=shares, alone=alone, chosen=(best, wary)
)

# %% [markdown] lang="en"
# ## 10 · The paper's size: other models, other data ☆
#
# - **Any BERT by path.** `TextEncoder.load("path/to/folder")` loads every BERT checkpoint in Hugging Face's layout: `config.json`, the tokenizer's files, and `model.safetensors` or `pytorch_model.bin`. The default model is English. For Chinese lines, give it a Chinese BERT. Nothing is downloaded; the folder must be there.
# - **Fine-tuning.** Here the encoder was frozen. With a few thousand labelled lines and a GPU you can train all of it: `BERT.from_pretrained(folder)` returns the network, `net.train()` enables gradients and dropout, and the loop is section 7's with a learning rate of about 2e-5 (the paper tried 2e-5 to 5e-5, for 2 to 4 epochs).
# - **Data with transcripts.** IEMOCAP (Busso et al., 2008): about 12 hours of ten actors in pairs, with transcripts; on request. MELD (Poria et al., ACL 2019): about 13,000 utterances from more than 1,400 dialogues of the series *Friends*, with seven emotions and the sentiment. CMU-MOSEI (Zadeh et al., ACL 2018): about 23,500 sentences of over 1,000 speakers from YouTube, with sentiment and six emotions. Read the terms of each before using or passing on anything.

# %% [markdown] lang="zh"
# ## 10 · 论文规模：其他模型，其他数据 ☆
#
# - **任何 BERT 都可以按路径载入。** `TextEncoder.load("目录路径")` 接受 Hugging Face 目录结构的任何 BERT 权重：`config.json`、分词器的文件，以及 `model.safetensors` 或 `pytorch_model.bin`。默认模型是英文的，处理中文请给它一个中文 BERT。它不会去下载，目录要事先准备好。
# - **微调。** 这里编码器一直没动。有几千句标注和一块 GPU，就可以整个一起训练：`BERT.from_pretrained(folder)` 给出网络，`net.train()` 放开梯度并打开 dropout，循环与第 7 节相同，学习率取 2e-5 左右（论文试过 2e-5 到 5e-5，训练 2 到 4 轮）。
# - **带文字稿的数据集。** IEMOCAP（Busso 等，2008）：十位演员两两对话，约 12 小时，有文字稿，需申请。MELD（Poria 等，ACL 2019）：取自电视剧《老友记》1,400 多段对话的约 13,000 句话，标有七种情感和情感倾向。CMU-MOSEI（Zadeh 等，ACL 2018）：YouTube 上 1,000 多位说话人的约 23,500 句话，标有情感倾向和六种情感。使用或转发之前，请先读各自的条款。

# %%
print(BERTConfig.paper())
print("""
# another model: a folder with config.json, tokenizer and weights
encoder = TextEncoder.load("bert-base-chinese")

# the whole network, to be trained further
from jacklib.networks.bert import BERT
net, report = BERT.from_pretrained("bert-base-uncased")
net.train()""")

# %% [markdown] lang="en"
# ## Quiz
#
# Write a letter for each question and run the cell again: every answer gets its comment.

# %% [markdown] lang="zh"
# ## 小测验
#
# 为每题写一个字母，再运行一次：每个答案都有点评。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("08", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A sentence vector says mostly what a line is about and only in part how it feels, and of a language that its word pieces do not know it says nothing. A classifier must be tested on sources that it has not seen: a random split flatters it. A second modality helps where it errs on other clips than the first, and costs accuracy as soon as it is wrong more often than the weight expects.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 句向量主要表示一句话在说什么，只有一部分是感受；词表不认识的语言，它什么也表示不了。分类器要用没见过的来源检验，随机划分会让成绩偏高。第二种模态与第一种错在不同的视频上时有帮助；一旦它出错的比例超过权重的预期，反而会降低准确率。

# %% [markdown] lang="en"
# ## References
#
# - Devlin, Chang, Lee and Toutanova, *BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding*, NAACL 2019: the encoder, its word pieces and fine-tuning.
# - Reimers and Gurevych, *Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks*, EMNLP 2019: vectors of sentences.
# - Busso et al., *IEMOCAP: Interactive Emotional Dyadic Motion Capture Database*, Language Resources and Evaluation 2008; Poria et al., *MELD*, ACL 2019; Zadeh et al., *CMU-MOSEI*, ACL 2018: data with transcripts.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Devlin、Chang、Lee、Toutanova，*BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding*，NAACL 2019：编码器、子词和微调。
# - Reimers、Gurevych，*Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks*，EMNLP 2019：句向量。
# - Busso 等，*IEMOCAP: Interactive Emotional Dyadic Motion Capture Database*，Language Resources and Evaluation 2008；Poria 等，*MELD*，ACL 2019；Zadeh 等，*CMU-MOSEI*，ACL 2018：带文字稿的数据集。

# %% [markdown] lang="en"
# ## To go on
#
# Label thirty of the lines yourself before you look at the labels, and compute your kappa; leave out the books and see how far three scenes go; write down ten lines of a film of your own with their times, classify them with the probe, and watch the film next to its predictions.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 先不看标签，自己标三十句，算一算你的 kappa；去掉书，看三段短剧能教会多少；从自己的影片里抄十句台词和时间，交给探针，再对照着影片看它的判断。

# %%
solved, total = classroom.summary()
