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
# | **You can afterwards** | turn a video into the arrays that a network takes; compute spatial, channel and temporal attention by hand; explain what PCCE changes in training; split a class score into the contributions of single segments; judge attention against a known event and two runs against each other |
# | **You should know** | convolution in 2D and 3D, batch normalisation, softmax, cross entropy, one training loop (any course on deep learning); Jittor in a few lines (notebook 00) |
# | **Minutes** | you 100 · machine 2 (4 to 5 if other programs keep the processor busy) |
# | **Core** | sections 1 to 6; extra: 7, 8 |
# | **Needs** | this repository; no GPU, no download |
# | **Paper** | Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020 ([arXiv 2003.00832](https://arxiv.org/abs/2003.00832)) |
#
# ![VAANet: an image stream with spatial, channel and temporal attention, an audio stream with temporal attention, both concatenated for the classifier](img/vaanet.en.svg)
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it.

# %% [markdown] lang="zh"
# # 04 · VAANet：视频的情感藏在哪些时刻？
#
# | | |
# |---|---|
# | **学完你能** | 把视频变成网络的输入数组；手算空间、通道和时间注意力；说明 PCCE 在训练中改变了什么；把类别得分分解成各片段的贡献；对照已知事件评判注意力，并比较两次训练 |
# | **需要先会** | 二维和三维卷积、批归一化、softmax、交叉熵、基本的训练循环（任一深度学习入门课）；Jittor 的基本用法（笔记本 00） |
# | **用时（分钟）** | 你 100 · 机器 2（如果还有别的程序占着 CPU，要 4 到 5） |
# | **必学** | 第 1 至 6 节；选学：7、8 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |
# | **论文** | Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020（[arXiv 2003.00832](https://arxiv.org/abs/2003.00832)） |
#
# ![VAANet：视觉流带空间、通道和时间注意力，音频流带时间注意力，两者拼接后分类](../img/vaanet.zh.svg)
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
from dataclasses import asdict
from pathlib import Path

import jittor as jt
import numpy as np

from jacklib.methods import vaanet
from jacklib.networks import VAANet, VAANetConfig

CACHE = Path("results/vaanet")  # git ignores it

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · The task and the idea ★
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

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 任务与思路 ★
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
# ### ✎ 04.1 · Which baseline? · recall ●○○
#
# Somebody reports an accuracy on VE8 (split `ve8_01`). With which accuracy do you compare it? Write it as a fraction of 1, to three digits.

# %% [markdown] lang="zh"
# ### ✎ 04.1 · 用哪个基线？ · 记忆 ●○○
#
# 有人报告了 VE8（划分 `ve8_01`）上的准确率。应当与多高的准确率相比？写成小数，保留三位有效数字。

# %% tags=["exercise"]
baseline = ...
classroom.check("04.1", baseline)

# %% [markdown] lang="en"
# ## 2 · From a film to arrays ★
#
# Real film first: clips from *Big Buck Bunny* (© 2008 Blender Foundation, CC BY 3.0) that come with JACK. The first call unpacks them into frames and audio, in the layout that VE8 uses.

# %% [markdown] lang="zh"
# ## 2 · 从影片到数组 ★
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

# %% tags=["slide"]
show.clip(item)

# %% [markdown] lang="en"
# ### The audio
#
# The network's audio input is not the waveform (above, under the frames) but its **MFCC** (mel-frequency cepstral coefficients): about 86 frames per second, each with 32 coefficients. They are a cosine transform of the log energies in mel bands, that is, bands that are narrow at low and wide at high frequencies, as in hearing: the low coefficients describe the coarse shape of the spectrum, the high ones its details. Coefficient 0 follows loudness and is far larger than the rest, so the figure shows each coefficient relative to its own mean and standard deviation.

# %% [markdown] lang="zh"
# ### 音频
#
# 网络的音频输入不是（上图画面下方的）波形，而是 **MFCC**（梅尔频率倒谱系数）：每秒约 86 帧，每帧 32 个系数。做法是先求各梅尔频带（低频窄、高频宽，与听觉相似）的对数能量，再做余弦变换：低阶系数描述频谱的大致形状，高阶系数描述细节。第 0 个系数反映响度，数值远大于其他系数，所以图中每个系数都减去自己的均值、再除以标准差。

