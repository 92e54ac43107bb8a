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
# # 04 · VAANet: which moments of a video carry its emotion?
#
# | | |
# |---|---|
# | **Needs** | this repository and `00_start_here`; no GPU, no download |
# | **Takes** | about 2 minutes on two idle CPU cores, nearly all of it training; 4 to 5 if other programs keep them busy |
# | **You will see** | how a video becomes arrays, the network taken apart, a training run, and a figure of what the network attends to |
# | **Paper** | Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020 ([arXiv 2003.00832](https://arxiv.org/abs/2003.00832)) |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it.

# %% [markdown] lang="zh"
# # 04 · VAANet：视频的情感藏在哪些时刻？
#
# | | |
# |---|---|
# | **需要** | 本仓库，并先看过 `00_start_here`；不需要 GPU，也不用下载 |
# | **用时** | 双核 CPU 空闲时约 2 分钟，几乎都花在训练上；如果还有别的程序占着 CPU，要 4 到 5 分钟 |
# | **你会看到** | 视频怎样变成数组、网络拆开是什么样、一次完整的训练，以及网络究竟在注意什么 |
# | **论文** | Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020（[arXiv 2003.00832](https://arxiv.org/abs/2003.00832)） |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习不会中断运行。仓库里保存的图是英文版运行时生成的；自己运行一遍，控件和注意力图就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom

classroom.language(LANG)

from dataclasses import asdict
from pathlib import Path

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from jacklib.methods import vaanet
from jacklib.networks import VAANet, VAANetConfig

