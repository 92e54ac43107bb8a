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

# %% [markdown] lang="en"
# # 05 · CTEN: what is left when the keyframes are erased?
#
# | | |
# |---|---|
# | **You can afterwards** | compute an attention matrix, an erasing threshold and a temporal IoU by hand; explain what each of CTEN's three passes learns from; test which modality a prediction rests on; read a confusion matrix for its cause; judge a detection against its baselines |
# | **You should know** | what notebook 04 teaches: segments, temporal attention $\gamma$, how runs are compared; queries, keys and values of an attention layer |
# | **Minutes** | you 130 · machine 4 (3 of them training; more if other programs keep the processor busy) |
# | **Core** | sections 1 to 6; extra: 7 (detection), 8, 9 |
# | **Needs** | this repository; no GPU, no download |
# | **Paper** | Zhang, Wang and Yang, *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023 ([PDF](https://openaccess.thecvf.com/content/CVPR2023/papers/Zhang_Weakly_Supervised_Video_Emotion_Detection_and_Prediction_via_Cross-Modal_Temporal_CVPR_2023_paper.pdf)) |
#
# ![CTEN: an image and an audio stream with attention within and between them, temporal attention, and the keyframes erased for two more passes](img/cten.en.svg)
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it.

# %% [markdown] lang="zh"
# # 05 · CTEN：擦除关键帧之后，还剩下什么？
#
# | | |
# |---|---|
# | **学完你能** | 手算注意力矩阵、擦除阈值和时间交并比；说明 CTEN 的三遍各自从什么学习；检验预测依据的是哪种模态；从混淆矩阵找出原因；对照基线评判检测结果 |
# | **需要先会** | 笔记本 04 的内容：片段、时间注意力 $\gamma$、怎样比较两次运行；注意力层的查询、键和值 |
# | **用时（分钟）** | 你 130 · 机器 4（其中训练 3；如果还有别的程序占着 CPU，会更久） |
# | **必学** | 第 1 至 6 节；选学：7（检测）、8、9 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |
# | **论文** | Zhang、Wang、Yang，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023（[PDF](https://openaccess.thecvf.com/content/CVPR2023/papers/Zhang_Weakly_Supervised_Video_Emotion_Detection_and_Prediction_via_Cross-Modal_Temporal_CVPR_2023_paper.pdf)） |
#
# ![CTEN：视觉流和音频流，各自内部及相互之间的注意力，时间注意力，以及擦除关键帧后的另外两遍](../img/cten.zh.svg)
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习不会中断运行。仓库里保存的图是英文版运行时生成的；自己运行一遍，图和控件就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import json
from dataclasses import asdict, replace
from pathlib import Path

import jittor as jt
import numpy as np

from jacklib.methods import cten
from jacklib.networks import CTEN, CTENConfig

CACHE = Path("results/cten")  # git ignores it

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · The task and the idea ★
#
# The task is that of notebook 04: one emotion per video, somebody's judgement of the whole video (whose emotion that is, notebook 04 asks in section 1). The authors observe that networks rely on a few **keyframes**, which give the emotion away at once, and never learn to use the rest, the **context**. Their remedy is to remove the keyframes during training:
#
# | pass | input | so the network must |
# |---|---|---|
# | 1 | the whole video | find the keyframes: temporal attention $\gamma$ |
# | 2 | only segments with low $\gamma$: keyframes erased | rely on the context |
# | 3 | only segments with high $\gamma$: keyframes alone | recognise the keyframes by themselves |
#
# All three passes go through the same network with the same label. The second idea is in the name, *cross-modal*: the image and audio streams attend to each other before the classifier decides.
#
# The paper reports accuracies of 57.3% on VE8 (guessing: 12.5%; always answering the most frequent class: 19.1%), 58.2% on Ekman-6 (16.7%; 22.0%) and 80.1% on CAER (guessing: 16.7%; how its classes are divided we do not know). It also asks *when* the emotion happens (**detection**, section 7), on Ekman-6; there a segment found counts as correct whatever its class:
#
# | overlap (tIoU) of at least | 0.1 | 0.2 | 0.3 | 0.4 | 0.5 |
# |---|---|---|---|---|---|
# | mean average precision, paper | 52.7% | 43.5% | 40.1% | 38.2% | 20.1% |

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 任务与思路 ★
#
# 任务和 04 一样：预测整段视频的情感标签，即某个人对整段视频的判断（那是谁的情感，见 04 第 1 节）。作者指出：网络往往只依赖少数能直接看出情感的**关键帧**，始终没有学会利用其余部分，也就是**上下文**。解决办法是在训练时擦除关键帧：
#
# | 第几遍 | 输入 | 迫使网络做什么 |
# |---|---|---|
# | 1 | 完整视频 | 找出关键帧：时间注意力 $\gamma$ |
# | 2 | 只有 $\gamma$ 低的片段：关键帧已擦除 | 靠上下文判断 |
# | 3 | 只有 $\gamma$ 高的片段：只剩关键帧 | 单凭关键帧判断 |
#
# 三遍用的是同一个网络、同一个标签。另一个想法写在名字里——*跨模态*：视觉流和音频流先互相关注，再做判断。
#
# 论文报告的准确率：VE8 为 57.3%（随机猜测 12.5%，全猜最多的一类 19.1%），Ekman-6 为 58.2%（16.7%，22.0%），CAER 为 80.1%（随机猜测 16.7%；各类数量我们不知道）。论文还在 Ekman-6 上问情感*何时*发生（**检测**，见第 7 节）；找到的片段是哪一类都不计较，时间对了就算对：
#
# | 重叠度（tIoU）不低于 | 0.1 | 0.2 | 0.3 | 0.4 | 0.5 |
# |---|---|---|---|---|---|
# | 平均精度均值（mAP），论文 | 52.7% | 43.5% | 40.1% | 38.2% | 20.1% |

# %% [markdown] lang="en"
# ## 2 · From a film to arrays ★
#
# Real film first: the clip from *Big Buck Bunny* (© 2008 Blender Foundation, CC BY 3.0) that notebook 04 used. Frames are taken as there, one snippet from each of $S$ segments. The audio features differ: VAANet takes 32 MFCC, CTEN a **log-mel filter bank**, the loudness in 128 frequency bands, 100 times per second.
#
# The network takes a fixed amount of it: the audio is cut into as many blocks as there are visual segments, and the middle of each block is kept (a random position during training). So audio segment 3 and visual segment 3 cover the same time.

# %% [markdown] lang="zh"
# ## 2 · 从影片到数组 ★
#
# 先看真实的影片：还是 04 用过的那段 *Big Buck Bunny*（© 2008 Blender Foundation，CC BY 3.0）。取帧的办法照旧，$S$ 个片段各取一个小段。音频换了一种表示：VAANet 用 32 维 MFCC，CTEN 用**对数梅尔滤波器组**（log-mel filter bank），即 128 个频带的响度，每秒 100 帧。
#
# 网络的音频输入长度固定：视觉有几个片段，音频就切成几块，每块只保留正中的一段（训练时位置随机）。因此音频的片段 3 与视觉的片段 3 对应同一时间。

# %%
from jacklib.data.audio import cten_features, filter_bank_blocks
from jacklib.samples import film_clips, rendered_clips

config = CTENConfig.classroom()
S = config.seq_len
film = cten.open_clips(config, film_clips(progress=False), "validation", cache=True)

number = [item.id for item in film.items].index("bbb_0733")
item = film.items[number]
clip = film.load(number)
features = cten_features(item.audio_file)  # [frames, 128]
blocks = filter_bank_blocks(features, S, config.audio_time)
print(item.id, "is labelled", item.label_name, "-", item.annotation["description"])
print("frames taken", clip.visual.shape)
print("filter bank", features.shape, "-> sound taken", blocks.shape)