# %%
from jacklib.data.audio import SAMPLE_RATE, mfcc, read_audio

wave = read_audio(item.audio_file)
features = mfcc(wave)  # [frames, 32]
seconds = len(wave) / SAMPLE_RATE
print("waveform", wave.shape, "-> MFCC", features.shape)

standardised = (features - features.mean(0)) / features.std(0)
show.spectrum(standardised, seconds, title="MFCC", unit="standard deviations")

# %% [markdown] lang="en"
# ### Which frames: temporal segment sampling (TSN)
#
# A video may be long; the network takes a fixed number of frames. The list of frames is cut into $S$ equal **segments**, and a **snippet** of consecutive frames is taken from each: at a random position during training, from the middle during evaluation. The paper uses $S=12$ snippets of 16 frames, this notebook $S=8$ of 8. A clip that is too short is repeated from its beginning.

# %% [markdown] lang="zh"
# ### 取哪些帧：时间片段采样（TSN）
#
# 视频有长有短，网络需要的帧数却是固定的。做法是把所有帧等分为 $S$ 个**片段**（segment），从每段取出连续的几帧，称为一个**小段**（snippet）：训练时位置随机，评估时取正中。论文用 $S=12$、每段 16 帧；本笔记本用 $S=8$、每段 8 帧。太短的视频从头循环补足。

# %% tags=["slide"]
from jacklib.data.transforms import tsn_indices

draws = {"evaluation": None}
for epoch in (1, 2):
    draws[f"training, epoch {epoch}"] = np.random.default_rng([0, epoch])
taken = {
    name: tsn_indices(item.n_frames, config.seq_len, config.snippet_duration, rng)
    for name, rng in draws.items()
}  # each [8, 8]: the frame numbers of 8 snippets
show.sampling(taken, item.n_frames)

# %% [markdown] lang="en"
# ### ✎ 04.2 · Where do the snippets begin? · apply ●●○
#
# At which frame does each snippet start in evaluation, if the clip is long enough? `n_frames` are divided into `seq_len` equal parts of whole frames, and each snippet lies in the middle of its part.

# %% [markdown] lang="zh"
# ### ✎ 04.2 · 小段从第几帧开始？ · 应用 ●●○
#
# 视频足够长时，评估用的每个小段从第几帧开始？把 `n_frames` 帧等分成 `seq_len` 份（每份取整数帧），小段位于各份正中。


# %% tags=["exercise"]
def segment_starts(n_frames, seq_len, snippet_duration):
    """A list of seq_len frame numbers."""
    ...


classroom.check("04.2", segment_starts)

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
from jacklib.data.video import frame_file, read_frame

frame = read_frame(frame_file(item.frame_folder, 60))
drawn = {"evaluation": TransformDraw()}
for k in (1, 3, 0, 10, 4):  # five draws of training
    draw = draw_transform(np.random.default_rng(k), augment=True)
    effect = f"{draw.effect} {draw.amount:.2g}" if draw.effect else "—"
    drawn[f"{draw.crop}\n{effect}"] = draw
squares = {n: apply_transform(frame[None], d, config.sample_size)[0] for n, d in drawn.items()}
show.images({"the frame": frame} | squares)

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

# %% tags=["slide"]
truth = vaanet.truths(validation)  # [64, S]: fraction of each segment in the event
first_of_class = [next(i for i, x in enumerate(validation.items) if x.label == c) for c in range(8)]
show.clips(validation, first_of_class, truth)

# %% [markdown] lang="en"
# ## 3 · The network, part by part ★
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
# ## 3 · 逐个部件看网络 ★
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
show.settings(config, paper)

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

# %% [markdown] lang="en" tags=["slide"]
# **Spatial attention** $\alpha$: one weight for each of the $m$ positions. A 1×1 convolution reduces the map to one channel, a linear layer mixes the positions, and the softmax distributes a fixed sum of $m$, so that 1 means "the same as uniform attention":
#
# $$\alpha = m\cdot\mathrm{softmax}\big(W\,\tanh(\mathrm{BN}(w^{\top}F))\big)$$
#
# **Channel attention** $\beta$ is computed in the same way on the transposed map, with sum $k$. Then the mean over the positions is taken.