plt.rcParams.update({"figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 9})
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#B8C4CE"
CACHE = Path("results/vaanet")  # git ignores it

# %% [markdown] lang="en"
# ## 1 · The task and the idea
#
# People film a birthday, a storm or a quarrel and upload it. **Which emotion is the video labelled with?** The data set VideoEmotion-8 (VE8) has eight classes: anger, anticipation, disgust, fear, joy, sadness, surprise, trust. A video has *one* label, yet most of its frames do not matter: the emotion shows only at a few moments, in a part of the image, in some feature channels and in some of the audio.
#
# **Whose emotion?** Three things share the word: what a person in the video *expresses*, what a viewer *perceives* in it, and what it *evokes* in the viewer. A label of a whole video from the web is somebody's judgement of the video, and does not say which of the three it judges. A network learns to predict that label. It learns neither what the people in the video felt nor what you will feel.
#
# VAANet learns what to attend to from the label alone. It multiplies its features by four sets of learned weights:
#
# | attention | question | symbol | size in the paper |
# |---|---|---|---|
# | spatial | *where* in the frame? | $\alpha$ | 16 positions (4 × 4) |
# | channel | *which features*? | $\beta$ | 512 channels |
# | temporal, visual | *when* to look? | $\gamma$ | 12 segments |
# | temporal, audio | *when* to listen? | $\gamma^{a}$ | 16 segments |
#
# The paper reports 54.5% on VE8 and 55.3% on Ekman-6. Guessing is right in 12.5% and 16.7%; **always answering the most frequent class, surprise, in 19.1% and 22.0%** (70 of the 367 and 180 of the 818 test videos of the splits `ve8_01` and `ek6_01`, released with VAANet's and CTEN's code). An accuracy has to be compared with the higher of the two.

# %% [markdown] lang="zh"
# ## 1 · 任务与思路
#
# 有人拍下一次生日、一场暴雨或一次争吵，传到网上。**这段视频标注的是什么情感？** 数据集 VideoEmotion-8（VE8）分八类：愤怒、期待、厌恶、恐惧、喜悦、悲伤、惊讶、信任。一段视频只有*一个*标签，可多数画面其实无关紧要——情感往往只体现在少数时刻、画面的局部、部分特征通道和某几段声音中。
#
# **谁的情感？** “情感”一词指三种不同的东西：视频里的人*表达*的，观众从中*看出*的，以及视频在观众心里*引起*的。网络视频的标签是某个人对整段视频的判断，并没有说明判断的是哪一种。网络学的是预测这个标签，既不是视频里的人当时的感受，也不是你看了之后的感受。
#
# VAANet 只凭这一个标签学习应当注意哪里：它给特征乘上四组可学习的权重：
#
# | 注意力 | 回答的问题 | 符号 | 论文中的大小 |
# |---|---|---|---|
# | 空间 | 画面中*哪个位置*？ | $\alpha$ | 16 个位置（4 × 4） |
# | 通道 | *哪些特征*？ | $\beta$ | 512 个通道 |
# | 时间（视觉） | 视觉上*哪个时刻*？ | $\gamma$ | 12 个片段 |
# | 时间（音频） | 音频中*哪个时刻*？ | $\gamma^{a}$ | 16 个片段 |
#
# 论文报告的准确率：VE8 为 54.5%，Ekman-6 为 55.3%。随机猜测能对 12.5% 和 16.7%；**每次都答数量最多的一类（惊讶），能对 19.1% 和 22.0%**（随 VAANet 和 CTEN 的代码公开的划分 `ve8_01` 和 `ek6_01` 中，367 段测试视频里有 70 段，818 段里有 180 段）。准确率要与两者中较高的一个相比。

# %% [markdown] lang="en"
# ## 2 · From a film to arrays
#
# Real film first: clips from *Big Buck Bunny* (© 2008 Blender Foundation, CC BY 3.0) that come with JACK. The first call unpacks them into frames and audio, in the layout that VE8 uses.

# %% [markdown] lang="zh"
# ## 2 · 从影片到数组
#
# 先看真实的影片：JACK 自带动画短片 *Big Buck Bunny*（© 2008 Blender Foundation，CC BY 3.0）的片段。第一次调用时会把它们拆成逐帧图像和音频，按 VE8 的目录结构存放。

# %%
from jacklib.samples import film_clips

config = VAANetConfig.classroom()
film = vaanet.open_clips(config, film_clips(progress=False), "validation", cache=True)

number = [item.id for item in film.items].index("bbb_0733")
item = film.items[number]
print(len(film), "clips;", item.id, "is labelled", item.label_name)
print(item.n_frames, "frames at 30 per second =", round(item.n_frames / 30, 1), "s")
print(item.annotation["description"])

# %%
from jacklib.data.video import frame_file, read_frame

shown = np.linspace(0, item.n_frames - 1, 8).astype(int)
figure, axes = plt.subplots(1, 8, figsize=(12, 1.5))
for ax, index in zip(axes, shown, strict=True):
    ax.imshow(read_frame(frame_file(item.frame_folder, index)))
    ax.set_title(f"{index / 30:.1f} s")
    ax.axis("off")
figure.suptitle(f"{item.id} ({item.label_name}): eight of its {item.n_frames} frames")
plt.show()

# %% [markdown] lang="en"
# ### The audio
#
# The network's audio input is not the waveform but its **MFCC** (mel-frequency cepstral coefficients): about 86 frames per second, each with 32 coefficients that describe the shape of the spectrum. Coefficient 0 follows loudness and is far larger than the rest, so the figure shows each coefficient relative to its own mean and standard deviation.

# %% [markdown] lang="zh"
# ### 音频
#
# 网络的音频输入不是波形，而是 **MFCC**（梅尔频率倒谱系数）：每秒约 86 帧，每帧用 32 个系数描述频谱的形状。第 0 个系数反映响度，数值远大于其他系数，所以图中每个系数都减去自己的均值、再除以标准差。

# %%
from jacklib.data.audio import SAMPLE_RATE, mfcc, read_audio

wave = read_audio(item.audio_file)
features = mfcc(wave)  # [frames, 32]
seconds = len(wave) / SAMPLE_RATE
print("waveform", wave.shape, "-> MFCC", features.shape)

figure, (top, bottom) = plt.subplots(2, 1, figsize=(10, 3.6), sharex=True)
top.plot(np.arange(len(wave)) / SAMPLE_RATE, wave, lw=0.3, color=BLUE)
top.set(title="Waveform", ylabel="amplitude")
standardised = (features - features.mean(0)) / features.std(0)
image = bottom.imshow(
    standardised.T, aspect="auto", origin="lower", extent=(0, seconds, 0, 32),
    cmap="RdBu_r", vmin=-3, vmax=3,
)  # fmt: skip
bottom.set(title="MFCC, the network's audio input", xlabel="time (s)", ylabel="coefficient")
figure.colorbar(image, ax=bottom, label="standard deviations")
plt.show()

# %% [markdown] lang="en"
# ### Which frames: temporal segment sampling (TSN)
#
# A video may be long; the network takes a fixed number of frames. The list of frames is cut into $S$ equal **segments**, and a **snippet** of consecutive frames is taken from each: at a random position during training, from the middle during evaluation. The paper uses $S=12$ snippets of 16 frames, this notebook $S=8$ of 8. A clip that is too short is repeated from its beginning.

# %% [markdown] lang="zh"
# ### 取哪些帧：时间片段采样（TSN）
#
# 视频有长有短，网络需要的帧数却是固定的。做法是把所有帧等分为 $S$ 个**片段**（segment），从每段取出连续的几帧，称为一个**小段**（snippet）：训练时位置随机，评估时取正中。论文用 $S=12$、每段 16 帧；本笔记本用 $S=8$、每段 8 帧。太短的视频从头循环补足。

# %%
from jacklib.data.transforms import tsn_indices

draws = {"evaluation: centre": None}
for epoch in (1, 2):
    draws[f"training, epoch {epoch}"] = np.random.default_rng([0, epoch])

part = item.n_frames // config.seq_len  # whole frames; the rest at the end is not used
figure, ax = plt.subplots(figsize=(10, 2))
for row, rng in enumerate(draws.values()):
    taken = tsn_indices(item.n_frames, config.seq_len, config.snippet_duration, rng)
    for s, snippet in enumerate(taken):
        ax.barh(row, len(snippet), left=snippet[0], color=[BLUE, ORANGE][s % 2], height=0.6)
for border in np.arange(config.seq_len + 1) * part:
    ax.axvline(border, color=GREY, lw=1)
ax.set_yticks(range(len(draws)), draws)
ax.invert_yaxis()
ax.set(xlabel="frame", title=f"{config.seq_len} segments (grey borders), 8 frames taken from each")
plt.show()

# %% [markdown] lang="en"
# ### What is done to each frame
#
# For training, a square is cut from the centre or a corner; then, with probability 0.3, **one** of flip, rotation or darkening is applied. The parameters are drawn once per clip and used for all its frames.

# %% [markdown] lang="zh"
# ### 对画面做什么
#
# 训练时从画面中心或四角之一裁出正方形，再以 0.3 的概率做翻转、旋转、调暗中的**一种**。每段视频只采样一次变换参数，所有帧共用。

# %%
from jacklib.data.transforms import TransformDraw, apply_transform, draw_transform

frame = read_frame(frame_file(item.frame_folder, 60))
drawn = [TransformDraw()] + [
    draw_transform(np.random.default_rng(k), augment=True) for k in (1, 3, 0, 10, 4)
]
figure, axes = plt.subplots(1, 7, figsize=(12, 2.1), width_ratios=[1.78] + [1] * 6)
axes[0].imshow(frame)
axes[0].set_title("the frame")
for ax, draw in zip(axes[1:], drawn, strict=True):
    ax.imshow(apply_transform(frame[None], draw, config.sample_size)[0])
    effect = f"{draw.effect} {draw.amount:.2g}".replace("flip 0", "flip") if draw.effect else "—"
    ax.set_title(f"{draw.crop.replace('_', ' ')}\n{effect}")
for ax in axes:
    ax.axis("off")
figure.suptitle("Evaluation (first square) and five training draws: crop, effect")
plt.show()

# %% [markdown] lang="en"
# ### Clips with a known answer
#
# In a film nobody knows which moments *really* matter. So the network is trained on **rendered clips**: a grey, drifting scene with a hum, in which an emotional event of 1.2 s is planted at a known time. The label can only be learned from the event, so attention can be scored against the truth. The clips are synthetic and easy; a score on them shows that the method works; it says nothing about people's emotions.

# %% [markdown] lang="zh"
# ### 知道答案的视频
#
# 真实影片里，没人知道*到底*哪些时刻重要。所以训练用的是**渲染视频**：灰色的场景缓缓漂移，伴着嗡嗡声，其中某个已知时刻植入一个 1.2 秒的情感事件。标签只能从这个事件学到，因此可以拿真值给注意力打分。这些视频是合成的，也很容易区分；在它们上面的分数只说明方法有效，与人的真实情感无关。

# %%
from jacklib.samples import rendered_clips

rendered = rendered_clips()
training = vaanet.open_clips(config, rendered, "training", train=True, seed=0, cache=True)
validation = vaanet.open_clips(config, rendered, "validation", cache=True)
print(len(training), "clips to train,", len(validation), "to validate")
of_class = np.bincount([x.label for x in validation.items], minlength=8)
print(f"guessing {1 / 8:.1%}, always the most frequent class {of_class.max() / of_class.sum():.1%}")
print("classes:", ", ".join(training.class_names))

# %%
first_of_class = [next(i for i, x in enumerate(validation.items) if x.label == c) for c in range(8)]
figure, axes = plt.subplots(8, 8, figsize=(8.4, 6.6))
for row, index in zip(axes, first_of_class, strict=True):
    clip = validation.load(index)
    truth = vaanet.clip_truth(validation, index)  # [S]: fraction of each segment in the event
    for s, ax in enumerate(row):
        ax.imshow(clip.visual[s, :, 4].transpose(1, 2, 0).astype(np.uint8))
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(color=ORANGE, linewidth=3, visible=truth[s] > 0.5)
    row[0].set_ylabel(validation.items[index].label_name, rotation=0, ha="right", va="center")
for s, ax in enumerate(axes[-1]):
    ax.set_xlabel(f"segment {s}")
figure.suptitle("One validation clip of each class; orange: the planted event")
plt.show()

# %% [markdown] lang="en"
# ## 3 · The network, part by part
#
# The same code builds both sizes. The classroom network is narrower and shallower and is trained from scratch; the big one's backbone is a 3D ResNet-101 trained on Kinetics-400 and kept frozen.
#
# Where paper, released code (github.com/maysonma/VAANet, commit cc54211; file and line) and JACK differ:
#
# | | paper | released code | here |
# |---|---|---|---|
# | visual backbone | the network is trained "end-to-end" (abstract) | frozen (`visual_stream.py` 41, `vaanet.py` 57); its batch norm still uses and updates the statistics of each batch (`train.py` 9) | as the code; classroom: trained from scratch |
# | start of the audio ResNet-18 | – | weights from ImageNet (`vaanet.py` 27) | random |
# | long audio | – | the first 4,096 MFCC frames, 48 s; the rest is left out (`ve8.py` 124 to 129) | as the code |
# | loss and data on Ekman-6 | reports results on it (abstract) | VE8 alone (`dataset.py` 18 to 22, `loss.py` 24) | any annotation file; PCCE with the polarity of its classes |
# | evaluation | – | random snippets and corners (`main.py` 41, `utils.py` 43); `test.py` is empty | the middle; `--evaluation released` draws |
# | which epoch counts | – | every epoch is saved, none is chosen (`validation.py` 38 to 44) | the last; `best.pth`, chosen on the validation clips, is kept as well |
# | classroom schedule | – | – | 12 epochs, batch 8, 1e-3; temporal attention 20 times as fast (section 5) |
#
# A dash: not compared. For this table only the paper's abstract could be read again; in α, β, γ and PCCE (sections 3 and 4) the code is what the formulas show.

# %% [markdown] lang="zh"
# ## 3 · 逐个部件看网络
#
# 两种规模用的是同一份代码。课堂版更窄更浅，从零开始训练；大的一版骨干网络是在 Kinetics-400 上预训练的 3D ResNet-101，训练时冻结。
#
# 论文、公开代码（github.com/maysonma/VAANet，提交 cc54211；括号里是文件和行）与 JACK 不同之处：
#
# | | 论文 | 公开代码 | 这里 |
# |---|---|---|---|
# | 视觉骨干网络 | 整个网络“端到端”训练（摘要） | 冻结（`visual_stream.py` 41，`vaanet.py` 57）；但其中的批归一化仍使用并更新每个批次的统计量（`train.py` 9） | 同代码；课堂设置从零开始训练 |
# | 音频 ResNet-18 的初值 | – | ImageNet 的权重（`vaanet.py` 27） | 随机 |
# | 长音频 | – | 只取前 4,096 帧 MFCC，即 48 秒，其余不用（`ve8.py` 124 至 129） | 同代码 |
# | Ekman-6 的损失与数据 | 报告了它的结果（摘要） | 只有 VE8（`dataset.py` 18 至 22，`loss.py` 24） | 任何标注文件；PCCE 用其类别的极性 |
# | 评估 | – | 随机取小段、随机裁角（`main.py` 41，`utils.py` 43）；`test.py` 是空文件 | 取正中；`--evaluation released` 随机取 |
# | 报告哪一轮 | – | 每一轮都保存，不作选择（`validation.py` 38 至 44） | 最后一轮；在验证视频上选出的 `best.pth` 也保留 |
# | 课堂的训练计划 | – | – | 12 轮，批大小 8，学习率 1e-3；时间注意力快 20 倍（第 5 节） |
#
# 短横表示没有对照：制作此表时，论文只有摘要可以重新查阅。α、β、γ 和 PCCE（第 3、4 节）的公式与代码一致。

# %%
paper = VAANetConfig.paper()
for name, value in asdict(paper).items():
    print(f"{name:17} paper {value!s:14} classroom {getattr(config, name)}")

# %%
runtime.seed(0)
net = VAANet(config)
jt.sync_all()  # Jittor is lazy: the first weights are drawn here, from this seed
net.eval()


def millions(network):
    return sum(np.prod(p.shape) for p in network.parameters()) / 1e6


# Jittor is lazy: the big network's shapes are known, its 98 million parameters are never computed.
big = millions(VAANet(paper))
print(f"classroom {millions(net):.2f} million parameters, paper {big:.1f} million")

# %% [markdown] lang="en"
# Two clips now go through the network line by line. Each line below is a line of `VAANet.execute` in `jacklib/networks/vaanet.py`; `shapes` records the shape of each result.
#
# **Visual features.** Every snippet goes through the 3D ResNet on its own, then `conv0` mixes its channels into the map that the paper calls $F$.

# %% [markdown] lang="zh"
# 下面让两段视频逐行通过网络。每一行都对应 `jacklib/networks/vaanet.py` 里 `VAANet.execute` 的一行，`shapes` 记下每步得到的形状。
#
# **视觉特征。** 每个小段单独通过 3D ResNet，再由 `conv0` 混合通道，得到论文里的特征图 $F$。

# %%
B, S = 2, config.seq_len
pair = [validation.load(i) for i in (0, 20)]
visual = jt.array(np.stack([clip.visual for clip in pair]))
audio = jt.array(np.stack([clip.audio for clip in pair]))
shapes = {"visual input": visual.shape}

x = visual.transpose(1, 0, 2, 3, 4, 5).reshape(S * B, *visual.shape[2:])
x = x / 255 - 100 / 255
x = net.resnet(x)
shapes["3D ResNet"] = x.shape
F = net.conv0(x.reshape(S * B, -1, net.m))
shapes["conv0: F"] = F.shape

# %% [markdown] lang="en"
# **Spatial attention** $\alpha$: one weight for each of the $m$ positions. A 1×1 convolution reduces the map to one channel, a linear layer mixes the positions, and the softmax distributes a fixed sum of $m$, so that 1 means "the same as uniform attention":
#
# $$\alpha = m\cdot\mathrm{softmax}\big(W\,\tanh(\mathrm{BN}(w^{\top}F))\big)$$
#
# **Channel attention** $\beta$ is computed in the same way on the transposed map, with sum $k$. Then the mean over the positions is taken.

# %% [markdown] lang="zh"
# **空间注意力** $\alpha$：$m$ 个位置各得一个权重。1×1 卷积压成一个通道，线性层混合各位置，softmax 把固定的总和 $m$ 分给它们，因此 1 表示“与均匀时一样多”：
#
# $$\alpha = m\cdot\mathrm{softmax}\big(W\,\tanh(\mathrm{BN}(w^{\top}F))\big)$$
#
# **通道注意力** $\beta$ 对转置后的特征图做同样的事，总和为 $k$。之后对位置取平均。

# %%
alpha = net.sa_net(F)
x = F * alpha.unsqueeze(1)
shapes["spatial attention α"] = alpha.shape

beta = net.cwa_net(x.transpose(0, 2, 1))
x = (x * beta.unsqueeze(2)).mean(2)
shapes["channel attention β"] = beta.shape

print("sum of α over the positions:", alpha.sum(1).numpy()[:3], "= m")
print("sum of β over the channels: ", beta.sum(1).numpy()[:3], "= k")

# %% [markdown] lang="en"
# **Temporal attention** $\gamma$: one weight per segment, with ReLU in place of the softmax, so that a segment can be switched off, and with an initial bias of 1, so that all segments are on when training starts:
#
# $$\gamma = \mathrm{ReLU}\big(W\,\tanh(\mathrm{BN}(w^{\top}X)) + b\big),\qquad b_{\text{start}} = 1$$

# %% [markdown] lang="zh"
# **时间注意力** $\gamma$：每个片段一个权重。这里不用 softmax 而用 ReLU，因此某个片段的权重可以为零；偏置初值为 1，所以训练之初所有片段的权重都不为零：
#
# $$\gamma = \mathrm{ReLU}\big(W\,\tanh(\mathrm{BN}(w^{\top}X)) + b\big),\qquad b_{\text{初始}} = 1$$

# %%
x = x.reshape(S, B, net.k).transpose(1, 2, 0)  # [B, k, S]
gamma = net.ta_net(x)
seen = (x * gamma.unsqueeze(1)).mean(2)
shapes["temporal attention γ"] = gamma.shape
shapes["visual vector"] = seen.shape

# %% [markdown] lang="en"
# **Audio.** The MFCC frames are cut into $n$ segments; each goes through a 2D ResNet-18 as an image with one channel, and temporal attention weights them. Finally the visual and the audio vector are concatenated, and a linear layer gives the class scores.

# %% [markdown] lang="zh"
# **音频。** MFCC 帧切成 $n$ 段，每段当作单通道图像通过 2D ResNet-18，再由时间注意力加权。最后把视觉和音频两个向量拼接起来，一个线性层给出各类的得分。

# %%
n = config.audio_n_segments
shapes["audio input"] = audio.shape
a = audio.reshape(B, n, 256, 32).transpose(1, 0, 2, 3).reshape(n * B, 1, 256, 32)
a = net.a_fc(net.a_resnet(a).reshape(n * B, -1))
shapes["audio embedding"] = a.shape
a = a.reshape(n, B, -1).transpose(1, 2, 0)  # [B, e, n]
audio_gamma = net.aa_net(a)
heard = (a * audio_gamma.unsqueeze(1)).mean(2)
shapes["audio attention"] = audio_gamma.shape
shapes["audio vector"] = heard.shape

logits = net.av_fc(jt.concat([seen, heard], dim=1))
shapes["logits"] = logits.shape

difference = np.abs(logits.numpy() - net(visual, audio).logits.numpy()).max()
print("largest difference from net(visual, audio):", difference)

# %%
from jacklib.core.shapes import AUDIO_FRAMES, backbone_channels, backbone_map


def expected_shapes(c, B):
    """The shapes above for any settings, by arithmetic alone."""
    _, side = backbone_map(c.snippet_duration, c.sample_size, len(c.blocks))
    S, k, m, n, e = c.seq_len, c.embed_size, side**2, c.audio_n_segments, c.audio_embed_size
    channels = backbone_channels(c.blocks, c.width)
    return {
        "visual input": [B, S, 3, c.snippet_duration, c.sample_size, c.sample_size],
        "3D ResNet": [S * B, channels, 1, side, side],
        "conv0: F": [S * B, k, m],
        "spatial attention α": [S * B, m],
        "channel attention β": [S * B, k],
        "temporal attention γ": [B, S],
        "visual vector": [B, k],
        "audio input": [B, AUDIO_FRAMES * n, 32],
        "audio embedding": [n * B, e],
        "audio attention": [B, n],
        "audio vector": [B, e],
        "logits": [B, c.n_classes],
    }


assert expected_shapes(config, B) == {name: list(shape) for name, shape in shapes.items()}
print(f"{'':22}{'classroom, B = 2':28}paper, B = 32")
for name, shape in expected_shapes(paper, 32).items():
    print(f"{name:22}{list(shapes[name])!s:28}{shape}")

# %% [markdown] lang="en"
# ## 4 · The loss: PCCE
#
# Mistaking joy for trust is a small error; mistaking joy for fear is a large one. **Polarity-consistent cross entropy** multiplies the loss of a video by $(1+\lambda)$ if prediction and truth differ in polarity (positive or negative):
#
# $$\mathcal{L} = \frac1N\sum_{i=1}^{N}\big(1+\lambda\,[\,\mathrm{pol}(\hat y_i)\neq\mathrm{pol}(y_i)\,]\big)\cdot\big(-\log p_i(y_i)\big),\qquad \lambda=0.5$$
#
# Here by hand for three videos that are all *Joy*, against `jacklib.networks.losses.pcce`:

# %% [markdown] lang="zh"
# ## 4 · 损失函数：PCCE
#
# 把喜悦误判为信任是小错，误判为恐惧则是大错。**极性一致交叉熵**（PCCE）规定：预测与真值的极性（正面或负面）不同时，这段视频的损失乘以 $(1+\lambda)$：
#
# $$\mathcal{L} = \frac1N\sum_{i=1}^{N}\big(1+\lambda\,[\,\mathrm{pol}(\hat y_i)\neq\mathrm{pol}(y_i)\,]\big)\cdot\big(-\log p_i(y_i)\big),\qquad \lambda=0.5$$
#
# 下面用三段标签都是*喜悦*（Joy）的视频手算一遍，与 `jacklib.networks.losses.pcce` 对照：

# %%
from jacklib.networks.losses import VE8_POSITIVE, pcce

names = training.class_names
joy = names.index("Joy")
print("positive:", ", ".join(names[c] for c in sorted(VE8_POSITIVE)))

scores = np.zeros((3, 8), np.float32)
for row, guess in enumerate(["Joy", "Trust", "Fear"]):
    scores[row, names.index(guess)] = 2.0
probability = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
cross_entropy = -np.log(probability[:, joy])
weights = np.array([1.0, 1.0, 1.5])  # only Fear is of the other polarity
for guess, ce, w in zip(["Joy", "Trust", "Fear"], cross_entropy, weights, strict=True):
    print(f"true Joy, predicted {guess:6} cross entropy {ce:.3f} x {w} = {ce * w:.3f}")
print("by hand", (cross_entropy * weights).mean(), "  pcce", pcce(scores, np.full(3, joy)).item())

# %% [markdown] lang="en"
# ## 5 · Training
#
# Adam and PCCE as in the released code, from random weights. The curves are updated after each epoch. With one seed the run repeats **bit for bit on the same machine** with the same versions. On a processor with other instructions sums are rounded otherwise; training enlarges such differences from the last digits to the first (notebook 06, section 7, has an example), so do not expect these numbers on another machine.
#
# One setting is our own: in the classroom, temporal attention learns 20 times faster than the rest (`attention_factor`). Its initial weights are large, and small steps change them little; the classifier may be right long before the attention has moved. Section 6 measures what the factor does.

# %% [markdown] lang="zh"
# ## 5 · 训练
#
# 与公开代码一样用 Adam 和 PCCE，权重从随机数开始。每轮（epoch）结束后曲线会更新。种子相同、版本相同，**在同一台机器上重跑，结果逐位相同**。换一种指令集不同的处理器，求和的舍入就不同；训练会把最后几位的差别放大到最前几位（06 的第 7 节有例子），所以不要期待在别的机器上得到同样的数。
#
# 有一处是我们自己的设置：课堂上时间注意力的学习率是其他部分的 20 倍（`attention_factor`）。它的初始权重较大，很小的更新几乎不会改变它；网络可能早已能分清这些视频，注意力却还没有变化。这个倍数有什么作用，第 6 节来测。

# %%
schedule = vaanet.SCHEDULES["classroom"]
print(schedule)

runtime.seed(0)
net = VAANet(config)
notes = asdict(config) | {"class_names": training.class_names, "network": "VAANet"}
history = vaanet.train(
    net, training, validation, schedule=schedule, run=vaanet.Run(CACHE, options=notes)
)
print(f"{sum(row['seconds'] for row in history):.0f} s of training")

# %% [markdown] lang="en"
# The value `attention` is the temporal attention on the planted event divided by what uniform attention would put there; uniform attention scores 1.0. The network is never told when the event happens; it is given only the label.

# %% [markdown] lang="zh"
# 记录里的 `attention` 表示：落在植入事件上的时间注意力，是均匀分布时的多少倍；均匀分布恰好得 1.0。没有人告诉网络事件何时发生，它得到的只有标签。

# %%
figure, ax = plt.subplots(figsize=(6, 2.4))
ax.plot([r["epoch"] for r in history], [r["attention"] for r in history], "o-", ms=3, color=BLUE)
ax.axhline(1, color="black", ls="--", lw=1)
ax.text(history[-1]["epoch"], 1.01, "uniform attention", ha="right", va="bottom")
ax.set(
    title="Temporal attention on the planted events (validation)",
    xlabel="epoch",
    ylabel="× uniform",
)
plt.show()

# %% [markdown] lang="en"
# ## 6 · Evaluation
#
# Evaluation takes the middle of each segment and crops the centre, so nothing is random. (The released code validates on random snippets and corners, so its results change from run to run.)

# %% [markdown] lang="zh"
# ## 6 · 评估
#
# 评估时每段取正中的帧、裁画面中心，没有任何随机成分。（公开代码的验证随机取小段、随机裁角，所以每次结果略有不同。）

# %%
result = vaanet.test(net, validation)
print(result.table())

# %%
from jacklib.training.evaluate import draw_confusion

figure = draw_confusion(result.confusion, result.class_names)
figure.set_dpi(80)
display(figure)

# %% [markdown] lang="en"
# ### Does the attention find the event?

# %% [markdown] lang="zh"
# ### 注意力找到事件了吗？

# %%
from jacklib.core.metrics import attention_on_truth

truth = vaanet.truths(validation)  # [64, S]
share = result.gamma / result.gamma.mean(1, keepdims=True)  # 1 = as much as the clip's mean
inside, outside = share[truth > 0.5].mean(), share[truth <= 0.5].mean()
ratio = attention_on_truth(result.gamma, truth)
print(f"temporal attention on the planted events: {ratio:.2f} times uniform")

figure, ax = plt.subplots(figsize=(5, 2.6))
bars = ax.bar(["inside the event", "outside"], [inside, outside], color=[ORANGE, GREY], width=0.5)
ax.bar_label(bars, fmt="%.2f")
ax.axhline(1, color="black", ls="--", lw=1, label="uniform attention")
ax.set(
    title=f"Mean γ of a segment, {len(validation)} validation clips",
    ylabel="γ / mean γ of the clip",
)
ax.set_ylim(0, max(inside, 1) * 1.2)
ax.legend(frameon=False)
plt.show()

# %% [markdown] lang="en"
# ### How to compare runs
#
# > **The rule, in all notebooks.** Does setting A do better than setting B?
# >
# > 1. **Pair by seed.** Train both with the same seeds: the two runs of a seed begin with the same weights where they can, and see the data in the same order. Look at the *differences*.
# > 2. **Show all values**, not only means and not only the best.
# > 3. **Count signs.** If A and B were equally good, each difference would be positive or negative like a tossed coin. Three pairs that agree: one case in four. Six that agree: 3%. So three seeds give hints. A hint is strong where the mean difference is many times its spread (the number after ±), and weak where it is not.
# > 4. **Say what was not varied.** Seeds vary the initial weights and the order of the data. Other videos, other people, other settings were not tried, so nothing is shown about them.
# >
# > `classroom.compare_runs` prints exactly this.
#
# An example: the factor of section 5. The runs were **made beforehand**, since each takes over a minute; the file says how.

# %% [markdown] lang="zh"
# ### 怎样比较两次运行
#
# > **所有笔记本共用的规则。** 设置 A 比设置 B 好吗？
# >
# > 1. **按种子配对。** 两种设置用同样的种子训练：同一个种子的两次运行，凡是可以相同的初始权重都相同，看数据的次序也相同。看的是*差值*。
# > 2. **列出全部数值**，不要只列平均，更不要只列最好的。
# > 3. **数正负号。** 如果 A 和 B 一样好，每个差值是正是负就像抛硬币。三对全部同号：四次里有一次。六对全部同号：3%。所以三个种子只给出迹象；平均差是离散程度（± 后面的数）的许多倍，迹象就强，否则就弱。
# > 4. **说明什么没有变动。** 换种子，变的是初始权重和数据的次序。别的视频、别的人、别的设置没有试过，因此什么也说明不了。
# >
# > `classroom.compare_runs` 打印的就是这些。
#
# 以第 5 节的倍数为例。每次训练要一分多钟，所以这些运行是**事先做好的**；做法写在文件里。

# %%
import json

measured = json.loads(rendered.annotation_path.with_name("vaanet_attention.json").read_text())
print(f"measured {measured['date']} on {measured['machine']} with\n  {measured['command']}\n")
for measure in ("attention", "accuracy"):
    runs = {"20 times as fast": {}, "as fast": {}}
    for run in measured["runs"]:
        runs["as fast" if run["attention_factor"] == 1 else "20 times as fast"][run["seed"]] = run[
            measure
        ]
    classroom.compare_runs(
        f"{measure}, last epoch", runs,
        fixed="the 192 rendered clips, the number of epochs, the network",
        fixed_zh="192 段渲染视频、训练轮数、网络",
    )  # fmt: skip
    print()

# %% [markdown] lang="en"
# Read accuracy and attention together: a high accuracy does not say that the attention has moved.

# %% [markdown] lang="zh"
# 准确率和注意力要一起看：准确率高，并不说明注意力已经变化。

# %% [markdown] lang="en"
# ## 7 · Look at the attention
#
# Choose a clip and move the slider: the large frame shows *where* the network attends in that segment, the strip above *when*. Hatching marks the planted event. (On a page without a running kernel, such as GitHub, only the first figure is shown.)
#
# The audio attention tells little here: a clip has only 276 MFCC frames, repeated to fill four segments of 256, so each segment covers nearly the whole clip.

# %% [markdown] lang="zh"
# ## 7 · 看看注意力
#
# 在菜单里选一段视频，拖动滑块：下方的大图显示网络在这个片段里注意*哪里*，上方的一排显示它注意*哪些时刻*。带斜线的是植入事件。（在 GitHub 这类没有内核运行的页面上，只能看到第一张图。）
#
# 这里的音频注意力意义不大：一段视频的声音只有 276 帧 MFCC，要循环补满 4 段、每段 256 帧，所以每段几乎都覆盖了整段音频。

# %%
from jacklib.widgets.attention import attention_widget

attention_widget(vaanet.attention_states(net, validation, first_of_class), lang=LANG)

# %% [markdown] lang="en"
# ### And on real film?
#
# The same network, never trained on film, now gets the clip from section 2. **Read this figure with care.** The network was trained on rendered shapes only; this is one animated film; and an AI model labelled it from still frames. Probabilities and attention show that the code runs on real film and audio. They do not show that the network knows anything about emotions in film.

# %% [markdown] lang="zh"
# ### 换成真实影片呢？
#
# 同一个网络没有用真实影片训练过，现在输入第 2 节的那段视频。**请谨慎解读这张图。** 网络只用渲染的图形训练过；素材只有一部动画短片；它的标签还是 AI 模型根据静止画面标注的。这里的概率和注意力只说明代码能处理真实的画面和声音，不代表网络能理解影片里的情感。

# %%
from jacklib.widgets.attention import render

(state,) = vaanet.attention_states(net, film, [number])
figure = render(state, lang=LANG)
figure.set_dpi(80)
display(figure)

# %%
on_film = vaanet.test(net, film)
right = int((on_film.predicted == on_film.labels).sum())
most = np.bincount(on_film.labels).max()
print(f"{right} of {len(film)} film clips right; guessing would get {len(film) / 8:.1f}, "
      f"always the film's most frequent class {most}")  # fmt: skip

# %% [markdown] lang="en"
# ## 8 · The paper's size: a GPU and the real VE8
#
# This is not a toy copy of the real code: `VAANetConfig.paper()` builds the paper's network, and the command line takes the real data. VE8's videos are available from their authors by e-mail (Jiang, Xu and Xue, *Predicting Emotions in User-Generated Videos*, AAAI 2014), the Kinetics weights `resnet-101-kinetics.pth` from the 3D-ResNets-PyTorch project. `docs/en/dataset.md` has the addresses. The next cell only prints the commands; they need a GPU.

# %% [markdown] lang="zh"
# ## 8 · 论文规模：GPU 与真实的 VE8
#
# 上面用的不是另写的玩具代码：`VAANetConfig.paper()` 就是论文的网络，命令行可以直接读真实数据。VE8 的视频需向作者申请（Jiang、Xu、Xue，*Predicting Emotions in User-Generated Videos*，AAAI 2014）；Kinetics 预训练权重 `resnet-101-kinetics.pth` 来自 3D-ResNets-PyTorch 项目，地址见 `docs/cn/数据集准备.md`。下一格只打印命令，实际运行需要 GPU。

# %%
print(VAANetConfig.paper())
print(vaanet.SCHEDULES["paper"])
print("""
# frames and sound out of the downloaded videos (VE8/videos/CLASS/ID.mp4)
bash script/run.sh prepare VE8/videos VE8 --annotations VE8/ve8_01.json

bash script/run.sh VAANet main --dataset ve8 \\
  --video_path VE8/img --audio_path VE8/mp3 --annotation_path VE8/ve8_01.json \\
  --resnet101_pretrained resnet-101-kinetics.pth --result_path results/ve8 \\
  --batch_size 32 --n_epochs 100 --learning_rate 2e-4

bash script/run.sh VAANet test --dataset ve8 \\
  --video_path VE8/img --audio_path VE8/mp3 --annotation_path VE8/ve8_01.json \\
  --checkpoint_path results/ve8/best.pth --result_path results/ve8

# one video of your own
bash script/run.sh VAANet test_singlevideo --video_path my_video.mp4 \\
  --checkpoint_path results/ve8/best.pth""")

# %% [markdown] lang="en"
# ## 9 · Exercises
#
# Each cell checks itself: ✓ right, ✗ wrong with a hint, ○ not done yet. Write your answer below `your answer here` and run the cell again.
#
# **Exercise 1 — segments.** At which frame does each snippet start in evaluation, if the clip is long enough? `n_frames` are divided into `seq_len` equal parts of whole frames, and each snippet lies in the middle of its part.

# %% [markdown] lang="zh"
# ## 9 · 练习
#
# 每一格都会自己检查：✓ 对，✗ 错（附提示），○ 还没做。在注明“在这里作答”的地方写代码，再运行一次该格。
#
# **练习 1——片段。** 视频足够长时，评估用的每个小段从第几帧开始？把 `n_frames` 帧等分成 `seq_len` 份（每份取整数帧），小段位于各份正中。


# %%
def segment_starts(n_frames, seq_len, snippet_duration):
    """A list of seq_len frame numbers."""
    ### BEGIN SOLUTION
    part = n_frames // seq_len
    first = part // 2 - snippet_duration // 2
    return [s * part + first for s in range(seq_len)]
    ### END SOLUTION


ok = classroom.check_function(
    "1 segments",
    segment_starts,
    [(case, tsn_indices(*case)[:, 0]) for case in [(96, 8, 8), (240, 12, 16), (301, 12, 16)]],
    hint="part = n_frames // seq_len; the middle of a part minus half a snippet.",
    hint_zh="part = n_frames // seq_len；用每份的中点减去半个小段。",
)

# %% [markdown] lang="en"
# **Exercise 2 — a softmax that sums to m.** `h` is an array `[N, m]`. Compute $\alpha = m\cdot\mathrm{softmax}(h)$ for each row.

# %% [markdown] lang="zh"
# **练习 2——总和为 m 的 softmax。** `h` 是形状为 `[N, m]` 的数组，逐行计算 $\alpha = m\cdot\mathrm{softmax}(h)$。


# %%
def spatial_attention(h):
    """[N, m] -> [N, m], each row summing to m."""
    ### BEGIN SOLUTION
    e = np.exp(h - h.max(axis=1, keepdims=True))
    return h.shape[1] * e / e.sum(axis=1, keepdims=True)
    ### END SOLUTION


h = np.random.default_rng(1).normal(size=(3, 4))
ok = classroom.check_function(
    "2 attention",
    spatial_attention,
    [(np.zeros((2, 16)), np.ones((2, 16))), (h, jt.nn.softmax(jt.array(h), dim=1).numpy() * 4)],
    tolerance=1e-5,
    hint="np.exp(h) over its sum along axis 1 (keepdims=True), times the number of columns.",
    hint_zh="np.exp(h) 除以沿轴 1 的和（keepdims=True），再乘列数。",
)

# %% [markdown] lang="en"
# **Exercise 3 — PCCE's weights.** By which factor is the loss of each video multiplied? `target` and `predicted` are lists of class indices, `positive` a set of them.

# %% [markdown] lang="zh"
# **练习 3——PCCE 的权重。** 每段视频乘多大的系数？`target` 和 `predicted` 是类别编号的列表，`positive` 是正面类别的集合。


# %%
def pcce_weights(target, predicted, positive, weight=0.5):
    """A list with one factor for each video."""
    ### BEGIN SOLUTION
    both = zip(target, predicted, strict=True)
    return [1 + weight * ((t in positive) != (p in positive)) for t, p in both]
    ### END SOLUTION


ok = classroom.check_function(
    "3 PCCE weights",
    pcce_weights,
    [
        (([4, 4, 4], [4, 7, 3], {1, 4, 6, 7}), [1.0, 1.0, 1.5]),
        (([0, 2, 5, 6], [1, 3, 4, 0], {1, 4, 6, 7}, 1.0), [2.0, 1.0, 2.0, 2.0]),
    ],
    hint="(t in positive) != (p in positive) is true when the polarity differs.",
    hint_zh="极性不同时，(t in positive) != (p in positive) 为真。",
)

# %% [markdown] lang="en"
# **Exercise 4 — does the strongest segment lie in the event?** For each validation clip take the segment with the largest γ (`result.gamma`, `[64, 8]`). In what fraction of the clips does it lie in the event (`truth` is 1 there)? A segment chosen at random would hit in 3 of 8 cases.

# %% [markdown] lang="zh"
# **练习 4——权重最大的片段落在事件里吗？** 对每段验证视频找出 γ（`result.gamma`，`[64, 8]`）最大的片段。它落在事件里（那里 `truth` 为 1）的视频占多大比例？随机选择的命中率是 3/8。

# %%
hit_share = ...
### BEGIN SOLUTION
hit_share = truth[np.arange(len(truth)), result.gamma.argmax(1)].mean()
### END SOLUTION
ok = classroom.check_value(
    "4 strongest segment",
    hit_share,
    np.take_along_axis(truth, result.gamma.argmax(1)[:, None], 1).mean(),
    hint="result.gamma.argmax(1) gives one segment per clip; look these up in truth.",
    hint_zh="result.gamma.argmax(1) 给出每段视频的一个片段，再到 truth 里查。",
)

# %% [markdown] lang="en"
# **Exercise 5 — the ends of the scale.** An event fills 3 of 8 segments. What does `attention_on_truth` give (a) when γ is the same everywhere, (b) when all of γ lies inside the event? Think first; then try it out.

# %% [markdown] lang="zh"
# **练习 5——刻度的两端。** 事件占 8 个片段中的 3 个。下面两种情况 `attention_on_truth` 各是多少：(a) γ 处处相同；(b) γ 全部落在事件里？先想，再动手验证。

# %%
uniform_score = ...
perfect_score = ...
### BEGIN SOLUTION
uniform_score = 1.0
perfect_score = 8 / 3  # all of the attention where uniform attention has 3/8 of it
### END SOLUTION
hint = (
    "The fraction of γ inside the event, divided by the fraction that uniform attention has there."
)
hint_zh = "事件里的 γ 占总量的比例，除以均匀分布时的比例。"
ok = classroom.check_value("5a uniform", uniform_score, 1.0, hint=hint, hint_zh=hint_zh)
ok = classroom.check_value(
    "5b perfect", perfect_score, 8 / 3, tolerance=0.01, hint=hint, hint_zh=hint_zh
)

# %% [markdown] lang="en"
# **To go on:** train with other seeds and compare them by the rule of section 6; set `n_epochs` to 3 and look at γ again; give your own video to `bash script/run.sh VAANet test_singlevideo`.

# %% [markdown] lang="zh"
# **还可以试试：** 换几个种子再训练，按第 6 节的规则比较；把 `n_epochs` 改成 3，再看看 γ；用 `bash script/run.sh VAANet test_singlevideo` 处理自己的视频。

# %%
solved, total = classroom.summary()