# %% tags=["slide"]
show.clip(item)
block = len(features) // S
starts = [(s * block + (block - config.audio_time) // 2) / 100 for s in range(S)]
framed = [(start, start + config.audio_time / 100) for start in starts]
look = {"limits": (-1.2, 1.2), "unit": "log energy, normalised"}
show.spectrum(features, len(features) / 100, title="filter bank", framed=framed, **look)
borders = [(s, s + 1) for s in range(S)]
show.spectrum(blocks, S, title="CTEN's audio input", axis="segment", framed=borders, **look)

# %% [markdown] lang="en"
# ### Clips with a known answer
#
# As in notebook 04 the network is trained on **rendered clips** with an emotional event of 1.2 s at a known time, so that attention, erasing and detection can be scored against the truth. The clips are synthetic and easy; a score on them shows that the method works; it says nothing about people's emotions.

# %% [markdown] lang="zh"
# ### 知道答案的视频
#
# 和 04 一样，训练用的是**渲染视频**，其中某个已知时刻植入了一个 1.2 秒的情感事件，因此注意力、擦除和检测都能对照真值打分。这些视频是合成的，也很容易区分；在它们上面的分数只说明方法有效，与人的真实情感无关。

# %%
rendered = rendered_clips()
training = cten.open_clips(config, rendered, "training", train=True, seed=0, cache=True)
validation = cten.open_clips(config, rendered, "validation", cache=True)
names = training.class_names
truth = cten.truths(validation)  # [64, S]: fraction of each segment in the event
first_of_class = [next(i for i, x in enumerate(validation.items) if x.label == c) for c in range(8)]
chosen = [first_of_class[names.index(name)] for name in ("Anger", "Fear", "Joy", "Trust")]
print(len(training), "clips to train,", len(validation), "to validate;", len(names), "classes")
of_class = np.bincount([x.label for x in validation.items], minlength=len(names))
most = of_class.max() / of_class.sum()
print(f"guessing {1 / len(names):.1%}, always the most frequent class {most:.1%}")

show.clips(validation, chosen, truth)

# %% [markdown] lang="en"
# ## 3 · The network, part by part ★
#
# The same code builds both sizes; the paper's backbone is trained on Kinetics-400 and frozen, the classroom's is trained from scratch. The authors' released code uses 16 segments and an audio ResNet-18, the paper's text 10 and a ResNet-50 (table below). Two settings exist for the classroom only, `start_switched_on` and `start_shortcut`: they set the initial values of two parameters, explained below.
#
# Where paper, released code and JACK differ:
#
# | | paper | released code | here |
# |---|---|---|---|
# | segments; audio network | 10; 2-D ResNet-50 (4.2) | 16; ResNet-18 | as the code |
# | audio features | MFCC, resized to 224 × 224 (3.1, 4.2) | log-mel filter bank | as the code |
# | feature extractors | both fixed (4.2) | the visual one is; its batch norm still uses the statistics of each batch | as the code; classroom: both trained |
# | shortcut of the non-local block | weight 1 (eq. 4) | $\alpha$, learned, from 0 | as the code, classroom: from 3; `--shortcut paper`: the paper's way |
# | what is erased | image and audio, where both attentions reach $\theta$ (eq. 7 to 9) | image, by one $\gamma$ | as the code; `--erase_sound`: the paper's way |
# | loss | sum of three passes (eq. 12) | mean; the third is the second without gradient | mean of three passes; `--pass_loss sum`: the paper's way |
# | optimizer | mini-batch SGD (4.2) | Adam with weight decay | as the code |
# | prediction | whole video (4.2) | mean of passes 1 and 2 | as the code; `--prediction first`: the paper's way |
# | reported accuracy | mean of ten splits (4.2) | one split; the largest of pass 1, pass 2 and their mean (`validation.py` 42) | one split; the mean of the passes, with both passes beside it |
# | evaluation | – | snippets, crops and audio drawn at random | the middle of each; `--evaluation released` draws |
# | pass 2 with no segment left | – | sampling fails | the whole video |
# | detection is correct | by time alone (4.5) | not released | by time and class; `CTEN test` gives the paper's way too |
#
# A dash: the paper does not say. `bash script/run.sh CTEN main --ways paper` takes the paper's way in all of them that have an option. Small differences are in `docs/en/architecture.md`.

# %% [markdown] lang="zh"
# ## 3 · 逐个部件看网络 ★
#
# 两种规模共用一份代码；论文的骨干网络在 Kinetics-400 上预训练并冻结，课堂版从零开始训练。作者发布的代码用 16 个片段、音频用 ResNet-18，论文正文写的是 10 个片段、ResNet-50（见下表）。`start_switched_on` 和 `start_shortcut` 只为课堂而设，决定两个参数的初值，下面会讲到。
#
# 论文、作者的代码与 JACK 不同之处：
#
# | | 论文 | 作者的代码 | 这里 |
# |---|---|---|---|
# | 片段数；音频网络 | 10；二维 ResNet-50（4.2 节） | 16；ResNet-18 | 同代码 |
# | 音频特征 | MFCC，缩放到 224 × 224（3.1、4.2 节） | 对数梅尔滤波器组 | 同代码 |
# | 特征提取网络 | 两个都固定（4.2 节） | 视觉的固定，但其中的批归一化仍使用每个批次的统计量 | 同代码；课堂设置两个都训练 |
# | 非局部模块的残差 | 权重为 1（公式 4） | $\alpha$，可学习，从 0 开始 | 同代码，课堂设置从 3 开始；`--shortcut paper`：按论文 |
# | 擦除什么 | 两个注意力都达到 $\theta$ 处的画面和声音（公式 7 至 9） | 只按一个 $\gamma$ 擦除画面 | 同代码；`--erase_sound`：按论文 |
# | 损失 | 三遍之和（公式 12） | 平均；第三项是第 2 遍的损失，不求梯度 | 三遍的平均；`--pass_loss sum`：按论文 |
# | 优化器 | 小批量 SGD（4.2 节） | Adam，带权重衰减 | 同代码 |
# | 预测 | 完整视频（4.2 节） | 第 1、2 遍的平均 | 同代码；`--prediction first`：按论文 |
# | 报告的准确率 | 十次划分的平均（4.2 节） | 一次划分；取第 1 遍、第 2 遍和两者平均中最大的（`validation.py` 42） | 一次划分；两遍的平均，旁边列出两遍各自的 |
# | 评估 | – | 小段、裁剪、音频都随机取 | 都取正中；`--evaluation released` 随机取 |
# | 第 2 遍没有剩下片段 | – | 取帧失败 | 用完整视频 |
# | 检测怎样算对 | 只看时间（4.5 节） | 未发布 | 时间和类别都要对；`CTEN test` 也给出论文的算法 |
#
# 短横表示论文没有说明。`bash script/run.sh CTEN main --ways paper` 把有选项的几处一并改为论文的做法。细小的差别见 `docs/cn/架构.md`。

# %%
paper = CTENConfig.paper()
show.settings(config, paper)

# %%
runtime.seed(0)
net = CTEN(replace(config, dropout=0.0))  # no dropout: two calls give the same
jt.sync_all()  # Jittor is lazy: the first weights are drawn here, from this seed
net.train()


def millions(network):
    return sum(np.prod(p.shape) for p in network.parameters()) / 1e6


# The big network's shapes are known; its parameters are never computed.
big = millions(CTEN(paper))
print(f"classroom {millions(net):.2f} million parameters, paper {big:.1f} million")

# %% [markdown] lang="en"
# One clip of each class goes through the **untrained** network, line by line as in `CTEN.execute` and `CTEN.fuse` (`jacklib/networks/cten.py`). It is in training mode, so that batch norm uses the statistics of these eight clips; before training, the stored ones are meaningless.
#
# **Backbone.** Every snippet goes through the 3D ResNet by itself, and the mean over the positions gives one vector of width $d$ per segment.

# %% [markdown] lang="zh"
# 每类取一段视频，逐行通过**尚未训练**的网络，各行对应 `jacklib/networks/cten.py` 里的 `CTEN.execute` 和 `CTEN.fuse`。网络处于训练模式，批归一化用的是这八段视频自己的统计量；训练之前，存着的统计量没有意义。
#
# **骨干网络。** 每个小段单独通过 3D ResNet，再对空间位置取平均：每个片段得到一个宽度为 $d$ 的向量。

# %%
samples = [validation.load(i) for i in first_of_class]
visual = jt.array(np.stack([sample.visual for sample in samples]))
audio = jt.array(np.stack([sample.audio for sample in samples]))
B = len(samples)
shapes = {"visual input": visual.shape}

x = visual.reshape(B * S, *visual.shape[2:]) / 255 - 100 / 255
x = net.resnet(x)  # [B*S, d, 1, side, side]
v = x.reshape(B, S, x.shape[1], -1).mean(3)
shapes["backbone features"] = v.shape
d = v.shape[2]

# %% [markdown] lang="en" tags=["slide"]
# **Within the image stream: the non-local block.** Every segment attends to every other one. Three linear layers project each segment to a query $\theta(x)$, a key $\phi(x)$ and a value $g(x)$ of width $d'$; row $i$ of the attention matrix $A$ holds the weights with which segment $i$ sums the values of all segments $j$, and adds up to 1:
#
# $$A=\mathrm{softmax}\big(\theta(X)\,\phi(X)^{\top}/\sqrt{d'}\big),\qquad Y=\mathrm{BN}\big(W\,A\,g(X)\big)+\alpha X$$
#
# The weight $\alpha$ of the residual (skip) connection is learned. With $\alpha=0$, where the released code starts, a segment's own features survive only through $A$; the paper's equation (4) has no $\alpha$ but a shortcut of weight 1. The classroom starts at `start_shortcut`.

# %% [markdown] lang="zh" tags=["slide"]
# **视觉流内部：非局部模块（non-local block）。** 每个片段都关注所有片段。三个线性层把每个片段投影为宽度 $d'$ 的查询（query）$\theta(x)$、键（key）$\phi(x)$ 和值（value）$g(x)$；注意力矩阵 $A$ 的第 $i$ 行是片段 $i$ 对各片段 $j$ 的值加权求和时的权重，每行之和为 1：
#
# $$A=\mathrm{softmax}\big(\theta(X)\,\phi(X)^{\top}/\sqrt{d'}\big),\qquad Y=\mathrm{BN}\big(W\,A\,g(X)\big)+\alpha X$$
#
# 残差（捷径）连接的权重 $\alpha$ 也是可学习的。作者的代码让它从 $0$ 开始，这时片段自己的特征只能经由 $A$ 留下来；论文的公式 (4) 里没有 $\alpha$，残差的权重就是 1。课堂设置从 `start_shortcut` 开始。

# %%
block = net.nl[0]
scores = jt.matmul(block.theta(v), block.phi(v).transpose(0, 2, 1)) / config.inner_size**0.5
A = jt.nn.softmax(scores, dim=2)
y = block.out(jt.matmul(A, block.g(v)))
v = block.bn(y.reshape(B * S, d)).reshape(B, S, d) + block.alpha * v
shapes["attention within image"] = A.shape
shapes["image stream"] = v.shape
print("sum of each row of A, first clip:", A.sum(2).numpy()[0].round(5))

# %% [markdown] lang="en"
# **Within the audio stream** it is the same: each block of the filter bank goes through a 2D ResNet-18 as an image with one channel, then through a non-local block of its own.

# %% [markdown] lang="zh"
# **音频流内部**也一样：滤波器组的每一块当作单通道图像通过 2D ResNet-18，再进入音频流自己的非局部模块。

# %%
shapes["audio input"] = audio.shape
a = audio.reshape(B * S, 1, config.audio_time, 128)
a = net.a_fc(net.a_resnet(a).reshape(B * S, -1)).reshape(B, S, d)
a, A_sound = net.nl_a[0](a)
shapes["attention within audio"] = A_sound.shape
shapes["audio stream"] = a.shape

# %% [markdown] lang="en"
# **Between them: multi-head attention.** In `v2a` audio queries attend to visual keys and values; in `a2v` it is the reverse. The width is split among the heads, each with an attention matrix of its own. The result of the audio queries is added to the image stream, that of the visual queries to the audio stream, and the two streams are concatenated. (Unlike in the usual multi-head attention, a ReLU follows each of the four linear layers.)

# %% [markdown] lang="zh"
# **两者之间：多头注意力。** `v2a` 以音频为查询、视觉为键和值，`a2v` 反过来。特征宽度平分给各个注意力头，每个头有自己的注意力矩阵。音频查询得到的结果加到视觉流上，视觉查询得到的结果加到音频流上，再把两者拼接起来。（与常见的多头注意力不同，这里四个线性层之后各有一个 ReLU。）

# %%
v2a, v2a_attention = net.v2a_attn(a, v)  # audio queries, visual keys and values
a2v, a2v_attention = net.a2v_attn(v, a)  # visual queries, audio keys and values
both = jt.concat([v + v2a, a + a2v], dim=2)
shapes["v2a, audio queries"] = v2a_attention.shape
shapes["a2v, visual queries"] = a2v_attention.shape
shapes["both streams"] = both.shape

# %% [markdown] lang="en"
# **Temporal attention** $\gamma$ is VAANet's: one weight per segment, 0 or more, for a weighted mean of the features. The released code initialises it at random, so that about half of the segments are off; with `start_switched_on` all of them start on. A linear layer gives the class scores.

# %% [markdown] lang="zh"
# **时间注意力** $\gamma$ 与 VAANet 相同：每个片段一个不小于 0 的权重，特征按它加权平均。作者的代码随机初始化，大约一半片段的权重一开始就为零；`start_switched_on` 则让所有片段一开始都不为零。最后一个线性层给出各类得分。

# %%
both = both.transpose(0, 2, 1)  # [B, 2d, S]
gamma = net.ta_net(both)
logits = net.fc((both * gamma.unsqueeze(1)).mean(2))
shapes["temporal attention γ"] = gamma.shape
shapes["logits"] = logits.shape

whole = net(visual, audio)
print("largest difference from net(visual, audio):", np.abs((logits - whole.logits).numpy()).max())

# %%
show.shapes(shapes, config, paper, B)

# %% [markdown] lang="en"
# ### ✎ 05.1 · Rows of attention · apply ●●○
#
# `q` are the queries `[S, d]`, `k` the keys `[T, d]` of one clip. Compute the attention matrix `[S, T]`: scaled scores $qk^{\top}/\sqrt{d}$, then softmax along each row.

# %% [markdown] lang="zh"
# ### ✎ 05.1 · 注意力的各行 · 应用 ●●○
#
# `q` 是一段视频的查询 `[S, d]`，`k` 是键 `[T, d]`。求注意力矩阵 `[S, T]`：先算缩放得分 $qk^{\top}/\sqrt{d}$，再逐行做 softmax。


# %% tags=["exercise"]
def attention_matrix(q, k):
    """[S, d], [T, d] -> [S, T], each row summing to 1."""
    ...


classroom.check("05.1", attention_matrix)

# %% [markdown] lang="en"
# Here are these matrices for the Joy clip, as multiples of uniform attention. Nothing has been learned yet. Columns of the event may stand out all the same: its segments differ from the rest, and even random weights keep different inputs apart. If the rows of a matrix are alike, all segments have the same query. The mean over the heads hides what a single head does.

# %% [markdown] lang="zh"
# 下面是 Joy 那段视频的几个矩阵，数值是均匀注意力的多少倍。网络还没有训练，但事件所在的几列可能已经与众不同：这些片段的画面本来就不一样，随机权重也足以把它们分开。一个矩阵的各行若彼此相似，说明所有片段的查询都相同。取平均会掩盖单个注意力头的差别，所以再单独画出一个头。


# %%
joy = names.index("Joy")
event = truth[first_of_class[joy]]
show.attention_matrices(whole, joy, event, "before training")

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Erasing, step by step ★
#
# Pass 1 has computed $\gamma$ for each segment. A threshold between the smallest and the largest $\gamma$, with $\theta=0.7$ in the paper, divides the segments:
#
# $$t=\theta\,\max\gamma+(1-\theta)\,\min\gamma\qquad\text{pass 2 keeps } \gamma<t,\quad\text{pass 3 keeps } \gamma>t$$
#
# The network is still untrained, so *which* segments are erased means nothing yet. The procedure is the same after training.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 一步步擦除 ★
#
# 第 1 遍给每个片段一个 $\gamma$。在最小值与最大值之间定一个阈值（论文取 $\theta=0.7$），把片段分成两组：
#
# $$t=\theta\,\max\gamma+(1-\theta)\,\min\gamma\qquad\text{第 2 遍保留 } \gamma<t,\quad\text{第 3 遍保留 } \gamma>t$$
#
# 网络还没训练，所以此刻擦除*哪些*片段并无意义；但步骤和训练之后完全相同。

# %% tags=["slide"]
from jacklib.core.erasing import frame_pool, kept_segments, threshold

g = gamma.numpy()[joy]
t = threshold(g).item()
kept = kept_segments(g)
print("γ", g.round(2), " t =", round(t, 2))
print("pass 2 keeps segments", np.flatnonzero(kept.low), " pass 3:", np.flatnonzero(kept.high))

show.gamma(g, event, erased=~kept.low, threshold=t)

# %% [markdown] lang="en"
# ### ✎ 05.2a · The threshold, by hand · apply ●○○
#
# A clip has five segments with $\gamma = (0.2,\ 1.2,\ 0.9,\ 0.4,\ 1.0)$, and $\theta=0.7$. What is $t$?

# %% [markdown] lang="zh"
# ### ✎ 05.2a · 手算阈值 · 应用 ●○○
#
# 一段视频有五个片段，$\gamma = (0.2,\ 1.2,\ 0.9,\ 0.4,\ 1.0)$，$\theta=0.7$。$t$ 是多少？

# %% tags=["exercise"]
t_by_hand = ...
classroom.check("05.2a", t_by_hand)

# %% [markdown] lang="en"
# ### ✎ 05.2b · What pass 2 keeps · apply ●○○
#
# Which segments of that clip (counted from 0) does pass 2 keep?

# %% [markdown] lang="zh"
# ### ✎ 05.2b · 第 2 遍保留什么？ · 应用 ●○○
#
# 第 2 遍保留这段视频的哪些片段（从 0 数起）？

# %% tags=["exercise"]
pass_2_keeps = ...  # a list of segment numbers
classroom.check("05.2b", pass_2_keeps)

# %% [markdown] lang="en"
# ### ✎ 05.2c · What pass 3 keeps · apply ●○○
#
# And which does pass 3 keep?

# %% [markdown] lang="zh"
# ### ✎ 05.2c · 第 3 遍保留什么？ · 应用 ●○○
#
# 第 3 遍保留哪些？

# %% tags=["exercise"]
pass_3_keeps = ...  # a list of segment numbers
classroom.check("05.2c", pass_3_keeps)

# %% [markdown] lang="en"
# The frames of the kept segments, in order, are the **pool** of a pass. TSN samples from the pool as if it were a video of its own: again $S$ snippets, so the network's input keeps its shape. A pool that is too short is repeated from its beginning, like a short video. If no segment is left, the pool is the whole video.
#
# Here, as in the released code, the *audio is never erased*: passes 2 and 3 get the same audio as pass 1. The paper (equations 7 to 9, Figure 2) has an attention for each stream, and erases image and audio where both reach $\theta$.

# %% [markdown] lang="zh"
# 保留片段的帧依次接起来，就是这一遍的**帧池**（pool）。TSN 把帧池当成一段独立的视频来取帧，仍取 $S$ 个小段，输入的形状因此不变。帧池太短就从头循环补足，和对待短视频一样；若一个片段都没留下，就用完整视频。
#
# 这里与作者的代码一样，*音频从不擦除*：第 2、3 遍的音频与第 1 遍相同。论文（公式 7 至 9，图 2）则是视觉、音频各有一个注意力，两者都达到 $\theta$ 的地方，画面和声音一起擦除。

# %% tags=["slide"]
from jacklib.data.transforms import tsn_indices

n_frames = validation.items[first_of_class[joy]].n_frames
passes = {
    "pass 1: whole clip": np.ones(S, bool),
    "pass 2: keyframes erased": kept.low,
    "pass 3: keyframes only": kept.high,
}
pools = [frame_pool(rows, n_frames) for rows in passes.values()]
taken = [pool[tsn_indices(len(pool), S, config.snippet_duration)] for pool in pools]  # [S, 8] each
for name, pool, frames in zip(passes, pools, taken, strict=True):
    print(f"{name}: pool of {len(pool)} frames; its last snippet is {frames[-1].tolist()}")
show.sampling(dict(zip(passes, taken, strict=True)), n_frames, pools)

# %% tags=["slide"]
index = first_of_class[joy]
views = [samples[joy]] + [
    validation.resample(index, rows, number=number_of_pass)
    for number_of_pass, rows in enumerate(kept, start=2)
]
show.passes(validation.items[index], dict(zip(passes, views, strict=True)))

# %% [markdown] lang="en"
# ### ✎ 05.3 · The pool of frames · apply ●●○
#
# `kept` is a list of booleans, one per segment. From which frames (counted from 0, in order) does the pass sample? Each segment has `n_frames // len(kept)` frames; frames left over at the end belong to none. If no segment is kept, all `n_frames` frames are used.

# %% [markdown] lang="zh"
# ### ✎ 05.3 · 帧池 · 应用 ●●○
#
# `kept` 是真值列表，每个片段一个。这一遍可以从哪些帧（从 0 数起，按顺序）里取？每个片段有 `n_frames // len(kept)` 帧，末尾多出来的不属于任何片段。一个片段都没保留时，取全部 `n_frames` 帧。


# %% tags=["exercise"]
def my_frame_pool(kept, n_frames):
    """A list of frame numbers."""
    ...


classroom.check("05.3", my_frame_pool)

# %% [markdown] lang="en"
# ### ✎ 05.4 · The paper's mask · apply ●●○
#
# In the paper each stream has an attention of its own, and a segment is erased where *both* reach $\theta$ (equations 7 to 9). Each attention is first stretched to 0…1 within its clip: $(\gamma-\min\gamma)/(\max\gamma-\min\gamma)$. Write the mask. (No attention in the hidden cases is the same everywhere.) Then ask yourself: can this mask erase a segment that neither attention would erase alone?

# %% [markdown] lang="zh"
# ### ✎ 05.4 · 论文的掩码 · 应用 ●●○
#
# 论文中每条流有自己的注意力，*两者都*达到 $\theta$ 的片段才擦除（公式 7 至 9）。每个注意力先在本段视频内拉伸到 0…1：$(\gamma-\min\gamma)/(\max\gamma-\min\gamma)$。写出这个掩码。（检查用的注意力都不是处处相同的。）再想一想：它会不会擦除单看任何一个注意力都不擦除的片段？


# %% tags=["exercise"]
def erased_in_paper(image, audio, theta=0.7):
    """image, audio: the two attentions, [S] each -> bool [S], true where a segment is erased."""
    ...


classroom.check("05.4", erased_in_paper)

# %% [markdown] lang="en"
# ### ✎ 05.5 · Which pass gets the event? · apply ●●○
#
# Given $\gamma$ `[S]` and `truth` `[S]` (1 where a segment lies in the event, else 0): what fraction of the event's segments do passes 2 and 3 get? `kept_segments(gamma, theta)` gives `.low` and `.high`; a pass with no segment left gets the whole clip.

# %% [markdown] lang="zh"
# ### ✎ 05.5 · 哪一遍包含事件？ · 应用 ●●○
#
# 给定 $\gamma$ `[S]` 和 `truth` `[S]`（片段在事件里为 1，否则为 0）：第 2 遍和第 3 遍各包含事件片段的多大比例？`kept_segments(gamma, theta)` 给出 `.low` 和 `.high`；一个片段都没留下的那一遍用完整视频。


# %% tags=["exercise"]
def event_seen(gamma, truth, theta=0.7):
    """(fraction that pass 2 gets, fraction that pass 3 gets)."""
    ...


classroom.check("05.5", event_seen)

# %% [markdown] lang="en"
# ### ✎ 05.6 · A good score, little erased · create ●●○
#
# Invent a $\gamma$ for eight segments whose event is segments 2, 3 and 4: its attention score (notebook 04: the fraction of $\gamma$ in the event, over 3/8) must be at least 2.5, yet pass 2 at $\theta=0.7$ must keep at least two of the three event segments. Many answers are right. What does that say about erasing by a threshold?

# %% [markdown] lang="zh"
# ### ✎ 05.6 · 得分高，擦得少 · 创造 ●●○
#
# 为八个片段设计一个 $\gamma$，事件是片段 2、3、4：注意力得分（见 04：$\gamma$ 落在事件里的比例除以 3/8）不低于 2.5，而 $\theta=0.7$ 时第 2 遍仍至少保留三个事件片段中的两个。答案不止一种。这说明按阈值擦除有什么特点？

# %% tags=["exercise"]
invented = ...  # eight values, none below 0
classroom.check("05.6", invented)

# %% [markdown] lang="en"
# ## 5 · Loss and training ★
#
# Each pass has a plain cross entropy, and here the loss is the mean of the three (the paper's equation 12 is their sum; the released code never runs the third pass, but counts the second once more, without its gradient):
#
# $$\mathcal{L}=\tfrac13\big(\mathrm{CE}(z_1,y)+\mathrm{CE}(z_2,y)+\mathrm{CE}(z_3,y)\big)$$
#
# Erasing only selects frames, so no gradient passes through it. Here are the losses of the eight clips with the untrained network; a uniform prediction scores $\ln 8=2.08$ on each.

# %% [markdown] lang="zh"
# ## 5 · 损失与训练 ★
#
# 每一遍都计算普通的交叉熵，这里取三者的平均作为损失（论文的公式 12 是三者之和；作者的代码并不运行第 3 遍，而是把第 2 遍的损失再计一次，不求梯度）：
#
# $$\mathcal{L}=\tfrac13\big(\mathrm{CE}(z_1,y)+\mathrm{CE}(z_2,y)+\mathrm{CE}(z_3,y)\big)$$
#
# 擦除只是在挑选帧，梯度不会从中经过。下面用这八段视频和未训练的网络算一遍；预测为均匀分布时，每一项都是 $\ln 8=2.08$。

# %%
from jacklib.ops import cross_entropy

labels = jt.array([sample.label for sample in samples])
kept_of_all = kept_segments(gamma)  # bool [B, S] each
losses = [cross_entropy(whole.logits, labels).item()]
for number_of_pass, rows in enumerate(kept_of_all, start=2):
    seen = [
        validation.resample(i, row, number=number_of_pass).visual
        for i, row in zip(first_of_class, rows, strict=True)
    ]
    losses.append(cross_entropy(net(np.stack(seen), audio).logits, labels).item())
print("cross entropy of passes 1, 2, 3:", np.round(losses, 3), " loss:", round(np.mean(losses), 3))

# %% [markdown] lang="en"
# Training runs Adam with weight decay, as the released code does (the paper's text says mini-batch SGD). In the classroom the temporal attention (and $\alpha$) learns faster than the rest (`attention_factor`), as in notebook 04. The curves are updated after each epoch; validation accuracy is that of the mean of passes 1 and 2. With one seed the run repeats bit for bit on the same machine; another processor rounds otherwise (notebook 04, section 5).

# %% [markdown] lang="zh"
# 训练与作者的代码一样，用带权重衰减的 Adam（论文正文写的是小批量 SGD）。和 04 一样，课堂设置里时间注意力（以及 $\alpha$）的学习率比其他部分高（`attention_factor`）。每轮（epoch）结束后曲线会更新，其中验证准确率取第 1、2 遍的平均。种子相同时，同一台机器上重跑，结果逐位相同；换一种处理器，舍入会不同（04 第 5 节）。

# %%
schedule = cten.SCHEDULES["classroom"]
print(schedule)

runtime.seed(0)
net = CTEN(config)
notes = asdict(config) | {"class_names": names, "network": "CTEN"}
history = cten.train(
    net, training, validation, schedule=schedule, run=cten.Run(CACHE, options=notes)
)
print(f"{sum(row['seconds'] for row in history):.0f} s of training")

# %% [markdown] lang="en"
# ## 6 · Evaluation ★
#
# Each clip goes through the network twice: whole, and with its keyframes erased. The prediction is the mean of the two passes' logits, as in the released code's validation; the paper predicts from the whole video alone. Both are in the table below. (The third pass is for training only.)

# %% [markdown] lang="zh"
# ## 6 · 评估 ★
#
# 每段视频通过网络两遍：一遍完整，一遍擦除关键帧。两遍的 logits 取平均，得出预测，与作者代码里的验证相同；论文则只用完整视频预测。两种结果都在下面的表里。（第 3 遍只在训练时用。）

# %%
result = cten.test(net, validation)
print(result.mean.table())

# %% tags=["slide"]
three = {"pass 1: whole clip": result.first, "pass 2: keyframes erased": result.second}
three["mean of both"] = result.mean
show.bars(
    {name: found.accuracy for name, found in three.items()}, {"most frequent class": most},
    unit="accuracy", form="{:.3f}", most=1.12,
)  # fmt: skip
show.confusion(result.mean.confusion, names)
best = max(three, key=lambda name: three[name].accuracy)
classroom.say(
    f"Most accurate here: {best}. The mean helps only where the two passes err on different clips.",
    f"这里最准确的是：{show.said(best)}。只有两遍错在不同的视频上时，取平均才有帮助。",
)

# %% [markdown] lang="en"
# ### ✎ 05.7a · Joy or anticipation? The pair · analyse ●○○
#
# Look at the confusion matrix (`result.mean.confusion`, `[true, predicted]`): which error is the most frequent? Answer with the two class names, `(true, predicted)`.

# %% [markdown] lang="zh"
# ### ✎ 05.7a · 喜悦还是期待？找出这一对 · 分析 ●○○
#
# 看混淆矩阵（`result.mean.confusion`，`[真实, 预测]`）：最多的是哪一种错误？用两个类别名作答：`(真实, 预测)`。

# %% tags=["exercise"]
pair = ...  # (true, predicted): names as in the figure's English edition
classroom.check("05.7a", pair, confusion=result.mean.confusion, names=names)

# %% [markdown] lang="en"
# ### ✎ 05.7b · Joy or anticipation? By hue · analyse ●●●
#
# In one run of this notebook the network took six of eight *Joy* clips for *Anticipation*: the events of both are orange to yellow and bright. Are they really hard to tell apart? Write `by_hue(clip)` that separates the two from the image alone, without any network. It is tried on clips of both classes from another seed; 90% must be right. (`chosen` in section 2 names clips to look at.)

# %% [markdown] lang="zh"
# ### ✎ 05.7b · 喜悦还是期待？看色相 · 分析 ●●●
#
# 本笔记本有一次运行中，网络把八段*喜悦*里的六段当成了*期待*：两者的事件都是橙色到黄色，画面明亮。它们真的难分吗？写一个 `by_hue(clip)`，不用网络，只看画面就把两者分开。检查用的是另一个种子渲染的这两类视频，要对 90%。


# %% tags=["exercise"]
def by_hue(clip):
    """Give "Joy" or "Anticipation"; clip is [frames, height, width, 3], 0 to 1, RGB."""
    ...


classroom.check("05.7b", by_hue)

# %% [markdown] lang="en"
# ### What did pass 2 lose?
#
# If $\gamma$ marked the event exactly, erasing would remove exactly the event. Erasing the same number of segments at random removes, on average, the same fraction of the event as of the clip.

# %% [markdown] lang="zh"
# ### 第 2 遍丢了什么？
#
# 如果 $\gamma$ 恰好标出事件，擦除的就正好是事件。如果随机擦除同样多的片段，平均而言，事件被擦除的比例与整段视频被擦除的比例相同。

# %%
low = kept_segments(result.first.gamma).low
low[~low.any(1)] = True  # nothing left: pass 2 gets the whole clip
lost = ((~low) * truth).sum(1) / truth.sum(1)  # [64] fraction of each event
print(f"erased: {(~low).mean():.0%} of all segments, {lost.mean():.0%} of the events' segments")
gone = lost > 0.99
if gone.any():
    right = (result.second.predicted == result.second.labels)[gone].sum()
    print(f"the whole event is gone in {gone.sum()} clips; pass 2 still gets {right} of them right")
else:
    print("in no clip is the whole event gone")

# %% [markdown] lang="en"
# Where pass 2 is right although its frames show nothing of the event, it has used the *audio* or guessed (a guess is right in 1 of 8). Which of the two can be tested: take the event out of the audio, too, and count again. The cell below replaces the audio of the event's segments by the clip's own hum. (Zeros would be simpler, but the network has never met such an input, and could be wrong for that reason alone.) If part of the event is left, that part can be enough, since our events are equally clear at every moment. In a real video the context is a weaker cue, and that cue is what the paper wants to exploit.
#
# **Guess first:** of *all* 64 clips, how many are still right in pass 2 without the event's audio?

# %% [markdown] lang="zh"
# 画面里事件已全部擦除，第 2 遍却仍然答对，那就是靠*音频*，或者猜对了（随机猜测是 1/8）。究竟是哪一种，可以检验：把音频里的事件也去掉，再数一次。下面的代码把事件所在片段的音频换成这段视频自己的嗡嗡声。（换成全零更简单，但网络从未见过那样的输入，答错可能只是这个原因。）事件若还剩一部分，这一部分往往就够了，因为我们的事件每一刻都同样明显。真实视频的上下文只是较弱的线索，论文想利用的正是它。
#
# **先猜一猜：** 去掉事件的音频之后，*全部* 64 段视频里，第 2 遍还能答对几段？

# %%
guess = ...
classroom.predict("05.p1", guess)

# %%
from jacklib.data.video import batches

inputs = {"visual": [], "audio": []}  # of pass 2
for batch, rows in zip(batches(validation, batch_size=8), low.reshape(-1, 8, S), strict=True):
    (again,) = cten.seen_again(validation, batch, [rows], 2, [])
    inputs["visual"].append(again.visual)
    inputs["audio"].append(again.audio)
pass_2 = {name: np.concatenate(parts) for name, parts in inputs.items()}
labels = result.second.labels


def right_in_pass_2(visual, audio):
    """bool [64]: which clips the trained network gets right from these inputs."""
    net.eval()
    with jt.no_grad():
        logits = [net(visual[i : i + 8], audio[i : i + 8]).logits.numpy() for i in range(0, 64, 8)]
    return np.concatenate(logits).argmax(1) == labels


heard = right_in_pass_2(**pass_2)
print(f"pass 2: {heard.sum()} of 64 right; event gone: {heard[gone].sum()} of {gone.sum()}")
hum = pass_2["audio"].reshape(64, S, -1, 128).copy()
for blocks, inside in zip(hum, truth > 0, strict=True):
    blocks[inside] = blocks[~inside][0]
unheard = right_in_pass_2(pass_2["visual"], hum.reshape(pass_2["audio"].shape))
classroom.reveal("05.p1", int(unheard.sum()))

# %% [markdown] lang="en"
# ### ✎ 05.8 · Did it hear it? · analyse ●●○
#
# Of the clips whose event is *gone* from the frames of pass 2 (`gone`) and that are right with the audio (`heard`), how many does the network owe to the audio, that is, how many are wrong without the event's audio (`unheard`)?

# %% [markdown] lang="zh"
# ### ✎ 05.8 · 它是听出来的吗？ · 分析 ●●○
#
# 第 2 遍的画面里事件*全部消失*（`gone`），有音频时答对（`heard`）的视频中，有几段要归功于音频，即去掉事件的音频（`unheard`）就答错？

# %% tags=["exercise"]
owed_to_audio = ...
classroom.check("05.8", owed_to_audio, gone=gone, heard=heard, unheard=unheard)

# %% [markdown] lang="en"
# ### Which attention finds the event?
#
# Every matrix was trained from the label alone. The mean of a column is the attention that this segment gets; here all of them are scored on the event like $\gamma$: uniform attention scores 1, and the maximum is $8/3\approx 2.67$.

# %% [markdown] lang="zh"
# ### 哪种注意力找到了事件？
#
# 所有矩阵都只靠标签训练。一列的平均值表示从该片段取了多少；下面把它们和 $\gamma$ 一样对照事件打分：均匀分布得 1，最高是 $8/3\approx 2.67$。

# %% tags=["slide"]
from jacklib.core.metrics import attention_on_truth

net.eval()
columns = {"within image": [], "within audio": [], "v2a": [], "a2v": [], "temporal γ": []}
with jt.no_grad():
    for batch in batches(validation, batch_size=8):
        out = net(batch.visual, batch.audio)
        columns["within image"].append(out.visual_attention.numpy().mean(1))  # [B, S]
        columns["within audio"].append(out.audio_attention.numpy().mean(1))
        columns["v2a"].append(out.v2a_attention.numpy().mean((1, 2)))
        columns["a2v"].append(out.a2v_attention.numpy().mean((1, 2)))
        columns["temporal γ"].append(out.gamma.numpy())
ratios = {name: attention_on_truth(np.concatenate(c), truth) for name, c in columns.items()}

show.bars(
    ratios, {"uniform attention": 1, "all of it on the event": 8 / 3},
    unit="× uniform", marked=["temporal γ"], most=3.1,
)  # fmt: skip

with jt.no_grad():
    trained = net(visual, audio)
show.attention_matrices(trained, joy, event, "after training")

# %% [markdown] lang="en"
# Compare with the figures of section 3; the scale is the same. Two things to know if $\gamma$ scores lower than the attention within the image stream:
#
# - The non-local block copies what it finds into *every* segment. Once the features of all segments contain the event, $\gamma$ has little left to choose between.
# - Pass 2 rewards a network that can do without the segments it attends to most. A network that can recognise the emotion in any segment has no reason to prefer one.
#
# So high accuracy does not guarantee that $\gamma$ points at the event. (Of the six matrices, *within image* answers the question of this section: from which segments do the visual features come?) An attention map is a hint at what a network uses; do not trust it without a score like this one.

# %% [markdown] lang="zh"
# 请与第 3 节的图对照，色标相同。如果 $\gamma$ 的得分低于视觉流内部的注意力，有两点值得知道：
#
# - 非局部模块会把找到的东西送进*每个*片段。所有片段的特征都包含了事件，$\gamma$ 就没有多少可选择的了。
# - 第 2 遍奖励的是不依赖注意力最高的片段也能判断的网络；如果从任何片段都能识别情感，就没有理由偏向其中一个。
#
# 所以准确率高，不等于 $\gamma$ 指向事件。（六个矩阵中，“视觉流内部”回答的就是本节的问题：视觉特征来自哪些片段？）注意力图只是提示网络用了什么，要像这样打分之后才能采信。

# %% [markdown] lang="en"
# ### ✎ 05.9a · θ = 1 · apply ●○○
#
# All eight $\gamma$ of a clip differ. How many segments do passes 2 and 3 get at $\theta=1$? Answer `(pass 2, pass 3)`.

# %% [markdown] lang="zh"
# ### ✎ 05.9a · θ = 1 · 应用 ●○○
#
# 一段视频的八个 $\gamma$ 各不相同。$\theta=1$ 时第 2、3 遍各有几个片段？用 `(第 2 遍, 第 3 遍)` 作答。

# %% tags=["exercise"]
seen_at_1 = ...  # (pass 2, pass 3)
classroom.check("05.9a", seen_at_1)

# %% [markdown] lang="en"
# ### ✎ 05.9b · How much is erased? · apply ●●○
#
# On the validation clips: how many segments does pass 2 keep on average at $\theta=0.5$, $0.7$ and $0.9$? Use `result.first.gamma` (`[64, 8]`) and count in `kept_segments(...).low`.

# %% [markdown] lang="zh"
# ### ✎ 05.9b · 擦掉多少？ · 应用 ●●○
#
# 在验证视频上，$\theta$ 取 $0.5$、$0.7$、$0.9$ 时，第 2 遍平均保留几个片段？用 `result.first.gamma`（`[64, 8]`），在 `kept_segments(...).low` 里数。

# %% tags=["exercise"]
kept_on_average = ...  # three numbers
classroom.check("05.9b", kept_on_average, gamma=result.first.gamma)

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · Detection: *when* does the emotion happen? ☆
#
# In **weakly supervised detection** the network learns from labels of whole videos but has to predict time intervals. JACK derives them from $\gamma$ (`attention_proposals`): $\gamma$ is stretched to 0…1 and cut at the levels 0.1, 0.2, … 0.9; every run of segments above a level is a **proposal**. Its score is the contrast of the run with its neighbours, times the probability of the predicted class; of proposals that overlap strongly, only the best is kept.
#
# A proposal is measured by its **temporal IoU** with the event: the time covered by both, divided by the time covered by either.

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 检测：情感*何时*发生？ ☆
#
# **弱监督检测**只用整段视频的标签训练，却要给出时间区间。JACK 由 $\gamma$ 得到区间（`attention_proposals`）：把 $\gamma$ 拉伸到 0…1，用 0.1、0.2……0.9 各切一刀，高于该水平的每一串相邻片段就是一个**候选片段**（proposal）。它的得分等于它比两旁高出多少，乘以预测类别的概率；重叠太多的只留最好的一个。
#
# 候选片段好不好，看它与事件的**时间交并比**（tIoU）：两者共有的时间，除以两者合起来覆盖的时间。

# %% tags=["slide"]
from jacklib.core.metrics import temporal_map

found = cten.detections(result.mean, validation)
events = cten.events(validation)
item = validation.items[index]
g = result.mean.gamma[index]
seconds = item.n_frames / 30
event_time = events[item.id]["annotations"][0]["segment"]

show.proposals(g, found[item.id], event_time, seconds)

# %% [markdown] lang="en"
# ### ✎ 05.10 · Temporal IoU · apply ●○○
#
# Two intervals `(start, end)`, in seconds: the time that both cover, divided by the time that at least one of them covers.

# %% [markdown] lang="zh"
# ### ✎ 05.10 · 时间交并比 · 应用 ●○○
#
# 两个区间 `(start, end)`，单位为秒：两者都覆盖的时间，除以至少被其中一个覆盖的时间。


# %% tags=["exercise"]
def tiou(one, other):
    """A number from 0 to 1."""
    ...


classroom.check("05.10", tiou)

# %% [markdown] lang="en"
# ### Mean average precision, with its baselines
#
# A proposal is correct if its class is correct and its tIoU reaches a threshold. For each class, the proposals of all clips are ranked by score; **average precision** rewards correct ones near the top, and the mean over the classes is the **mAP**. It means little by itself, so the same classification is scored with three other choices of time:
#
# - **random γ**: 20 random draws in place of $\gamma$, averaged;
# - **whole clip**: one interval, from beginning to end. Our events fill 3/8 of a clip, so this counts as correct up to a threshold of 0.375;
# - **true γ**: the event itself. What is missing to 1 is due to the classification alone.

# %% [markdown] lang="zh"
# ### 平均精度均值与基线
#
# 类别对，且 tIoU 达到某个门槛，候选片段才算对。每一类把所有视频的候选片段按得分排序，对的越靠前，**平均精度**（AP）越高；各类取平均就是 **mAP**。单看这个数没有意义，所以保持分类结果不变，换三种办法选时间，同样打分：
#
# - **随机 γ**（random γ）：用随机数代替 $\gamma$，抽 20 次取平均；
# - **整段**（whole clip）：只给一个从头到尾的区间。事件占视频的 3/8，门槛不超过 0.375 时它都算对；
# - **真值 γ**（true γ）：直接用事件本身。与 1 的差距都是分类造成的。


# %%
def score(gamma=None, detections=None):
    """[mAP at each limit, their mean] of a choice of time, with the network's classification."""
    if detections is None:
        detections = cten.detections(replace(result.mean, gamma=gamma), validation)
    report = temporal_map(events, detections, cten.TIOUS)
    return np.array([report[f"mAP@{t:.2f}"] for t in cten.TIOUS] + [report["average_mAP[0.1:0.5]"]])


whole_clip = cten.detections(replace(result.mean, gamma=np.ones_like(truth)), validation)
for proposals, row in zip(whole_clip.values(), result.mean.probabilities, strict=True):
    proposals[0]["score"] = row.max()  # uniform attention has no contrast and would score 0

rng = np.random.default_rng(0)
table = {
    "γ of the network": score(result.mean.gamma),
    "random γ": np.mean([score(rng.random(truth.shape)) for _ in range(20)], axis=0),
    "whole clip": score(detections=whole_clip),
    "true γ": score(truth),
}
print(f"{'mAP at tIoU':18}" + "".join(f"{t:8.1f}" for t in cten.TIOUS) + "    mean")
for name, numbers in table.items():
    print(f"{name:18}" + "".join(f"{number:8.3f}" for number in numbers))

# %% [markdown] lang="en"
# Read it threshold by threshold. Up to 0.3 the whole clip is a strong baseline by construction, since its one interval is correct whenever the class is; at 0.4 and 0.5 it cannot be correct at all, and only a $\gamma$ that follows the event beats the random one. Do not compare with the paper: its videos are real, an emotion may fill any part of them, and its mAP does not ask for the class, while ours is the mean over classes.

# %% [markdown] lang="zh"
# 请按门槛逐列看。门槛不超过 0.3 时，“整段”这一基线天然占优：只要类别对，那一个区间就算对；到了 0.4 和 0.5，它不可能算对，只有真正跟随事件的 $\gamma$ 才会高于随机基线。不要拿这些数与论文相比：论文用的是真实视频，情感可能占其中任意一部分；而且论文的 mAP 不问类别，我们的则是各类别的平均。

# %% [markdown] lang="en"
# ### Does erasing help?
#
# A single run cannot answer this. The table below was **measured earlier**, with the command printed below it, and is only read from a file here; run the command to repeat it. Six runs: three seeds, with erasing and without (`--no_erasing`: training uses pass 1 alone). All are evaluated in the same way.
#
# What would you expect? Erasing helps if the context hints at the emotion. Outside their events our clips do not depend on the label: if pass 2 loses the event, only the audio is left to learn from.

# %% [markdown] lang="zh"
# ### 擦除有用吗？
#
# 只跑一次说明不了问题。下表的数字是**事先测好的**，这里只从文件读出；命令一并列出，可以自己重跑。一共六次：三个种子，各跑有擦除和无擦除（`--no_erasing`，训练时只有第 1 遍）两种，评估方式完全相同。
#
# 先猜猜结果：上下文里有情感的线索，擦除才有好处。我们的视频在事件之外与标签毫无关系，第 2 遍一旦失去事件，就只剩音频可学了。

# %%
measured = json.loads(rendered.annotation_path.with_name("cten_erasing.json").read_text())
print(f"measured {measured['date']} on {measured['machine']} with\n  {measured['command']}\n")
levels = {"accuracy": most, "γ on event": 1, "mean mAP": table["random γ"][-1]}
of_runs = {head: {"erasing": {}, "no erasing": {}} for head in levels}
for run in measured["runs"]:
    average = run["detection"]["average_mAP[0.1:0.5]"]
    for head, value in zip(levels, (run["val_accuracy"], run["attention"], average), strict=True):
        of_runs[head]["erasing" if run["erasing"] else "no erasing"][run["seed"]] = value
compared = {}
for head, runs in of_runs.items():
    ((_, compared[head]),) = classroom.compare_runs(
        head, runs,
        fixed="the 192 rendered clips, theta, the number of epochs (with erasing a clip is seen "
        "three times per epoch)",
        fixed_zh="192 段渲染视频、θ、训练轮数（有擦除时，每轮里一段视频看三遍）",
    ).items()  # fmt: skip
    print()

# %% tags=["slide"]
for ax, (head, level) in zip(show.panels(3), levels.items(), strict=True):
    show.runs(of_runs[head], level, title=head, ax=ax)

helped = [head for head, pair in compared.items() if pair.chance <= 0.05]
if helped:
    classroom.say(
        f"By the rule of notebook 04, erasing makes a difference here in: {', '.join(helped)}.",
        f"按 04 的规则，这里擦除在以下几项上有差别：{'、'.join(helped)}。",
    )
else:
    classroom.say(
        "By the rule of notebook 04, these runs show no difference that erasing makes, in either "
        "direction. That is not the same as showing that it makes none.",
        "按 04 的规则，这些运行不能说明擦除有差别，哪个方向都不能。这不等于说明了没有差别。",
    )

# %% [markdown] lang="en"
# The rule is that of notebook 04, section 6 (*How to compare runs*). An earlier table of this kind had erasing ahead in all three pairs, but its seeds 0 and 1 began with the same weights (trap 50 in notebook 02): three pairs that were really two. Whatever more seeds might show would hold for *these* clips; the paper measures its gain on real videos, where the context is informative.

# %% [markdown] lang="zh"
# 规则见 04 第 6 节（“怎样比较两次运行”）。这张表的早先版本里，三对都是有擦除的更好，但那时种子 0 和 1 的初始权重完全相同（02 的陷阱 50）：三对其实只有两对。种子再多，得到的结论也只对*这批*视频成立；论文的提升是在真实视频上测的，那里的上下文确实含有信息。

# %% [markdown] lang="en"
# ## 8 · Look at the erasing ☆
#
# Choose a clip and move $\theta$. Things to try:
#
# - Set $\theta$ to 0: nothing lies below the smallest $\gamma$, and pass 2 gets the whole clip again. At $\theta=1$ the same happens to pass 3.
# - Find a $\theta$ at which pass 2 loses all of the event (hatched background). Does its prediction change? Remember that the audio stays.
# - Compare passes 2 and 3 in the table below: which is more confident?
#
# (On a page without a running kernel, such as GitHub, only the first figure is shown.)

# %% [markdown] lang="zh"
# ## 8 · 看看擦除 ☆
#
# 选一段视频，拖动 $\theta$。可以试试：
#
# - 把 $\theta$ 拉到 0：没有比最小的 $\gamma$ 还低的片段，第 2 遍的输入又是完整视频。$\theta=1$ 时，第 3 遍也是如此。
# - 找一个让第 2 遍失去整个事件（底色带斜线处）的 $\theta$。它的预测变了吗？别忘了音频还在。
# - 对照下方表格里的第 2 遍和第 3 遍：哪一遍更有把握？
#
# （在 GitHub 这类没有内核运行的页面上，只能看到第一张图。）

# %%
from jacklib.widgets.erasing import erasing_widget

erasing_widget(*cten.erasing_states(net, validation, chosen), lang=LANG)

# %% [markdown] lang="en"
# ### And on real film?
#
# The same network, never trained on film, now gets the clip from section 2. **Read this figure with care.** The network was trained on rendered shapes only; this is one animated film; and an AI model labelled it from still frames. Probabilities and erased segments show that the code runs on real film and audio. They do not show that the network knows anything about emotions in film.

# %% [markdown] lang="zh"
# ### 换成真实影片呢？
#
# 同一个网络没有用真实影片训练过，现在输入第 2 节的那段视频。**请谨慎解读这张图。** 网络只用渲染的图形训练过；素材只有一部动画短片；它的标签还是 AI 模型根据静止画面标注的。这里的概率和擦除只说明代码能处理真实的画面和声音，不代表网络能理解影片里的情感。

# %%
from IPython.display import display

from jacklib.widgets.erasing import render

display(render(cten.erasing_state(net, film, number), lang=LANG))

# %%
on_film = cten.test(net, film).mean
right = int((on_film.predicted == on_film.labels).sum())
print(f"{right} of {len(film)} film clips right; guessing would get {len(film) / 8:.1f}, "
      f"always the film's most frequent class {np.bincount(on_film.labels).max()}")  # fmt: skip

# %% [markdown] lang="en"
# ## 9 · The paper's size: a GPU and the real VE8 ☆
#
# `CTENConfig.paper()` builds the released network, and the command line takes the real data; `docs/en/dataset.md` lists the sources of VE8 and of the Kinetics weights `resnet-101-kinetics.pth`. The released code trains with batches of 32; the commands use 4, which needs far less GPU memory. The next cell only prints the commands; they need a GPU.

# %% [markdown] lang="zh"
# ## 9 · 论文规模：GPU 与真实的 VE8 ☆
#
# `CTENConfig.paper()` 就是作者发布的网络，命令行可以直接读真实数据；VE8 和 Kinetics 预训练权重 `resnet-101-kinetics.pth` 从哪里获取，见 `docs/cn/数据集准备.md`。作者的代码批大小为 32；下面的命令取 4，占用的显存少得多。下一格只打印命令，实际运行需要 GPU。

# %%
print(CTENConfig.paper())
print(cten.SCHEDULES["paper"])
print("""
# frames and sound out of the downloaded videos (VE8/videos/CLASS/ID.mp4)
bash script/run.sh prepare VE8/videos VE8 --annotations VE8/ve8_01.json

bash script/run.sh CTEN main --dataset ve8 \\
  --resnet101_pretrained resnet-101-kinetics.pth \\
  --video_path VE8/img --audio_path VE8/mp3 --annotation_path VE8/ve8_01.json \\
  --result_path results/ve8_cten \\
  --batch_size 4 --n_epochs 100 --sample_size 112 --fps 30 --snippet_duration 16 \\
  --audio_embed_size 2048 --audio_n_segments 16 --audio_time 100

bash script/run.sh CTEN test --dataset ve8 \\
  --video_path VE8/img --audio_path VE8/mp3 --annotation_path VE8/ve8_01.json \\
  --checkpoint_path results/ve8_cten/best.pth --result_path results/ve8_cten

# one video of your own
bash script/run.sh CTEN test_singlevideo --video_path my_video.mp4 \\
  --checkpoint_path results/ve8_cten/best.pth""")

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
classroom.quiz("05", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# CTEN trains on three views of a video: whole, without its keyframes, and its keyframes alone, with one label and one network. In its passes image and audio attend to each other, and its temporal attention decides what is erased, so what it erases is only as good as that attention. Claims such as "it heard it" or "erasing helps" are hypotheses; controls, baselines and seeds test them.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# CTEN 用同一个网络、同一个标签，在三种视图上训练：完整视频、擦除关键帧之后、只剩关键帧。视觉与音频互相关注，时间注意力决定擦除什么，所以擦得对不对取决于注意力准不准。“它是听出来的”“擦除有帮助”都只是假设，要用对照、基线和种子去检验。

# %% [markdown] lang="en"
# ## References
#
# - Z. Zhang, L. Wang and J. Yang, *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023: the network, erasing and detection.
# - S. Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020: the temporal attention.
# - The released code of CTEN, github.com/nku-zhichengzhang/WECL: the table in section 3.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Z. Zhang、L. Wang、J. Yang，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023：网络、擦除与检测。
# - S. Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020：时间注意力。
# - CTEN 的公开代码，github.com/nku-zhichengzhang/WECL：第 3 节的对照表。

# %% [markdown] lang="en"
# ## To go on
#
# Call `cten.test(net, validation, theta=0.5)` and see which accuracy changes; train with `erasing=False` and compare γ; give your own video to `bash script/run.sh CTEN test_singlevideo`.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 调用 `cten.test(net, validation, theta=0.5)`，看哪个准确率变了；用 `erasing=False` 再训练一次，比较 γ；用 `bash script/run.sh CTEN test_singlevideo` 处理自己的视频。

# %%
solved, total = classroom.summary()