# %% [markdown] lang="zh" tags=["slide"]
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

# %% [markdown] lang="en" tags=["slide"]
# **Temporal attention** $\gamma$: one weight per segment, with ReLU in place of the softmax, so that a segment can be switched off, and with an initial bias of 1, so that all segments are on when training starts:
#
# $$\gamma = \mathrm{ReLU}\big(W\,\tanh(\mathrm{BN}(w^{\top}X)) + b\big),\qquad b_{\text{start}} = 1$$

# %% [markdown] lang="zh" tags=["slide"]
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
show.shapes(shapes, config, paper, B)

# %% [markdown] lang="en"
# (The table checks itself: each formula in its second column must give the shape that was measured.)
#
# ### ✎ 04.3 · A softmax that sums to m · apply ●○○
#
# `h` is an array `[N, m]`. Compute $\alpha = m\cdot\mathrm{softmax}(h)$ for each row.

# %% [markdown] lang="zh"
# （这张表会自己核对：第二列的公式必须给出测得的形状。）
#
# ### ✎ 04.3 · 总和为 m 的 softmax · 应用 ●○○
#
# `h` 是形状为 `[N, m]` 的数组，逐行计算 $\alpha = m\cdot\mathrm{softmax}(h)$。


# %% tags=["exercise"]
def spatial_attention(h):
    """[N, m] -> [N, m], each row summing to m."""
    ...


classroom.check("04.3", spatial_attention)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · The loss: PCCE ★
#
# Mistaking joy for trust is a small error; mistaking joy for fear is a large one. **Polarity-consistent cross entropy** multiplies the loss of a video by $(1+\lambda)$ if prediction and truth differ in polarity (positive or negative):
#
# $$\mathcal{L} = \frac1N\sum_{i=1}^{N}\big(1+\lambda\,[\,\mathrm{pol}(\hat y_i)\neq\mathrm{pol}(y_i)\,]\big)\cdot\big(-\log p_i(y_i)\big),\qquad \lambda=0.5$$
#
# Here by hand for three videos that are all *Joy*, against `jacklib.networks.losses.pcce`:

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 损失函数：PCCE ★
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
# ### ✎ 04.4 · PCCE's weights · apply ●○○
#
# By which factor is the loss of each video multiplied? `target` and `predicted` are lists of class indices, `positive` a set of them, `weight` is $\lambda$.

# %% [markdown] lang="zh"
# ### ✎ 04.4 · PCCE 的权重 · 应用 ●○○
#
# 每段视频的损失乘多大的系数？`target` 和 `predicted` 是类别编号的列表，`positive` 是正面类别的集合，`weight` 就是 $\lambda$。


# %% tags=["exercise"]
def pcce_weights(target, predicted, positive, weight=0.5):
    """A list with one factor for each video."""
    ...


classroom.check("04.4", pcce_weights)

# %% [markdown] lang="en"
# ### ✎ 04.5 · What does the weight do to the gradient? · analyse ●●○
#
# A *Joy* video is predicted as *Fear*. Compare the gradient of its loss by its eight class scores with and without PCCE's factor. **a** It points more towards the positive classes (trust, surprise, anticipation). **b** It points the same way and is longer. **c** It does not change: the factor is a constant. (Try it: `jt.grad(loss, scores)`.)

# %% [markdown] lang="zh"
# ### ✎ 04.5 · 权重怎样改变梯度？ · 分析 ●●○
#
# 一段标签为*喜悦*的视频被预测为*恐惧*。它的损失对八个类别得分的梯度，乘与不乘 PCCE 的系数有什么不同？**a** 更偏向正面类别（信任、惊讶、期待）。**b** 方向不变，长度变大。**c** 没有变化：系数是常数。（可以动手试：`jt.grad(loss, scores)`。）

# %% tags=["exercise"]
effect = ...  # "a", "b" or "c"
classroom.check("04.5", effect)

# %% [markdown] lang="en"
# ## 5 · Training ★
#
# Adam and PCCE as in the released code, from random weights. The curves are updated after each epoch. With one seed the run repeats **bit for bit on the same machine** with the same versions. On a processor with other instructions sums are rounded otherwise; training enlarges such differences from the last digits to the first (notebook 06, section 7, has an example), so do not expect these numbers on another machine.
#
# One setting is our own: in the classroom, temporal attention learns 20 times faster than the rest (`attention_factor`). Its initial weights are large, and small steps change them little; the classifier may be right long before the attention has moved. Section 6 measures what the factor does.

# %% [markdown] lang="zh"
# ## 5 · 训练 ★
#
# 与公开代码一样用 Adam 和 PCCE，权重从随机数开始。每轮（epoch）结束后曲线会更新。种子相同、版本相同，**在同一台机器上重跑，结果逐位相同**。换一种指令集不同的处理器，求和的舍入就不同；训练会把最后几位的差别放大到最前几位（06 的第 7 节有例子），所以不要期待在别的机器上得到同样的数。
#
# 有一处是我们自己的设置：课堂上时间注意力的学习率是其他部分的 20 倍（`attention_factor`）。它的初始权重较大，很小的更新几乎不会改变它；网络可能早已能分清这些视频，注意力却还没有变化。这个倍数有什么作用，第 6 节来测。

# %% [markdown] lang="en"
# **Guess before you run.** After training, how many times as much temporal attention will lie on the planted events as uniform attention would put there? 1.0 is as much; 8/3 is all of it, since an event fills three of eight segments.

# %% [markdown] lang="zh"
# **先猜再运行。** 训练之后，落在植入事件上的时间注意力会是均匀分布时的多少倍？1.0 表示一样多；事件占八个片段中的三个，所以 8/3 表示全部落在事件上。

# %%
guess = ...
classroom.predict("04.p1", guess)

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

# %% tags=["slide"]
show.curves(
    [row["epoch"] for row in history],
    {"temporal attention": [row["attention"] for row in history]},
    {"uniform attention": 1}, unit="× uniform",
)  # fmt: skip

# %% [markdown] lang="en"
# ## 6 · Evaluation ★
#
# Evaluation takes the middle of each segment and crops the centre, so nothing is random. (The released code validates on random snippets and corners, so its results change from run to run.)

# %% [markdown] lang="zh"
# ## 6 · 评估 ★
#
# 评估时每段取正中的帧、裁画面中心，没有任何随机成分。（公开代码的验证随机取小段、随机裁角，所以每次结果略有不同。）

# %%
result = vaanet.test(net, validation)
print(result.table())

# %% tags=["slide"]
show.confusion(result.confusion, result.class_names)

# %% [markdown] lang="en"
# ### Does the attention find the event?

# %% [markdown] lang="zh"
# ### 注意力找到事件了吗？

# %% tags=["slide"]
from jacklib.core.metrics import attention_on_truth

share = result.gamma / result.gamma.mean(1, keepdims=True)  # 1 = as much as the clip's mean
inside, outside = share[truth > 0.5].mean(), share[truth <= 0.5].mean()
ratio = attention_on_truth(result.gamma, truth)
print(f"temporal attention on the planted events: {ratio:.2f} times uniform")
classroom.reveal("04.p1", round(ratio, 2))
show.bars(
    {"inside the event": inside, "outside": outside}, {"uniform attention": 1},
    unit="γ / mean γ of the clip", marked=["inside the event"],
)  # fmt: skip

# %% [markdown] lang="en"
# ### ✎ 04.6 · The ends of the scale · apply ●○○
#
# An event fills 3 of 8 segments. What does `attention_on_truth` give when γ is the same everywhere, and when all of γ lies inside the event? Answer with both, `(uniform, perfect)`, to three digits.

# %% [markdown] lang="zh"
# ### ✎ 04.6 · 刻度的两端 · 应用 ●○○
#
# 事件占 8 个片段中的 3 个。γ 处处相同时，`attention_on_truth` 是多少？γ 全部落在事件里时呢？用 `(均匀, 最高)` 作答，保留三位有效数字。

# %% tags=["exercise"]
ends = ...  # (uniform, perfect)
classroom.check("04.6", ends)

# %% [markdown] lang="en"
# ### ✎ 04.7 · Does the strongest segment lie in the event? · apply ●●○
#
# For each validation clip take the segment with the largest γ (`result.gamma`, `[64, 8]`). In what fraction of the clips does it lie in the event (`truth` is 1 there)? A segment chosen at random would hit in 3 of 8 cases.

# %% [markdown] lang="zh"
# ### ✎ 04.7 · 权重最大的片段落在事件里吗？ · 应用 ●●○
#
# 对每段验证视频找出 γ（`result.gamma`，`[64, 8]`）最大的片段。它落在事件里（那里 `truth` 为 1）的视频占多大比例？随机选择的命中率是 3/8。

# %% tags=["exercise"]
hit_share = ...
classroom.check("04.7", hit_share, gamma=result.gamma, truth=truth)

# %% [markdown] lang="en" tags=["slide"]
# ### Large γ, large contribution?
#
# γ multiplies a segment's features, but what reaches a class score also depends on the features. After the weighted mean the network is linear, so the score can be split exactly. With $x_s$ the features of segment $s$ (`[k]`), $w_c$ the classifier's weights of class $c$ for the image stream, and $S$ segments:
#
# $$z_c = \sum_{s=1}^{S}\underbrace{\tfrac1S\,\gamma_s\,w_c^{\top}x_s}_{\text{contribution of segment } s} + \text{audio} + \text{bias}$$
#
# The next cell collects $x$ for all validation clips, with the lines of section 3.

# %% [markdown] lang="zh" tags=["slide"]
# ### γ 大，贡献就大吗？
#
# γ 乘在片段的特征上，但传到类别得分的还取决于特征本身。加权平均之后网络是线性的，得分可以精确地分解。设 $x_s$ 是片段 $s$ 的特征（`[k]`），$w_c$ 是分类器中类别 $c$ 对视觉流的权重，共 $S$ 个片段：
#
# $$z_c = \sum_{s=1}^{S}\underbrace{\tfrac1S\,\gamma_s\,w_c^{\top}x_s}_{\text{片段 } s \text{ 的贡献}} + \text{音频} + \text{偏置}$$
#
# 下一格用第 3 节的那几行，求出所有验证视频的 $x$。

# %%
from jacklib.data.video import batches


def segment_features(net, visual):
    """[B, S, 3, T, H, W] -> x, [B, k, S]: what γ is multiplied with."""
    B = len(visual)
    x = jt.array(visual).transpose(1, 0, 2, 3, 4, 5).reshape(S * B, *visual.shape[2:])
    F = net.conv0(net.resnet(x / 255 - 100 / 255).reshape(S * B, -1, net.m))
    x = F * net.sa_net(F).unsqueeze(1)
    x = (x * net.cwa_net(x.transpose(0, 2, 1)).unsqueeze(2)).mean(2)
    return x.reshape(S, B, net.k).transpose(1, 2, 0).numpy()


net.eval()
with jt.no_grad():
    x = [segment_features(net, batch.visual) for batch in batches(validation, batch_size=8)]
features = np.concatenate(x)  # [64, k, S]
w = net.av_fc.weight.numpy()[:, : net.k]  # [8, k]: the image stream's part
print("features", features.shape, " weights", w.shape)

# %% [markdown] lang="en"
# ### ✎ 04.8a · What a segment contributes · apply ●●○
#
# Write the contributions of one clip's segments to one class score.

# %% [markdown] lang="zh"
# ### ✎ 04.8a · 一个片段的贡献 · 应用 ●●○
#
# 求一段视频的各个片段对某一类得分的贡献。


# %% tags=["exercise"]
def contribution(x, gamma, w):
    """x [k, S], gamma [S], w [k] of the class -> [S]."""
    ...


classroom.check("04.8a", contribution)

# %% [markdown] lang="en"
# ### ✎ 04.8b · Where γ and contribution disagree · analyse ●●●
#
# For how many of the 64 validation clips is the segment with the largest γ *not* the one that contributes most to the score of the predicted class (`result.predicted`)?

# %% [markdown] lang="zh"
# ### ✎ 04.8b · γ 与贡献何时不一致？ · 分析 ●●●
#
# 64 段验证视频中，有多少段的 γ 最大的片段*不是*对预测类别（`result.predicted`）得分贡献最大的片段？

# %% tags=["exercise"]
disagree = ...
classroom.check(
    "04.8b", disagree, features=features, gamma=result.gamma, w=w, predicted=result.predicted
)

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

# %% tags=["slide"]
measured = json.loads(rendered.annotation_path.with_name("vaanet_attention.json").read_text())
print(f"measured {measured['date']} on {measured['machine']} with\n  {measured['command']}\n")
axes = show.panels(2, width=7)
for ax, measure, level in zip(axes, ("attention", "accuracy"), (1, 1 / 8), strict=True):
    runs = {"20 times as fast": {}, "as fast": {}}
    for run in measured["runs"]:
        name = "as fast" if run["attention_factor"] == 1 else "20 times as fast"
        runs[name][run["seed"]] = run[measure]
    show.runs(runs, level, title=measure, ax=ax)
    classroom.compare_runs(
        f"{measure}, last epoch", runs,
        fixed="the 192 rendered clips, the number of epochs, the network",
        fixed_zh="192 段渲染视频、训练轮数、网络",
    )  # fmt: skip
    print()

# %% [markdown] lang="en"
# (Each dot is a run, with its seed; runs of one seed are joined. Bars: means; dashed: uniform attention and guessing.) Read accuracy and attention together: a high accuracy does not say that the attention has moved.
#
# ### ✎ 04.9 · What may you say? · analyse ●●○
#
# Which sentence do these six runs support best? **a** The factor makes the network more accurate: no pair got worse. **b** The factor raises the attention on the events; whether it changes the accuracy, the runs leave open. **c** More attention on the events makes the network more accurate. **d** Nothing: three seeds are too few for any statement.

# %% [markdown] lang="zh"
# （每个点是一次运行，旁边是种子；同一个种子的两次相连。横线：平均；虚线：均匀注意力与随机猜测。）准确率和注意力要一起看：准确率高，并不说明注意力已经变化。
#
# ### ✎ 04.9 · 可以下什么结论？ · 分析 ●●○
#
# 这六次运行最支持哪一句？**a** 这个倍数提高了准确率：没有一对变差。**b** 这个倍数使落在事件上的注意力增加；准确率是否改变，这些运行没有给出答案。**c** 注意力越集中在事件上，网络越准确。**d** 什么也说明不了：三个种子太少。

# %% tags=["exercise"]
supported = ...  # "a", "b", "c" or "d"
classroom.check("04.9", supported)

# %% [markdown] lang="en"
# ## 7 · Look at the attention ☆
#
# Choose a clip and move the slider: the large frame shows *where* the network attends in that segment, the strip above *when*. Hatching marks the planted event. (On a page without a running kernel, such as GitHub, only the first figure is shown.)
#
# The audio attention tells little here: a clip has only 276 MFCC frames, repeated to fill four segments of 256, so each segment covers nearly the whole clip.

# %% [markdown] lang="zh"
# ## 7 · 看看注意力 ☆
#
# 在菜单里选一段视频，拖动滑块：下方的大图显示网络在这个片段里注意*哪里*，上方的一排显示它注意*哪些时刻*。带斜线的是植入事件。（在 GitHub 这类没有内核运行的页面上，只能看到第一张图。）
#
# 这里的音频注意力意义不大：一段视频的声音只有 276 帧 MFCC，要循环补满 4 段、每段 256 帧，所以每段几乎都覆盖了整段音频。

# %%
from jacklib.widgets.attention import attention_widget

attention_widget(vaanet.attention_states(net, validation, first_of_class), lang=LANG)

# %% [markdown] lang="en"
# ### ✎ 04.10 · Hide the clue · create ●●●
#
# Write `hide_clue(visual)`, which changes **at most a fifth** of a clip's pixel values (`[8, 3, 8, 64, 64]`, 0 to 255) so that the network is right on **at most half** of the clips. It gets one clip, and neither its label nor the network. It is tried on 16 clips that were rendered from another seed; their audio stays. Look at section 2: what do the events have in common, and where does the network attend? Many answers are right.

# %% [markdown] lang="zh"
# ### ✎ 04.10 · 藏起线索 · 创造 ●●●
#
# 写一个 `hide_clue(visual)`：最多改动一段视频**五分之一**的像素值（`[8, 3, 8, 64, 64]`，0 到 255），使网络答对的视频**不超过一半**。函数只得到一段视频，不知道标签，也不能用网络。检查用的是另一个种子渲染的 16 段视频，音频不变。看看第 2 节：各种事件有什么共同之处？网络注意哪里？答案不止一种。


# %% tags=["exercise"]
def hide_clue(visual):
    """A changed copy of one clip, [S, 3, T, H, W], 0 to 255."""
    ...


classroom.check("04.10", hide_clue, net=net)

# %% [markdown] lang="en"
# ### And on real film?
#
# The same network, never trained on film, now gets the clip from section 2. **Read this figure with care.** The network was trained on rendered shapes only; this is one animated film; and an AI model labelled it from still frames. Probabilities and attention show that the code runs on real film and audio. They do not show that the network knows anything about emotions in film.

# %% [markdown] lang="zh"
# ### 换成真实影片呢？
#
# 同一个网络没有用真实影片训练过，现在输入第 2 节的那段视频。**请谨慎解读这张图。** 网络只用渲染的图形训练过；素材只有一部动画短片；它的标签还是 AI 模型根据静止画面标注的。这里的概率和注意力只说明代码能处理真实的画面和声音，不代表网络能理解影片里的情感。

# %%
from IPython.display import display

from jacklib.widgets.attention import render

(state,) = vaanet.attention_states(net, film, [number])
display(render(state, lang=LANG))

# %%
guess = ...  # how many of the 11 film clips are right?
classroom.predict("04.p2", guess)

# %%
on_film = vaanet.test(net, film)
right = int((on_film.predicted == on_film.labels).sum())
most = np.bincount(on_film.labels).max()
print(f"{right} of {len(film)} film clips right; guessing would get {len(film) / 8:.1f}, "
      f"always the film's most frequent class {most}")  # fmt: skip
classroom.reveal("04.p2", right)

# %% [markdown] lang="en"
# ## 8 · The paper's size: a GPU and the real VE8 ☆
#
# This is not a toy copy of the real code: `VAANetConfig.paper()` builds the paper's network, and the command line takes the real data. VE8's videos are available from their authors by e-mail (Jiang, Xu and Xue, *Predicting Emotions in User-Generated Videos*, AAAI 2014), the Kinetics weights `resnet-101-kinetics.pth` from the 3D-ResNets-PyTorch project. `docs/en/dataset.md` has the addresses. The next cell only prints the commands; they need a GPU.

# %% [markdown] lang="zh"
# ## 8 · 论文规模：GPU 与真实的 VE8 ☆
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
# ## Quiz
#
# Write a letter for each question and run the cell again: every answer gets its comment.

# %% [markdown] lang="zh"
# ## 小测验
#
# 为每题写一个字母，再运行一次：每个答案都有点评。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("04", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# VAANet learns from one label per video and multiplies its features by four attentions: where, which features, when to look, when to listen. Its loss, PCCE, makes errors across polarity count more. Whether attention finds what matters can be measured only where the truth is known, and even then a large weight is not the same as a large contribution.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# VAANet 只从每段视频的一个标签学习，给特征乘上四种注意力：看哪里、哪些特征、何时看、何时听。它的损失 PCCE 让跨极性的错误占更大的比重。注意力是否找到了要紧之处，只有知道真值才能测量；即便如此，权重大也不等于贡献大。

# %% [markdown] lang="en"
# ## References
#
# - S. Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020: the network and PCCE.
# - Y.-G. Jiang, B. Xu and X. Xue, *Predicting Emotions in User-Generated Videos*, AAAI 2014: the data set VE8.
# - The released code of VAANet, github.com/maysonma/VAANet, commit cc54211: the table in section 3.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - S. Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020：网络与 PCCE。
# - Y.-G. Jiang、B. Xu、X. Xue，*Predicting Emotions in User-Generated Videos*，AAAI 2014：数据集 VE8。
# - VAANet 的公开代码，github.com/maysonma/VAANet，提交 cc54211：第 3 节的对照表。

# %% [markdown] lang="en"
# ## To go on
#
# Train with other seeds and compare them by the rule of section 6; set `n_epochs` to 3 and look at γ again; give your own video to `bash script/run.sh VAANet test_singlevideo`.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 换几个种子再训练，按第 6 节的规则比较；把 `n_epochs` 改成 3，再看看 γ；用 `bash script/run.sh VAANet test_singlevideo` 处理自己的视频。

# %%
solved, total = classroom.summary()
