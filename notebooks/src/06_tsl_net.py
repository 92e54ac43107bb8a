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
# # 06 · TSL-Net: when does a long video move us?
#
# | | |
# |---|---|
# | **Needs** | this repository and `05_cten`; no GPU, no download |
# | **Takes** | 3 to 4 minutes on two idle CPU cores, nearly all of it training, and more if other programs keep them busy; the very first time, a minute and a half more to render the sample videos |
# | **You will see** | long videos with one marked frame per segment, pseudo labels that grow from these marks, a training run, a loss term whose sign differs between paper and code, and a timeline to explore |
# | **Paper** | Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 ([doi 10.1145/3503161.3548007](https://doi.org/10.1145/3503161.3548007)) |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it.

# %% [markdown] lang="zh"
# # 06 · TSL-Net：长视频里，情感何时出现？
#
# | | |
# |---|---|
# | **需要** | 本仓库，并先看过 `05_cten`；不需要 GPU，也不用下载 |
# | **用时** | 双核 CPU 空闲时 3 到 4 分钟，几乎都花在训练上，如果还有别的程序占着 CPU，会更久；第一次运行还要花一分半钟渲染样例视频 |
# | **你会看到** | 每个情感片段只标一个时刻的长视频，伪标签怎样从这些时刻生长出来，一次完整的训练，一个论文与代码符号相反的损失项，以及一条可以动手探索的时间轴 |
# | **论文** | Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022（[doi 10.1145/3503161.3548007](https://doi.org/10.1145/3503161.3548007)） |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习不会中断运行。仓库里保存的图是英文版运行时生成的；自己运行一遍，控件和时间轴就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom

classroom.language(LANG)

from dataclasses import asdict, replace
from pathlib import Path

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.patches import Patch, Rectangle

from jacklib.methods import tsl
from jacklib.networks import TSLNet, TSLNetConfig

plt.rcParams.update({"figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 9})
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#B8C4CE"
COLOUR, WORD = {"n": RED, "p": BLUE}, {"n": "negative", "p": "positive"}
CACHE = Path("results/tsl")  # git ignores it

# %% [markdown] lang="en"
# ## 1 · The task and the idea
#
# Notebooks 04 and 05 predicted one emotion per short clip. But a long video is moving only at certain moments, positively or negatively, and neutral in between. **Temporal sentiment localization** asks: *from when to when* is the sentiment negative (**n**), and when positive (**p**)? Everything else is **background**.
#
# Whose sentiment? TSL-300's is *evoked*: annotators mark where a video causes an emotional response in themselves (section 3.2 of the paper). There were four, trained and tested; for 98.97% of the labels more than half of them agreed. So the network learns how these four reacted. (Notebook 04, section 1, tells evoked, perceived and expressed emotion apart; of our rendered videos nobody judged any.)
#
# To label such a video fully, an annotator must find the beginning and the end of every segment. That is slow (80 hours 41 minutes for the 200 training videos, against 1 hour 13 minutes for one frame per segment; Table 1), and annotators disagree. So TSL-Net learns from **one marked frame per segment**: the annotator watches, and presses a key whenever the sentiment is clear. The field calls this **point-level supervision**, a form of **weak supervision**: the training data do not contain where a segment begins or ends, but the network must predict it.
#
# Three ideas make it work: **pseudo labels** grow from the marked frames (section 5); image and audio features are fused, and a **reverse mapping** tests whether each can be recovered from the fused features (sections 6 and 8); segments are found by cutting the scores at many thresholds (section 7).
#
# The authors' data set, TSL-300, has 300 videos, more than 21 hours in total. The paper's network and the weights that the authors released reach, by overlap (tIoU):
#
# | tIoU of at least | 0.1 | 0.2 | 0.3 | mean of 0.1, 0.15 … 0.3 |
# |---|---|---|---|---|
# | mean average precision, paper | 28.72% | 20.46% | 11.83% | 20.40% |
# | mean average precision, released weights | 27.27% | 20.53% | 12.06% | 19.85% |

# %% [markdown] lang="zh"
# ## 1 · 任务与思路
#
# 04 和 05 给一小段视频判一种情感。而几分钟长的视频往往只在某些时刻具有正面或负面的情感，其余时间是中性的。**时序情感定位**（temporal sentiment localization）问的是：*从何时到何时*情感是负面的（**n**）？何时是正面的（**p**）？剩下的都是**背景**。
#
# 这是谁的情感？TSL-300 标注的是视频*引起*的情感：标注者在视频使自己产生情感反应的地方作标记（论文 3.2 节）。标注者共四位，经过培训和考核；98.97% 的标签有过半数的人一致。所以网络学到的，是这四个人的反应。（引起的、看出的、表达的情感有何区别，见 04 第 1 节；我们的渲染视频没有人评判过。）
#
# 要完整标注这样的视频，得找出每个情感片段的起点和终点，既费时（200 段训练视频要 80 小时 41 分钟，每个片段只标一帧则是 1 小时 13 分钟；表 1），各人的看法又不一致。所以 TSL-Net 每个片段**只用一帧标注**：边看边标，情感明显时按一下键，按下的时刻就是**标注点**。这种标注方式称为**单帧标注**，相应的训练称为**点级弱监督**（point-level supervision）：训练数据不包含片段的起点和终点，网络却必须预测出来。
#
# 它靠三个想法：**伪标签**从标注点向两侧生长（第 5 节）；视觉与音频特征融合，再用**反向映射**检验两者能否从融合后的特征中恢复（第 6、8 节）；用多个阈值切分得分曲线，得到片段（第 7 节）。
#
# 作者的数据集 TSL-300 有 300 段视频，总长超过 21 小时。论文中的网络和他们发布的权重，在不同重叠度（tIoU）下的成绩：
#
# | tIoU 不低于 | 0.1 | 0.2 | 0.3 | 0.1、0.15……0.3 的平均 |
# |---|---|---|---|---|
# | 平均精度均值（mAP），论文 | 28.72% | 20.46% | 11.83% | 20.40% |
# | 平均精度均值（mAP），公开的权重 | 27.27% | 20.53% | 12.06% | 19.85% |

# %% [markdown] lang="en"
# The same code builds both sizes; the classroom network is narrower, and its features are cheap to compute. A *step* is one update of the weights. Videos differ in length, so they go through the network one at a time, and a step accumulates the gradients of `batch_size` of them.

# %% [markdown] lang="zh"
# 两种规模共用一份代码；课堂版的网络更窄，特征也很容易计算。*一步*（step）指权重更新一次。视频长短不一，只能逐段通过网络，一步把 `batch_size` 段视频的梯度累加起来。

# %%
paper, config = TSLNetConfig.paper(), TSLNetConfig.classroom()
both = {name: (value, getattr(config, name)) for name, value in asdict(paper).items()}
plans = tsl.SCHEDULES["paper"], tsl.SCHEDULES["classroom"]
for name in ("batch_size", "evaluate_every", "audio_factor", "weight_decay"):
    both[name] = tuple(getattr(plan, name) for plan in plans)
both["steps"] = tuple(len(plan.rates) for plan in plans)
both["learning rate"] = tuple(plan.rates[0] for plan in plans)
print(f"{'':16}{'paper':>8}{'classroom':>12}")
for name, (large, small) in both.items():
    print(f"{name:16}{large!s:>8}{small!s:>12}")

# %% [markdown] lang="en"
# ## 2 · The data: long videos, few marks
#
# JACK renders 30 **untrimmed videos** of about a minute, 20 to train and 10 to test, and writes them in TSL-300's layout. A video is a sequence of *shots*: grey, drifting scenes with a hum. Half of the shots hold an event with the colours, movement and sound of one of the eight emotions from notebook 04; anger, disgust, fear and sadness count as negative, the others as positive. Two more shots are **decoys**: one only *looks* like an event, one only *sounds* like one. Neither is in the ground truth.
#
# Look at the files first:

# %% [markdown] lang="zh"
# ## 2 · 数据：视频很长，标注很少
#
# JACK 会渲染 30 段一分钟左右的**未剪辑视频**，20 段训练，10 段测试，按 TSL-300 的目录结构存放。一段视频由若干*镜头*接成：灰色的场景缓缓漂移，伴着嗡嗡声。一半镜头里有事件，色彩、动作和声音取自 04 的八种情感之一；愤怒、厌恶、恐惧、悲伤算负面，其余算正面。另有两个镜头是**干扰镜头**：一个只*看着*像事件，一个只*听着*像事件，都不算在真值里。
#
# 先看看有哪些文件：

# %%
from jacklib.data.tsl300 import UntrimmedVideos, read_points
from jacklib.samples import UNTRIMMED

root = UNTRIMMED["rendered"](progress=False)  # rendered and described at the first use
training = UntrimmedVideos(root, "train", seed=0)
validation = UntrimmedVideos(root, "test")
for pattern in (
    "split_*.txt", "*gt.json", "fps_dict.json", "point_gaussian/train/*.txt",
    "features/test/*/21_rendered_test.npy", "video/train/1_*.mp4",
):  # fmt: skip
    for path in sorted(root.glob(pattern)):
        print(path.relative_to(root))
print("\n" + "\n".join((root / "point_gaussian/train/point_anno_0.txt").read_text().split()[:4]))

# %% [markdown] lang="en"
# The last lines are annotator 0's: class, its number, two frames around the mark, the video, the marked frame. `gt.json` holds the segments of the test videos only, as TSL-300 ships it. Because our videos are rendered, the truth of the training videos is known too; it is kept apart in `videosenti_gt.json`, **the network never sees it**, and we use it for figures only.

# %% [markdown] lang="zh"
# 最后几行出自 0 号标注者：类别、类别编号、标注点前后的两帧、视频、标注的那一帧。`gt.json` 里只有测试视频的片段，与 TSL-300 发布的一样。我们的视频是渲染的，训练视频的真值也知道，单独放在 `videosenti_gt.json` 里；**网络从不看它**，这里只用来画图。

# %%
from jacklib.data.audio import read_audio
from jacklib.data.tsl_features import frames_between

truth = tsl.read_truth(root)  # of all videos: {ID: [(label, start, end)]}
annotators = [read_points(root / f"point_gaussian/train/point_anno_{k}.txt") for k in range(3)]

# The first training video with both sentiments
number = next(k for k, x in enumerate(training.items) if {p.label for p in x.points} == {"n", "p"})
item, sample = training.items[number], training.load(number)
file = root / "video" / "train" / f"{item.id}.mp4"


def shade(ax, segments, **look):
    """Draw true segments behind a panel; returns what a legend needs."""
    for label, start, end in segments:
        ax.axvspan(start, end, color=COLOUR[label], alpha=0.22, lw=0, zorder=0, **look)
    return [Patch(color=COLOUR[x], alpha=0.25, label=f"true {WORD[x]}") for x in "np"]


def strip(ax, path, fps, start, end, count=12):
    """Frames of a stretch of a video, on an axis of seconds."""
    pictures = frames_between(path, fps, start, end, count, height=72)
    ax.imshow(np.concatenate(list(pictures), axis=1), extent=(start, end, 0, 1), aspect="auto")
    ax.set_yticks([])


figure, axes = plt.subplots(3, 1, figsize=(11, 4.2), sharex=True, height_ratios=[1.2, 1, 1.1])
strip(axes[0], file, item.fps, 0, sample.seconds)
wave = read_audio(file, 8000)[: round(sample.seconds * 8000)]
axes[1].plot(np.arange(len(wave)) / 8000, wave, lw=0.3, color="black")
axes[1].set_ylabel("audio")
handles = [shade(ax, truth[item.id]) for ax in axes[1:]][0]
for k, points in enumerate(annotators):
    for label, frame in points[item.id]:
        axes[2].plot(frame / item.fps, k, "v", ms=8, color=COLOUR[label])
axes[2].set(yticks=range(3), ylim=(2.6, -0.6), ylabel="annotator", xlabel="time (s)")
axes[0].set(xlim=(0, sample.seconds), title=f"{item.id}: frames, sound, and what three people mark")
axes[2].legend(handles=handles, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown] lang="en"
# The three annotators are simulated: their marks are drawn from a Gaussian around the middle of the segment. (The paper, section 3.3, finds those of real annotators spread almost evenly over it.) As with real annotators, **each marks a different moment of the same segment**. Two passages stand out and are marked by nobody: the decoys.
#
# Which marks does a network get? As in the released code they are **mixed**: one annotator is drawn at random for each video. Below: whose marks each training video got, and where in its segment a mark lies, over all annotators and segments.

# %% [markdown] lang="zh"
# 三位标注者是虚构的，标注点取自以片段中点为中心的高斯分布（论文 3.3 节发现，真人的标注点在片段里接近均匀分布）。不过他们和真人一样：**同一个片段，各人标的时刻不同**。有两处很显眼或很响亮，却没有人标：那是干扰镜头。
#
# 网络用谁的标注点？与公开代码一样，**混合**使用：每段视频随机抽一位标注者。下图左边是每段训练视频抽到了谁，右边是所有标注者、所有片段的标注点落在片段内的什么位置。

# %%
chosen = [
    next(k for k, points in enumerate(annotators) if points[x.id] == x.points)
    for x in training.items
]
places = [
    (frame / x.fps - start) / (end - start)
    for points in annotators
    for x in training.items
    for (_, frame), (_, start, end) in zip(points[x.id], truth[x.id], strict=True)
]
n_points = sum(len(x.points) for x in training.items)
n_clips = sum(training.load(k).n_clips for k in range(len(training)))
print(
    f"the network gets {n_points} points for {n_clips} clips: {n_points / n_clips:.1%} are marked"
)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.4), width_ratios=[1.6, 1])
left.scatter(range(1, 21), chosen, s=60, marker="s", color=BLUE)
left.set(yticks=range(3), ylim=(2.5, -0.5), xticks=range(1, 21), xlabel="training video")
left.set(ylabel="annotator", title="Whose marks each video gets")
right.hist(places, np.linspace(0, 1, 21), color=GREY, ec="white")
right.set(title="Where the marks lie", xlabel="0: segment begins, 1: it ends", ylabel="marks")
plt.show()

# %% [markdown] lang="en"
# ## 3 · Features: the input of the network
#
# TSL-Net's input is not frames. A video is cut into **snippets of 16 frames** (the released code calls them clips, as do the variables below), at its own frame rate, and each becomes two arrays: 1,024 image features, and a log-mel spectrogram of 32 frames for the audio.
#
# **Audio.** 16 video frames last 0.67 s at 24 frames per second but 0.53 s at 30. To get 32 audio frames from both, the released script reads the audio of each video at a *sampling rate that depends on its frame rate*. One consequence: a mel band does not mean the same pitch in videos of different rates.

# %% [markdown] lang="zh"
# ## 3 · 特征：网络的输入
#
# TSL-Net 的输入不是画面本身。视频按自己的帧率切成 **16 帧的小段**（snippet；公开代码称为 clip，下面的变量名沿用），每个小段变成两个数组：1,024 维的视觉特征，以及 32 帧的对数梅尔谱（log-mel）作为音频特征。
#
# **音频。** 16 帧画面在每秒 24 帧时长 0.67 秒，在每秒 30 帧时只有 0.53 秒。为了都得到 32 帧音频特征，作者的脚本让读取音频的*采样率随视频帧率而变*。其结果是：视频的帧率不同，同一个梅尔频带对应的音高也不同。

# %%
from jacklib.data.audio import LOGMEL_HOP, log_mel_rate

for fps in (24, 25, 30):
    rate, seconds = log_mel_rate(fps), 16 / fps
    print(
        f"{fps} frames per second: a clip lasts {seconds:.3f} s, sound is read at {rate} samples a "
        f"second: {seconds * rate / LOGMEL_HOP:.2f} sound frames per clip"
    )

# %%
show = validation.items.index(next(x for x in validation.items if len({s[0] for s in x.truth}) > 1))
shown, heard = validation.items[show], validation.load(show)
spectrum = heard.logmel.reshape(-1, 60) * 80 - 50  # the loader scales with (x + 50) / 80
figure, (top, bottom) = plt.subplots(2, 1, figsize=(11, 3.8), sharex=True, height_ratios=[1, 2.4])
strip(top, root / "video" / "test" / f"{shown.id}.mp4", shown.fps, 0, heard.seconds)
image = bottom.imshow(
    spectrum.T, aspect="auto", origin="lower", extent=(0, heard.seconds, 0, 60), cmap="magma",
    vmin=-60, vmax=40,
)  # fmt: skip
for label, start, end in shown.truth:
    look = dict(fill=False, ec="white", lw=2, ls="-" if label == "p" else "--")
    bottom.add_patch(Rectangle((start, 0.5), end - start, 59, **look))
    bottom.text(start + 0.3, 53, label, color="white", fontsize=12, fontweight="bold")
bottom.set(ylabel="mel band", xlabel="time (s)")
top.set_title(f"{shown.id}: frames and log-mel spectrogram; framed: the true segments")
figure.colorbar(image, ax=bottom, label="decibels")
plt.show()

# %% [markdown] lang="en"
# **Image.** The authors use I3D, a 3D network trained on Kinetics, with 1,024 features per snippet. It is slow on a laptop, and its weights would have to be downloaded. The sample videos have a substitute: a **descriptor** of colours, edges and motion, computed with OpenCV. It divides the image into 4 × 4 cells with 64 values each, 1,024 in total. **It is not I3D**: it cannot recognise objects, faces or actions, and weights trained on one kind of features are useless on the other. On rendered shapes, colour and motion happen to be nearly sufficient; on real video they would not be.

# %% [markdown] lang="zh"
# **视觉。** 作者用的是 I3D，一个在 Kinetics 上训练的三维网络，给每个小段 1,024 个特征。它在笔记本电脑上很慢，权重还得另外下载。样例视频用一个替代品：用 OpenCV 算的颜色、边缘与运动的**描述子**。画面分成 4 × 4 格，每格 64 个值，共 1,024 个。**它不是 I3D**：不能识别物体、人脸和动作；用一种特征训练的权重，不能用于另一种特征。在渲染的图形上，颜色和运动恰好几乎足够；换成真实视频则不然。

# %%
label, start, end = shown.truth[0]
inside = int((start + end) / 2 * shown.fps / 16)
outside = int(np.argmin([  # a clip as grey as any
    heard.rgb[c].reshape(16, 64)[:, 13:17].sum() for c in range(heard.n_clips)
]))  # fmt: skip
examples = {f"event ({label})": inside, "background": outside}
figure, axes = plt.subplots(2, 4, figsize=(8, 3.2))
for row, (name, c) in zip(axes, examples.items(), strict=True):
    cells = heard.rgb[c].reshape(4, 4, 64)
    where = (c * 16 / shown.fps, (c + 1) * 16 / shown.fps)
    path = root / "video" / "test" / f"{shown.id}.mp4"
    row[0].imshow(frames_between(path, shown.fps, *where, 1)[0])
    row[0].set_ylabel(f"{name}\nclip {c}")
    row[1].imshow(cells[:, :, 61:64])
    row[2].imshow(cells[:, :, 42], vmin=0, vmax=0.6, cmap="viridis")
    row[3].imshow(cells[:, :, 59], vmin=0, vmax=0.3, cmap="viridis")
for ax, name in zip(axes[0], ("middle frame", "mean colour", "motion", "contrast"), strict=True):
    ax.set_title(name)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
figure.suptitle("Five of the 64 values of each cell (colour has three)")
plt.show()

# %% [markdown] lang="en"
# ## 4 · The network, part by part
#
# One video goes through the **untrained** network, line by line as in `ClipNet.execute` and `TSLNet.execute` (`jacklib/networks/tsl_net.py`). $T$ is the number of its snippets.
#
# The **image** features go through one convolution over time, so that a snippet includes its neighbours. A position encoding (sines and cosines that distinguish the snippets) is added to the **audio**, the spectrograms of the snippets before and after are concatenated with its own, and a small 2D network maps the 96 × 60 values to a vector. The **neck** fuses both.
#
# Where paper, released code (github.com/nku-zhichengzhang/TSL300; file and line) and JACK differ:
#
# | | paper | released code | here |
# |---|---|---|---|
# | audio features | MFCC (4.2) | log-mel spectrogram, at a sampling rate that follows the frame rate (`2_mp3audio2mfcc.py` 27 to 31) | as the code |
# | image features in the classroom | I3D (4.2) | I3D | a descriptor of colour and motion (section 3); I3D with the `paper` settings |
# | annotators | four, aggregated (3.2) | three files, one drawn for each video (`senti_features.py` 190 to 220) | as the code; ours are simulated |
# | target at a marked frame | its class alone (eq. 7) | 0.9 for the class, 0.1 for the others (`senti_features.py` 166, 167) | as the code |
# | target at an action seed | the prediction of the marked frames (4.3) | the snippet's own scores (`utils.py` 215) | as the code |
# | loss of pseudo labels | one sum over classes and background (eq. 8) | background and action each by itself, the action term halved (`train.py` 45, 61) | as the code |
# | loss of the distribution | sum over the classes (eq. 6) | KL divergence, mean over the classes: half as much (`train.py` 14, 19) | as the code |
# | reverse mapping | ratio of cosines, over all *other* snippets, to be made large (eq. 1) | log-softmax over *all* snippets (`model_tsl.py` 61 to 63), added to the loss, so made small (`train.py` 61) | as the code; `--reverse_sign paper`: the paper's sign |
# | video score | of the fused scores (eq. 2) | of the scores before the fusion (`model_tsl.py` 218 to 222) | as the code; `--video_score paper`: the paper's way |
# | optimizer | Adam, 1e-5 (5.2) | also weight decay 5e-4, and ten times the rate for the audio extractor (`main.py` 64 to 66) | as the code; classroom: 1e-3 for all |
# | levels of 1 − background | – | 0.4 to 0.725 (`config.py` 23) | 0.5 to 0.7, as in the public Jittor port and the numbers that we test against |
# | recall and precision | recall, F2 (5.1) | means over the ranked list (`eval_detection.py`) | as the code |
# | which step counts | – | the best on the test videos (`main.py` 92) | the last; `best.pth` is kept as well |
# | names of the classes | – | nAP and pAP by the order in which `gt.json` mentions the labels, so swapped on TSL-300 | by the label's name |
# | length of a video | – | up to 4,000 snippets (`model_tsl.py` 94) | any |
#
# The last column's "classroom" is what this notebook runs. `TSL main --ways paper` stands for both options. Sections 4, 6 and 8 show the rows that matter most; small ones are in `docs/en/architecture.md` and `docs/en/train.md`.

# %% [markdown] lang="zh"
# ## 4 · 逐个部件看网络
#
# 让一段视频逐行通过**尚未训练**的网络，各行对应 `jacklib/networks/tsl_net.py` 里的 `ClipNet.execute` 和 `TSLNet.execute`。$T$ 是小段的个数。
#
# **视觉**特征经过一层沿时间的卷积，每个小段因此包含左右相邻小段的信息。**音频**特征先加上位置编码（用正弦和余弦区分各个小段），再与前后小段的谱图拼接，由一个小的二维网络把 96 × 60 个值映射为一个向量。最后由**融合层**（neck）融合两者。
#
# 论文、公开代码（github.com/nku-zhichengzhang/TSL300；括号里是文件和行）与 JACK 不同之处：
#
# | | 论文 | 公开代码 | 这里 |
# |---|---|---|---|
# | 音频特征 | MFCC（4.2 节） | 对数梅尔谱，采样率随帧率而变（`2_mp3audio2mfcc.py` 27 至 31） | 同代码 |
# | 课堂的视觉特征 | I3D（4.2 节） | I3D | 颜色与运动的描述子（第 3 节）；`paper` 设置用 I3D |
# | 标注者 | 四位，合并（3.2 节） | 三个文件，每段视频随机取一个（`senti_features.py` 190 至 220） | 同代码；我们的标注是模拟的 |
# | 标注帧的目标值 | 只有它的类别（公式 7） | 该类 0.9，其余 0.1（`senti_features.py` 166、167） | 同代码 |
# | 动作种子的目标值 | 标注帧的预测（4.3 节） | 小段自己的得分（`utils.py` 215） | 同代码 |
# | 伪标签的损失 | 对各类别和背景求一个和（公式 8） | 背景、动作分开计算，动作一项减半（`train.py` 45、61） | 同代码 |
# | 分布的损失 | 对类别求和（公式 6） | KL 散度，对类别取平均，即一半（`train.py` 14、19） | 同代码 |
# | 反向映射 | 余弦之比，分母是*其余*小段，要使它变大（公式 1） | 对*全部*小段的 log-softmax（`model_tsl.py` 61 至 63），加到损失上，即使它变小（`train.py` 61） | 同代码；`--reverse_sign paper`：符号按论文 |
# | 视频得分 | 用融合得分（公式 2） | 用融合之前的得分（`model_tsl.py` 218 至 222） | 同代码；`--video_score paper`：按论文 |
# | 优化器 | Adam，1e-5（5.2 节） | 另有权重衰减 5e-4，音频提取网络的学习率是十倍（`main.py` 64 至 66） | 同代码；课堂设置一律 1e-3 |
# | 1 − 背景得分的阈值 | – | 0.4 至 0.725（`config.py` 23） | 0.5 至 0.7，与公开的计图移植版以及我们对照测试的数值相同 |
# | 召回率与精确率 | 召回率、F2（5.1 节） | 沿排序列表取平均（`eval_detection.py`） | 同代码 |
# | 取哪一步的权重 | – | 在测试视频上最好的一步（`main.py` 92） | 最后一步；`best.pth` 也保留 |
# | 类别的名字 | – | 按标签在 `gt.json` 中出现的次序称为 nAP、pAP，在 TSL-300 上正好颠倒 | 按标签的名字 |
# | 视频长度 | – | 最多 4,000 个小段（`model_tsl.py` 94） | 不限 |
#
# 最后一列的“课堂设置”就是本笔记本运行的设置。`TSL main --ways paper` 相当于同时使用这两个选项。其中最要紧的几行，第 4、6、8 节会看到；细小的差别见 `docs/cn/架构.md` 和 `docs/cn/训练.md`。


# %%
def millions(network):
    return sum(np.prod(p.shape) for p in network.parameters()) / 1e6


def new_network(seed, modality="all"):
    """A classroom network with weights drawn from a seed."""
    runtime.seed(seed)
    network = TSLNet(replace(config, modality=modality))
    jt.sync_all()  # Jittor is lazy: the weights are drawn here
    return network


net = new_network(0)
net.eval()
# The big network's shapes are known; its parameters are never computed.
big = millions(TSLNet(paper))
print(f"classroom {millions(net):.2f} million parameters, paper {big:.1f} million")

# %%
parts = net.cls_module
rgb, logmel = (jt.array(x) for x in tsl.inputs(sample))
T = sample.n_clips
shapes = {"picture's features": rgb.shape, "log-mel": logmel.shape}

v = parts.v_align(rgb.transpose(0, 2, 1)).transpose(0, 2, 1)
shapes["picture, aligned"] = v.shape
a = parts.listen(logmel)
shapes["sound, extracted"] = a.shape
fused = parts.neck(jt.concat([v, a], dim=2).transpose(0, 2, 1))
shapes["neck"] = fused.shape
logits = parts.classifier(fused).transpose(0, 2, 1)
shapes["class logits"] = logits.shape

# %% [markdown] lang="en"
# **Scores.** The three logits of a snippet are negative, positive and background. Each goes through its own sigmoid: a snippet can be both n and p, or neither. The **fused score** of a class is high only if two conditions hold, *the class* and *not background*:
#
# $$s_c=\sigma(z_c)\cdot\big(1-\sigma(z_{\text{bg}})\big)$$
#
# The **video score** of a class is the mean of its best $T/8$ values of $\sigma(z_c)$: does the class occur in this video at all? Here, as in the released code, these are the class's own scores, *before* the fusion with the background; the paper's equation (2) takes the fused ones.

# %% [markdown] lang="zh"
# **得分。** 每个小段有三个 logit：负面、正面、背景，各自通过 sigmoid，所以一个小段可以既是 n 又是 p，也可以什么都不是。每一类的**融合得分**要求两件事同时成立：*属于这一类*，并且*不是背景*：
#
# $$s_c=\sigma(z_c)\cdot\big(1-\sigma(z_{\text{bg}})\big)$$
#
# 每一类的**视频得分**是它最好的 $T/8$ 个 $\sigma(z_c)$ 的平均，回答的是：这段视频里到底有没有这一类？这里与公开代码一样，用的是这一类自己的、*尚未*与背景融合的得分；论文的公式 (2) 用的是融合之后的。

# %%
each = jt.sigmoid(logits)
scores = jt.concat([each[:, :, :-1] * (1 - each[:, :, -1:]), each[:, :, -1:]], dim=2)
shapes["fused scores"] = scores.shape
best, _ = jt.argsort(each[0, :, 0], descending=True)
video_score = each.numpy()[0, best.numpy()[: T // config.r_act], 0].mean()

out = net(rgb, logmel)
print("difference from net(rgb, logmel):", np.abs(scores.numpy() - out.scores.numpy()).max())
print(f"video score of n, by hand {video_score:.6f}, network {out.video_score.numpy()[0, 0]:.6f}\n")


def expected_shapes(c, T):
    """The shapes above for any settings, by arithmetic alone."""
    d, n, classes = c.len_feature // 2, c.neck_size, c.num_classes + 1
    return {
        "picture's features": [1, T, c.rgb_size],
        "log-mel": [1, T, 32, 60],
        "picture, aligned": [1, T, d],
        "sound, extracted": [1, T, d],
        "neck": [1, n, T],
        "class logits": [1, T, classes],
        "fused scores": [1, T, classes],
    }


assert expected_shapes(config, T) == {name: list(shape) for name, shape in shapes.items()}
print(f"{'':20}{'classroom':20}paper")
for name, shape in expected_shapes(paper, T).items():
    print(f"{name:20}{list(shapes[name])!s:20}{shape}")

# %%
lattice = np.linspace(0, 1, 101)
figure, ax = plt.subplots(figsize=(4, 2.8))
surface = np.outer(1 - lattice, lattice)
image = ax.imshow(surface, origin="lower", extent=(0, 1, 0, 1), cmap="viridis", aspect="auto")
lines = ax.contour(lattice, lattice, surface, levels=[0.25, 0.5, 0.75], colors="white")
ax.clabel(lines)
ax.set(
    xlabel="class, σ(z)", ylabel="background, σ(z)", title="Fused score: high in one corner only"
)
figure.colorbar(image, ax=ax)
plt.show()

# %% [markdown] lang="en"
# ## 5 · Pseudo labels: from one frame to a segment
#
# About four marked snippets per video are little to learn from. So the network's *own scores* propose more, again at every step (`seed_labels`):
#
# - **Background seeds.** Two neighbouring marks belong to two segments, so there is background somewhere between them. Every snippet between them whose background score is 0.95 or more is a seed; if there is none, the snippet with the highest background score. Before the first mark and after the last, everything beyond the seed counts too.
# - **Action seeds.** From every mark outward, snippet by snippet, up to the first whose background score is above both of its class scores.
#
# It is a **greedy search**: it uses the network's present scores and never revises a choice. Action seeds have the snippet's own scores as targets, background seeds the highest background score of their gap; neither is 0 or 1. (If at least three snippets between two marks reach 0.95, everything between the outer two counts too.) A worked example with 16 snippets and two marks:

# %% [markdown] lang="zh"
# ## 5 · 伪标签：从一帧到一段
#
# 一段视频只有四个左右的小段带标注，可学的太少。因此用网络*自己的得分*再产生一些伪标签，每一步都重新产生（`seed_labels`）：
#
# - **背景种子。** 相邻两个标注点分属两个片段，中间必有背景。两点之间背景得分不低于 0.95 的小段都是种子；一个都没有时，取背景得分最高的那一个。第一个标注点之前和最后一个标注点之后，种子以外的部分也全算背景。
# - **动作种子。** 从每个标注点出发，向两侧逐个小段延伸，遇到第一个背景得分高于两个类别得分的小段就停下。
#
# 这是一种**贪心搜索**：只按网络当前的得分选取，选定后不再修改。动作种子的目标值是小段自己的得分，背景种子的目标值是所在间隔里最高的背景得分，都不是 0 和 1。（两个标注点之间如果有三个或更多确信是背景的小段，最外侧两个之间的也全部算上。）下面是一个小例子，16 个小段，两个标注点：

# %%
from jacklib.core.pseudo_labels import seed_labels


def draw_seeds(ax, scores, points, seconds=1.0, segments=()):
    """Scores above; beneath them the seeds, with the marks on top of them."""
    act, bkg = seed_labels(scores, points)
    edges = np.arange(len(scores) + 1) * seconds
    ax.stairs(scores[:, 2], edges, fill=True, color=GREY, alpha=0.6)
    for c, name in enumerate("np"):
        ax.stairs(scores[:, c], edges, color=COLOUR[name], lw=1.6, baseline=None)
    rows = ((act[:, 0], RED), (act[:, 1], BLUE), (bkg, "#7E8E9A"))
    for row, (values, colour) in enumerate(rows):
        for t, value in enumerate(values):
            height = 0.18 * value
            ax.add_patch(Rectangle((edges[t], -0.25 - 0.22 * row), seconds, height, color=colour))
    for t, c in np.argwhere(points > 0.5):
        ax.plot(edges[t] + seconds / 2, -0.13 - 0.22 * c, "kv", ms=7, mec="white")
    shade(ax, segments)
    ax.set_yticks([0.5, 1, -0.16, -0.38, -0.6], ["0.5", "1", "n", "p", "background"])
    ax.set(xlim=(0, edges[-1]), ylim=(-0.74, 1.05))
    ax.axhline(0, color="black", lw=0.8)
    return act, bkg


toy = np.array([
    [.1, .1, .2, .6, .8, .7, .3, .1, .1, .1, .2, .2, .1, .1, .1, .1],
    [.1, .1, .1, .1, .1, .2, .2, .1, .1, .3, .6, .9, .7, .2, .1, .1],
    [.8, .97, .7, .3, .1, .2, .5, .8, .9, .4, .2, .1, .2, .6, .9, .8],
]).T  # fmt: skip
toy_points = np.zeros((16, 2))
toy_points[4], toy_points[11] = [0.9, 0.1], [0.1, 0.9]
figure, ax = plt.subplots(figsize=(9, 3))
act, bkg = draw_seeds(ax, toy, toy_points)
ax.set(
    xticks=np.arange(16) + 0.5,
    xlabel="clip",
    title="Scores (lines; grey: background); below them marks ▼ and seeds, as high as their score",
)
ax.set_xticklabels(range(16))
plt.show()
print("background seeds:", np.flatnonzero(bkg))
print("marks and action seeds:", np.flatnonzero(act.max(1)))

# %% [markdown] lang="en"
# Now a real training video, with the scores of the **untrained** network. They are all alike, about 0.25 for the classes and 0.5 for background, so no snippet scores above the background and nothing grows: the network starts with the marks and one guessed background snippet in each gap (before the first and after the last mark together with everything beyond it). We look at the same figure again after training.

# %% [markdown] lang="zh"
# 再看一段训练视频，得分来自**未训练**的网络。各处几乎一样：类别约 0.25，背景约 0.5，没有哪个小段的得分高于背景，伪标签无法扩展。网络开始时只有标注点，加上每个间隔里估计的一个背景小段（第一个标注点之前、最后一个标注点之后，再往外的也一并算上）。训练之后再来看同一张图。

# %%
before = tsl.predict(net, sample)
clip_seconds = 16 / item.fps
figure, ax = plt.subplots(figsize=(11, 2.8))
draw_seeds(ax, before.scores, sample.points, clip_seconds, truth[item.id])
ax.set(xlabel="time (s)", title=f"{item.id} before training; coloured background: the truth")
plt.show()

# %% [markdown] lang="en"
# ## 6 · The loss, term by term
#
# $$\mathcal{L}=2\,\mathcal{L}_{\text{distribution}}+\tfrac12\,\mathcal{L}_{\text{frame}}+\tfrac12\,(\mathcal{L}_{\text{background}}+\mathcal{L}_{\text{action}})+\mathcal{L}_{\text{reverse}}$$
#
# | term | what it measures |
# |---|---|
# | distribution | does the video's mixture of n and p match that of its marks? (KL divergence) |
# | frame | at the marked snippets: target 0.9 for the class, 0.1 for the others; hard ones weigh most (focal weight) |
# | background, action | at background seeds, the target is 1 for background and 0 for the classes; at action seeds, the network's own scores are the target, and this term is halved again, as in the released code |
# | reverse mapping | can the image and audio features be recovered from the neck? |
#
# The last one deserves a closer look. Four convolutions map the neck's features of snippet $i$ **back** to one modality, $\hat v_i$, to be compared with the modality's own $v_i$. With $\cos$ the cosine of two vectors,
#
# $$r=\frac1T\sum_i\Big(\cos(v_i,\hat v_i)-\log\sum_j e^{\cos(v_i,\hat v_j)}\Big)$$
#
# This is the mean log-probability of picking snippet $i$ out of all $T$: **never above 0, and $-\ln T$ if all snippets are alike**. It is computed for the image and the audio features, and the two are added. A *larger* $r$ is better; so a loss should **subtract** it, as equation (1) of the paper does (there without exponentials, and with the sum over all *other* snippets). The released code, whose formula this is, **adds** it. JACK follows the code and offers the other sign as an option (`reverse_sign="paper"`). Section 8 tries both.

# %% [markdown] lang="zh"
# ## 6 · 逐项看损失
#
# $$\mathcal{L}=2\,\mathcal{L}_{\text{分布}}+\tfrac12\,\mathcal{L}_{\text{帧}}+\tfrac12\,(\mathcal{L}_{\text{背景}}+\mathcal{L}_{\text{动作}})+\mathcal{L}_{\text{反向}}$$
#
# | 项 | 衡量什么 |
# |---|---|
# | 分布（distribution） | 整段视频 n 与 p 的比例，和标注点的比例一致吗？（KL 散度） |
# | 帧（frame） | 带标注的小段：该类应为 0.9，其余为 0.1；难的算得重（focal 加权） |
# | 背景、动作（background、action） | 在伪标签处：背景种子的背景向 1、类别向 0 靠拢；动作种子以网络自己的得分为目标，并且像公开代码那样再减半 |
# | 反向映射（reverse mapping） | 视觉和音频特征能从融合层的特征中恢复吗？ |
#
# 最后一项值得细看。四层卷积把小段 $i$ 的融合层特征映射**回**某一模态，得到 $\hat v_i$，再与该模态自己的 $v_i$ 比较。用 $\cos$ 表示两个向量的余弦，
#
# $$r=\frac1T\sum_i\Big(\cos(v_i,\hat v_i)-\log\sum_j e^{\cos(v_i,\hat v_j)}\Big)$$
#
# 它是从 $T$ 个小段中认出小段 $i$ 的对数概率的平均：**不会超过 0；所有小段都一样时，等于 $-\ln T$**。视觉和音频各算一个，再相加。$r$ *越大*越好，所以损失应当**减去**它，论文的公式 (1) 正是如此（那里没有指数函数，分母只对*其余*小段求和）；上面的式子出自作者发布的代码，代码里却是**加上**它。JACK 以代码为准，另一种符号可用 `reverse_sign="paper"` 选择。第 8 节两种都试。

# %%
from jacklib.networks.losses import TSLLoss

criterion = TSLLoss(tsl.LAMBDAS)
WEIGHT = {"distribution": 2, "frame": 0.5, "background": 0.5, "action": 0.5, "reverse_mapping": 1}


def loss_terms(network):
    """The loss of the training video from above, as numbers."""
    network.eval()  # no dropout: two calls give the same
    output = network(*tsl.inputs(sample), sample.labels[None])
    terms = criterion(output, sample.labels[None], sample.label_distribution, sample.points)
    return {name: float(x.item() if isinstance(x, jt.Var) else x) for name, x in terms.items()}


terms = loss_terms(net)
print(f"{'':16}{'value':>9}{'weight':>8}{'part':>9}")
for name, weight in WEIGHT.items():
    print(f"{name:16}{terms[name]:9.3f}{weight:8}{weight * terms[name]:9.3f}")
print(f"{'total':33}{terms['total']:9.3f}")
print(f"-2 ln T, for all clips alike in both modalities: {-2 * np.log(T):.3f}")

# %% [markdown] lang="en"
# The reverse mapping is by far the largest part, and negative: an untrained network cannot distinguish the snippets. Its absolute value matters little, since only gradients change the weights; but do not be surprised by a *negative* training loss below.
#
# ## 7 · Training and evaluation
#
# 100 steps of 4 videos each, Adam, from random weights. The curves get a point every ten steps (the axis calls this an epoch). Left: the loss. Right: the fraction of training videos whose classes are all correct, and the **average mAP** of the test videos, explained below.
#
# **Does it repeat?** Three runs of `TSL main --seed 0` on one machine gave the same `best.pth`, byte for byte, and 0.838 after the last step. On the *same* machine, with oneDNN's convolutions limited to the instructions of older processors (`DNNL_MAX_CPU_ISA`), the losses of the first ten steps agree to five digits; after a hundred the mAP is 0.860 with AVX2 and 0.855 with SSE4.1. Only the order of additions, and so the rounding, had changed. That is as much as another seed changes. Two scores of seed 0, 0.841 and 0.838, once stood in our tables for one day: the machines were not the same, nor were the sample videos, which until then came out a little different in every build. So quote a result with its machine, and do not read meaning into its third digit. (Measured on 2026-11-30 on an AMD EPYC with AVX-512.)
#
# `best.pth` keeps the weights that were best *on the test videos*. That is optimistic, so everything below uses the weights after the **last** step.

# %% [markdown] lang="zh"
# 反向映射是其中最大的一项，而且是负的：未训练的网络分不清各个小段。数值大小本身意义不大，推动权重的是变化；只是下面看到*负的*训练损失时不要奇怪。
#
# ## 7 · 训练与评估
#
# 共 100 步，每步 4 段视频，用 Adam，权重从随机数开始。曲线每十步添一个点（坐标轴上叫 epoch）。左图是损失；右图是训练视频类别全判对的比例，以及测试视频的**平均 mAP**，含义见下文。
#
# **能重现吗？** 在一台机器上运行三次 `TSL main --seed 0`，`best.pth` 逐字节相同，最后一步的 mAP 都是 0.838。还是*这台*机器，只把 oneDNN 的卷积限制在较老处理器的指令集上（`DNNL_MAX_CPU_ISA`），前十步的损失有五位数字相同；一百步之后，AVX2 的 mAP 是 0.860，SSE4.1 是 0.855。变的只是加法的次序，也就是舍入。换一个种子，变化也不过如此。我们的表里曾经在同一天为种子 0 记下两个成绩，0.841 和 0.838：机器不同，样例视频也不同——那时每次制作出来的视频都略有差别。所以引用结果要写明机器，也不要从第三位数字里读出意义。（2026-11-30 在带 AVX-512 的 AMD EPYC 上测得。）
#
# `best.pth` 保存的是*在测试视频上*最好的权重，用它得到的数字偏乐观，所以下面一律用**最后**一步的权重。

# %%
schedule = tsl.SCHEDULES["classroom"]


def train(seed, modality="all", folder=CACHE / "comparison", show=False, **options):
    """Train a new network as the classroom's schedule says: (network, history)."""
    network = new_network(seed, modality)
    videos = [
        UntrimmedVideos(root, subset, modality=modality, seed=seed) for subset in ("train", "test")
    ]
    run = tsl.Run(folder, seed, show=show)
    return network, tsl.train(network, *videos, schedule=schedule, run=run, **options)


net, history = train(0, folder=CACHE, show=True)
print(f"{sum(row['seconds'] for row in history):.0f} s of training")

# %% [markdown] lang="en"
# The same training video as in section 5. Marks have grown into segments:

# %% [markdown] lang="zh"
# 还是第 5 节那段训练视频。标注点已经扩展成片段：

# %%
after = tsl.predict(net, sample)
figure, axes = plt.subplots(2, 1, figsize=(11, 5), sharex=True)
for ax, found, words in zip(axes, (before, after), ("before", "after"), strict=True):
    draw_seeds(ax, found.scores, sample.points, clip_seconds, truth[item.id])
    ax.set_title(f"{item.id} {words} training; coloured background: the truth")
axes[1].set_xlabel("time (s)")
plt.show()

terms_after = loss_terms(net)
print(f"{'':18}{'before':>9}{'after':>9}")
for name in (*WEIGHT, "total", "action_clips", "background_clips"):
    print(f"{name:18}{terms[name]:9.3f}{terms_after[name]:9.3f}")

# %%
from jacklib.samples.untrimmed import read_decoys

decoys = read_decoys(root)  # {ID: [("looks" or "sounds", start, end)]}, known to the renderer alone
KINDS = ("event", "looks", "sounds", "elsewhere")


def kinds_of(video, fps, n_clips):
    """What fills more than half of each clip, as an index in KINDS: [n_clips]."""
    begins, kinds = np.arange(n_clips) * 16 / fps, np.full(n_clips, 3)
    for kind, start, end in [("event", s, e) for _, s, e in truth[video]] + decoys[video]:
        inside = np.minimum(begins + 16 / fps, end) - np.maximum(begins, start)
        kinds[inside > 8 / fps] = KINDS.index(kind)
    return kinds


kinds = kinds_of(item.id, item.fps, len(after.scores))
high = after.scores[:, :2].max(1)
means = [high[kinds == k].mean() for k in range(4)]
print("mean class score:", ", ".join(f"{k} {m:.2f}" for k, m in zip(KINDS, means, strict=True)))
print(
    "decoys:",
    ", ".join(f"{kind} {start:.1f} to {end:.1f} s" for kind, start, end in decoys[item.id]),
)
middle = (means[0] + means[3]) / 2
fooled = [kind for kind, mean in zip(KINDS[1:3], means[1:3], strict=True) if mean > middle]
if fooled:
    classroom.say(
        f"Here the network takes for an event what only {' and what only '.join(fooled)} like one: "
        "it scores nearer to events than to the rest.",
        f"这里，网络把{'、'.join({'looks': '只看着像事件', 'sounds': '只听着像事件'}[k] for k in fooled)}"
        "的镜头当成了事件：得分更接近事件，而不是其余部分。",
    )
else:
    classroom.say(
        "Here the network takes neither decoy for an event.", "这里，网络没有把干扰镜头当成事件。"
    )

# %% [markdown] lang="en"
# Where a passage scores high although it is neither marked nor true, **nothing in the loss penalises this**: the search from the marks does not reach it, and background seeds lie where the network already predicts background. Pseudo labels reinforce what a network predicts already. Section 9 comes back to this.
#
# ### From scores to segments
#
# `localize` cuts the score curves at ten thresholds from 0 to 0.225, and $1-$ background at nine from 0.5 to 0.7. Every run of moments above a threshold is a **proposal**. Its score is the contrast of the class score inside with its surroundings, plus 0.3 times the video score. Of proposals of one class that overlap by half or more, only the best is kept (**non-maximum suppression**, NMS). Only classes whose video score reaches 0.5 are localized; if none does, the one with the higher score is.
#
# **How good are they?** Proposals of all test videos are ranked by score. A proposal is correct if its class is correct and its tIoU with a segment not yet matched by a better proposal reaches a threshold (0.1, 0.15 … 0.3).
#
# - **AP** rewards correct ones near the top of the list; **nAP** and **pAP** are those of the two classes, **mAP** is their mean.
# - **Recall** is the fraction of the true segments that are found. TSL-Net's evaluator takes the *mean over the ranked list* of the recall so far, and likewise for precision. It is not the usual recall, and comparable only with values computed in the same way.
# - **F2** $=5PR/(4P+R)$ from these two weighs recall more than precision.
#
# None of this means anything without a baseline, so random scores go through exactly the same procedure:

# %% [markdown] lang="zh"
# 如果有一段没有标注、不在真值里，得分却很高，**损失对此没有惩罚**：从标注点出发的搜索到不了那里，背景种子又只落在网络已经判为背景的地方。伪标签只会强化网络已有的预测。第 9 节还会谈到这一点。
#
# ### 从得分到片段
#
# `localize` 用 0 到 0.225 的十个阈值切分类别得分曲线，用 0.5 到 0.7 的九个阈值切分 $1-$ 背景得分。每一串高于阈值的时刻就是一个**候选片段**。它的得分等于片段内的类别得分比周围高出多少，再加 0.3 倍的视频得分。同一类的候选片段重叠达到一半，只留最好的（**非极大值抑制**，NMS）。视频得分达到 0.5 的类别才做定位；都达不到时，取得分较高的一类。
#
# **找得好不好？** 把全部测试视频的候选片段按得分排序。类别对，并且与某个尚未被更好的候选片段占用的真值片段 tIoU 达到门槛（0.1、0.15……0.3），才算对。
#
# - **AP**：对的排得越靠前越高；**nAP** 和 **pAP** 分属两类，**mAP** 是它们的平均。
# - **召回率**是找到的真值片段所占的比例。TSL-Net 的评估程序把*排序列表每一位*上的累计召回率取平均，精确率也这样算。这不是通常说的召回率，只能与同样算法的数字相比。
# - **F2** $=5PR/(4P+R)$，由这两个数算出，召回率占的分量比精确率大。
#
# 没有基线，这些数都说明不了什么，所以让随机得分走一遍完全相同的流程：

# %%
result = tsl.test(net, validation)
print(result.table())
chance = tsl.random_average_map(validation)
print(f"\naverage mAP: {result.summary()['average_mAP']:.3f}, random scores: {chance:.3f}")
present = [{s.label for s in x.truth} for x in validation.items]
constant = {words: np.mean([y == set(words) for y in present]) for words in ("n", "p", "np")}
answer, share = max(constant.items(), key=lambda row: row[1])
print(f"videos whose classes are all right: {result.accuracy:.0%}; "
      f"always answering {' and '.join(answer)!r}: {share:.0%}")  # fmt: skip

# %%
blind = [tsl.measure(tsl.random_scores(validation, seed), validation).metrics for seed in range(20)]
names = [f"{t:.2f}" for t in tsl.TIOUS]
figure, ax = plt.subplots(figsize=(6, 2.6))
ax.plot(names, [result.metrics[f"mAP@{t}"] for t in names], "o-", color=ORANGE, label="TSL-Net")
low, middle, high = np.quantile(
    [[m[f"mAP@{t}"] for t in names] for m in blind], [0, 0.5, 1], axis=0
)
ax.plot(names, middle, "o--", color="black", ms=3, label="random scores, 20 draws")
ax.fill_between(names, low, high, color=GREY, alpha=0.6)
ax.set(
    title="Ten test videos, 40 true segments",
    xlabel="tIoU of at least",
    ylabel="mAP",
    ylim=(0, 1.03),
)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

curve = [result.metrics[f"mAP@{t}"] for t in names]
if min(curve) > high.max() and min(curve) > 0.8 * max(curve):
    classroom.say(
        "Above every random draw, and much the same at all thresholds: where the network finds an "
        "event it also finds its borders.",
        "高于每一次随机抽取，而且各个门槛下相差不多：网络找到事件，也就找到了边界。",
    )
elif min(curve) > high.max():
    classroom.say(
        "Above every random draw, but lower at high thresholds: the network finds more events than "
        "borders.",
        "高于每一次随机抽取，但门槛越高越低：找到的事件比找准的边界多。",
    )
else:
    classroom.say(
        "At some threshold a random draw does as well: here little has been learned.",
        "在某个门槛下，随机抽取也有这样的成绩：这里没有学到多少。",
    )
if result.accuracy <= share:
    classroom.say(
        "The classes of a whole video are told no better than by the constant answer.",
        "判断整段视频有哪些类别，并不比那个固定的回答强。",
    )

# %% [markdown] lang="en"
# The network **was never given a border**. The rendered events are as clear at their first frame as in their middle; the sentiment of a real video comes and goes, and its borders are a matter of judgement. A score on these videos shows that the method works; it says nothing about people's feelings.
#
# *Classes all right* has to be read beside the constant answer. Nor can it be compared with the training accuracy above: in training the absent classes are known, and are scored by their mean over the whole video instead of its best snippets.

# %% [markdown] lang="zh"
# **训练中从未给出边界**。渲染的事件从第一帧起就和中间一样明显；真实视频的情感有起有落，边界本来就没有唯一答案。在这些视频上的分数只说明方法有效，与人的真实情感无关。
#
# *类别全判对*的比例，要和固定的回答放在一起看。它也不能与上面的训练准确率相比：训练时已知哪些类别不出现，这些类别按整段视频的平均值计分，而不是按最好的那些小段。

# %% [markdown] lang="en"
# ## 8 · Plus or minus? The sign of the reverse mapping
#
# What does the term do to a network? In each figure below, a row is a snippet's own image features, a column the features mapped back from the neck, and the colour their cosine. A reverse mapping that works has a bright diagonal: every snippet is recovered, and none is mistaken for another.
#
# Three networks, all from seed 0: with the **released** sign, with the **paper's**, and **without** the term (weight 0; its four convolutions then keep their initial weights).

# %% [markdown] lang="zh"
# ## 8 · 加还是减？反向映射的符号
#
# 这一项对网络做了什么？下面每张图的一行是一个小段自己的视觉特征，一列是从融合层映射回来的特征，颜色是两者的余弦。反向映射若起作用，对角线应当是亮的：每个小段都能恢复自己，又不会与别的混淆。
#
# 三个网络都从随机种子 0 出发：**公开代码**的符号（released），**论文**的符号（paper's），以及**不用**这一项（without，权重为 0，那四层卷积保持初值）。

# %%
WITHOUT = (*tsl.LAMBDAS[:3], 0.0)
VARIANTS = {"released": {}, "paper's": {"reverse_sign": "paper"}, "without": {"lambdas": WITHOUT}}
networks, curves = {("released", 0): net}, {("released", 0): history}
for seed in range(3):
    for name, options in VARIANTS.items():
        if (name, seed) not in networks:
            networks[name, seed], curves[name, seed] = train(seed, **options)


def found_again(network, sample):
    """Cosines [T, T] of each clip's own picture features with those mapped back of every clip."""
    network.eval()
    parts = network.cls_module
    rgb, logmel = (jt.array(x) for x in tsl.inputs(sample))
    with jt.no_grad():
        own = parts.v_align(rgb.transpose(0, 2, 1))
        fused = parts.neck(jt.concat([own, parts.listen(logmel).transpose(0, 2, 1)], dim=1))
        back = parts.rev_fv.net(fused)
    own, back = (x.numpy()[0].T for x in (own, back))
    own, back = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (own, back)
    )
    return own @ back.T


figure, axes = plt.subplots(1, 3, figsize=(10, 3.3))
for ax, name in zip(axes, VARIANTS, strict=True):
    cosines = found_again(networks[name, 0], sample)
    r = (np.diag(cosines) - np.log(np.exp(cosines).sum(1))).mean()
    image = ax.imshow(cosines, vmin=0, vmax=1, cmap="viridis")
    ax.set(title=f"{name}: r = {r:.2f}", xlabel="clip, mapped back")
axes[0].set_ylabel("clip, as it is")
figure.colorbar(image, ax=axes, label="cosine")
figure.suptitle(
    f"{sample.id}, image features; all clips alike would give r = −ln {T} = {-np.log(T):.2f}"
)
plt.show()

found_r = {name: {} for name in VARIANTS}
for name, of_seeds in found_r.items():
    for seed in range(3):
        cosines = found_again(networks[name, seed], sample)
        of_seeds[seed] = (np.diag(cosines) - np.log(np.exp(cosines).sum(1))).mean()
classroom.compare_runs(
    "r of the image", found_r, fixed="this one training video", fixed_zh="这一段训练视频"
)
low, top = max(found_r["released"].values()), min(found_r["paper's"].values())
if low < -np.log(T) < top:
    classroom.say(
        f"The released sign trains the opposite of the idea: with every seed r is below {-np.log(T):.2f}, "
        "that of snippets that are all alike, since the mapping avoids a snippet's own features. With "
        "the paper's sign it is above.",
        f"公开代码的符号使网络学到的，与本意正好相反：每个种子的 r 都低于 {-np.log(T):.2f}（所有小段都一样时的值），"
        "因为映射避开小段自己的特征；用论文的符号则高于它。",
    )
else:
    classroom.say(
        f"Compare each r with {-np.log(T):.2f}, that of snippets that are all alike: here the two signs do "
        "not fall on its two sides with every seed.",
        f"请把各个 r 与 {-np.log(T):.2f}（所有小段都一样时的值）比较：这里两种符号并不是每个种子都分居两侧。",
    )

# %% [markdown] lang="en"
# However long one trains with the paper's sign, $r$ rises only so far, since ReLU keeps all cosines between 0 and 1: with a perfect diagonal and zeros elsewhere, $r$ would be $1-\ln(e+T-1)$.
#
# Does it affect localization? By the rule of notebook 04, section 6 (*How to compare runs*): three seeds each, paired (other seeds also draw other annotators):

# %% [markdown] lang="zh"
# 用论文的符号，训练再久，$r$ 的上限也不高，因为 ReLU 使余弦都在 0 和 1 之间：即使对角线全为 1、别处全为 0，$r$ 也只有 $1-\ln(e+T-1)$。
#
# 定位的好坏受影响吗？按 04 第 6 节的规则（“怎样比较两次运行”）：各跑三个随机种子，成对比较（换种子时抽到的标注者也不同）：

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.9), width_ratios=[1.7, 1])
colours = dict(zip(VARIANTS, (ORANGE, BLUE, "black"), strict=True))
last = {name: np.array([curves[name, s][-1]["average_mAP"] for s in range(3)]) for name in VARIANTS}
for x, (name, colour) in enumerate(colours.items()):
    for seed in range(3):
        rows = curves[name, seed]
        at = [row["epoch"] * schedule.evaluate_every for row in rows]
        left.plot(at, [row["average_mAP"] for row in rows], color=colour, lw=1, alpha=0.8)
    right.plot(np.full(3, x), last[name], "o", color=colour, alpha=0.8)
    right.plot([x - 0.2, x + 0.2], [last[name].mean()] * 2, color=colour, lw=2)
for ax in (left, right):
    ax.axhline(chance, color="black", ls="--", lw=1)
left.set(title="Three seeds each, while training", xlabel="step", ylabel="average mAP", ylim=(0, 1))
left.text(100, chance + 0.02, "random scores", ha="right")
right.set(
    xticks=range(3),
    xticklabels=VARIANTS,
    ylim=(0, 1),
    xlim=(-0.5, 2.5),
    title="After the last step",
)
plt.show()

# %%
pairs = classroom.compare_runs(
    "average mAP", {name: dict(enumerate(values)) for name, values in last.items()},
    fixed="the 20 + 10 rendered videos, their features, 100 steps, the machine",
    fixed_zh="20 + 10 段渲染视频、它们的特征、100 步、这台机器",
)  # fmt: skip
widest = max(abs(pair.differences.mean()) for pair in pairs.values())
between = max(np.ptp(values) for values in last.values())
classroom.say(
    f"The means differ by at most {widest:.3f}; the seeds of one setting by up to {between:.3f}.",
    f"平均值之间最多相差 {widest:.3f}；同一设置的种子之间最多相差 {between:.3f}。",
)

# %% [markdown] lang="en"
# Three pairs that agree look like proof; they are not. An earlier edition of this notebook had the released sign ahead of both others, in ranges that did not overlap: its seeds 0 and 1 began with the same weights (trap 50 in notebook 02). On other sample videos, rendered from another seed with the same code, the gaps were 0.02 to 0.07, and with other dropout masks single runs changed by as much as 0.1. A range over *training* seeds says nothing about other *videos*.
#
# Ten easy videos show no more than that. **They show nothing about TSL-300**, whose videos are real, whose features are I3D's, and where training takes twenty times as many steps with four times as many videos each. What is certain is narrower, but worth knowing: the released code minimises what equation (1) of the paper maximises.

# %% [markdown] lang="zh"
# 三对结果方向一致，看上去像是证据，其实不是。本笔记本的早先版本里，公开代码的符号领先于另外两种，而且范围互不重叠：那时种子 0 和 1 的初始权重完全相同（02 的陷阱 50）。用同样的代码、另一个种子渲染的另一批样例视频上，差距是 0.02 到 0.07；换一批 dropout 的随机数，单次结果的变动可达 0.1。换*训练*的种子得到的范围，说明不了换一批*视频*会怎样。
#
# 十段简单的视频，能说的只有这些。**它们说明不了 TSL-300 上的情况**：那里的视频是真实的，特征是 I3D 的，步数是这里的二十倍，每步的视频是四倍。能确定的事情范围更窄，但值得知道：论文公式 (1) 要最大化的量，公开代码却在最小化。

# %% [markdown] lang="en"
# ## 9 · Listen *and* look?
#
# Now networks that get the image features alone (`rgb`) or the audio alone (`logmfcc`). The decoys were made for them: a network with images only cannot know that a colourful shot has no matching audio, and one with audio only cannot know that nothing is visible. Three seeds each:

# %% [markdown] lang="zh"
# ## 9 · 听*和*看，缺一不可吗？
#
# 再训练只用视觉特征（`rgb`）或只用音频特征（`logmfcc`）的网络。干扰镜头就是为它们准备的：只有视觉的网络无法知道那个色彩鲜艳的镜头没有相应的声音，只有音频的网络也无法知道画面上什么都没发生。各跑三个随机种子：

# %%
for seed in range(3):
    for name, modality in {"picture alone": "rgb", "sound alone": "logmfcc"}.items():
        networks[name, seed], curves[name, seed] = train(seed, modality)

ALL = {"both": "released", "both, no reverse\nmapping": "without"}
ALL |= {"picture\nalone": "picture alone", "sound\nalone": "sound alone"}
ends = {
    words: np.array([curves[name, s][-1]["average_mAP"] for s in range(3)])
    for words, name in ALL.items()
}
figure, ax = plt.subplots(figsize=(7, 2.8))
for x, values in enumerate(ends.values()):
    ax.bar(x, values.mean(), color=[ORANGE, "#555555", BLUE, RED][x], width=0.55, alpha=0.75)
    ax.plot(np.full(3, x), values, "o", color="black", ms=4)
    ax.text(x, values.max() + 0.03, f"{values.mean():.3f}", ha="center")
ax.axhline(chance, color="black", ls="--", lw=1)
ax.text(2.5, chance + 0.015, "random", ha="center", fontsize=8)
ax.set(
    xticks=range(4),
    xticklabels=ends,
    ylim=(0, 1.1),
    ylabel="average mAP",
    title="Means of three seeds (dots)",
)
plt.show()
pairs = classroom.compare_runs(
    "average mAP", {w.replace("\n", " "): dict(enumerate(v)) for w, v in ends.items()},
    fixed="the rendered videos and the descriptor; networks of other modalities have other weights "
    "at the start, whatever the seed",
    fixed_zh="渲染视频和描述子；输入不同的网络，种子相同，初始权重也不同",
)  # fmt: skip

# %% [markdown] lang="en"
# Before drawing conclusions: the two inputs are not equally easy. The descriptor hands the network colour and motion directly; the audio network must learn from raw spectrograms, in 100 steps, what an event sounds like, above hums that change from shot to shot.
#
# ### Which network takes decoys for events?
#
# The ground truth does not list the decoys, and a threshold on colour would miss the dark ones. But the renderer knows what it made: `read_decoys` has the time of each. Below, how colourful the snippets of one video are, with its events and both decoys.

# %% [markdown] lang="zh"
# 先别急着下结论：两种输入的难易并不相同。描述子直接给出了颜色和运动；音频网络却要在 100 步之内，从原始谱图里学会事件听起来是什么样，而每个镜头的嗡嗡声又各不相同。
#
# ### 哪个网络会误判干扰镜头？
#
# 真值里没有列出干扰镜头，用颜色的阈值去找，又会漏掉暗的。不过渲染程序知道自己画了什么：`read_decoys` 给出每个干扰镜头的时间。下面是一段视频里各小段的鲜艳程度，以及它的事件和两个干扰镜头。


# %%
def colourfulness(rgb):
    """Mean saturation of each clip [T] from the descriptor's histograms, 0 to 1."""
    shares = rgb.reshape(len(rgb), 16, 64)[:, :, 12:17] ** 2  # five levels; stored as roots
    return (shares * [0.1, 0.3, 0.5, 0.7, 0.9]).sum(2).mean(1)


figure, ax = plt.subplots(figsize=(11, 2))
grey = colourfulness(heard.rgb)
ax.step(np.arange(len(grey)) * 16 / shown.fps, grey, where="post", color="black")
handles = shade(ax, shown.truth)
HATCH = {"looks": "//", "sounds": ".."}
for kind, start, end in decoys[shown.id]:
    ax.axvspan(start, end, fill=False, hatch=HATCH[kind], ec="black", lw=0.5)
handles += [Patch(fill=False, hatch=hatch, label=f"only {kind}") for kind, hatch in HATCH.items()]
ax.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(
    title=f"Colourfulness of {shown.id}", xlabel="time (s)", xlim=(0, heard.seconds), ylim=(0, None)
)
plt.show()

# %% [markdown] lang="en"
# Two measurements per network. First: what is its class score (the larger of n and p) on true events, on decoys that only look, on decoys that only sound, and elsewhere? Second: there are 40 true segments, so take its 40 **best proposals**. Where do they lie? *On an event* means a tIoU of 0.1 or more.

# %% [markdown] lang="zh"
# 对每个网络测量两件事。第一，它的类别得分（取 n、p 中较大的）在真实事件上、在只看着像、只听着像的干扰镜头上、在别处各是多少？第二，真值片段共有 40 个，那么取它**最好的 40 个候选片段**，看它们都落在哪里？tIoU 不低于 0.1 才算*落在事件上*。

# %%
from jacklib.core.metrics import temporal_iou

WHERE = (
    "right", "on an event of the other class", "on a decoy that only looks",
    "on a decoy that only sounds", "elsewhere",
)  # fmt: skip


def place_of(label, times, video):
    """Where a proposal lies, as an index in WHERE."""
    on = [c for c, s, e in truth[video] if temporal_iou(times, [(s, e)]).item() >= 0.1]
    if on:
        return 0 if label in on else 1
    on = [kind for kind, s, e in decoys[video] if temporal_iou(times, [(s, e)]).item() >= 0.1]
    return 2 + ("looks", "sounds").index(on[0]) if on else 4


modalities = {"picture alone": "rgb", "sound alone": "logmfcc"}
levels, places, results = {}, {}, {}
for words, name in ALL.items():
    videos = UntrimmedVideos(root, "test", modality=modalities.get(name, "all"))
    levels[words], places[words] = [], np.zeros(len(WHERE))
    for seed in range(3):
        results[name, seed] = found = tsl.test(networks[name, seed], videos)
        scored = [found.scores[x.id].scores[:, :2].max(1) for x in videos.items]
        kinds = [kinds_of(x.id, x.fps, len(s)) for x, s in zip(videos.items, scored, strict=True)]
        high, kind = np.concatenate(scored), np.concatenate(kinds)
        levels[words].append([high[kind == k].mean() for k in range(4)])
        ranked = sorted(
            ((row, v) for v, rows in found.results.items() for row in rows), key=lambda r: -r[0][1]
        )
        for (label, _, *times), v in ranked[:40]:
            places[words][place_of(label, times, v)] += 1
means = {words: np.mean(rows, axis=0) for words, rows in levels.items()}  # [4], as KINDS

DARK = "#555555"
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3.2), width_ratios=[1, 1.25])
for k, colour in enumerate((ORANGE, DARK, BLUE, GREY)):
    left.bar(np.arange(4) + 0.2 * (k - 1.5), [m[k] for m in means.values()], 0.19, color=colour,
             label=KINDS[k])  # fmt: skip
left.set(xticks=range(4), title="Mean class score of a clip", ylim=(0, 1.15))
left.set_xticklabels(levels, fontsize=8)
left.legend(frameon=False, ncols=4, loc="upper center", fontsize=8)
begin = np.zeros(4)
for place, colour in enumerate((ORANGE, RED, DARK, BLUE, GREY)):
    width = np.array([row[place] / 3 for row in places.values()])
    right.barh(range(4), width, left=begin, color=colour, label=WHERE[place])
    begin += width
right.set(
    yticks=range(4),
    xlabel="of the 40 best, mean of three seeds",
    title="Where the best proposals lie",
)
right.set_yticklabels(places, fontsize=8)
right.invert_yaxis()
right.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)
plt.show()
print(f"{'of 40':36}" + "".join(f"{words.replace(chr(10), ' '):>27}" for words in ALL))
for place, words in enumerate(WHERE):
    print(f"{words:36}" + "".join(f"{row[place] / 3:27.1f}" for row in places.values()))


def like_events(words, kind):
    """Whether a kind of clip scores nearer to events than to the rest."""
    event, rest = means[words][0], means[words][3]
    return means[words][KINDS.index(kind)] > (event + rest) / 2


print()
better = pairs["both", "picture alone"]
if like_events("both", "looks"):
    classroom.say(
        "With both inputs the network still scores what only looks like an event nearer to events "
        "than to the rest: it has the audio and hardly uses it. On these videos, having two inputs "
        "is not yet using two.",
        "两种输入都有，网络给“只看着像”的镜头的得分仍更接近事件：音频可用，却几乎没有用上。"
        "在这些视频上，有两种输入，不等于用了两种。",
    )
else:
    classroom.say(
        "With both inputs the network scores what only looks like an event nearer to the rest than "
        "to events: it uses the audio to tell them apart.",
        "两种输入都有时，网络给“只看着像”的镜头的得分更接近其余部分：它用音频把它们区分开了。",
    )
if better.chance > 0.05:
    classroom.say(
        "By the rule, both inputs are not shown to locate better than images alone "
        f"(mean difference {better.differences.mean():+.3f}).",
        f"按规则，不能说明两种输入的定位好于只用视觉（平均差 {better.differences.mean():+.3f}）。",
    )
audio = "sound\nalone"
ratio = places[audio][1] / max(places[audio][:2].sum(), 1)
classroom.say(
    f"Audio alone reaches a mean mAP of {ends[audio].mean():.3f} (random scores: {chance:.3f}); of its "
    f"proposals on events, {ratio:.0%} have the wrong class.",
    f"只用音频的平均 mAP 是 {ends[audio].mean():.3f}（随机得分 {chance:.3f}）；它落在事件上的候选片段中，"
    f"{ratio:.0%} 的类别是错的。",
)

# %% [markdown] lang="en"
# Read the left plot first. A network with *images* only cannot tell what only looks like an event from an event: it has no other information. One with *audio* as well could. Does `both`, and does it without the reverse mapping? Where it does not, one reason suggests itself: the images are easier to learn from, and training uses what is easy first. We have not tested it.
#
# One false positive of each network: of the proposals of seed 0 that overlap no event and last less than 15 s, the one with the highest score.

# %% [markdown] lang="zh"
# 先看左图。*只有视觉*的网络无法把“只看着像”的镜头与事件区分开，它没有别的依据。*同时有音频*的网络本来可以。`both` 做到了吗？去掉反向映射（no reverse mapping）之后呢？如果没有做到，一个可能的原因是视觉特征更容易学，训练总是先利用容易的线索；我们没有检验过。
#
# 各看一个误报：随机种子 0 的网络里，不在任何事件上、又不到 15 秒的候选片段中，得分最高的一个。

# %%
figure = plt.figure(figsize=(11, 4.6))
for half, name in zip(figure.subfigures(1, 2), modalities, strict=True):
    alarms = [
        (row, v) for v, rows in results[name, 0].results.items() for row in rows
        if temporal_iou(row[2:], [s[1:] for s in truth[v]]).max() < 0.1 and row[3] - row[2] < 15
    ]  # fmt: skip
    (label, value, start, end), video = max(alarms, key=lambda alarm: alarm[0][1])
    k = [x.id for x in validation.items].index(video)
    x, inputs = validation.items[k], validation.load(k)
    from_, to = max(start - 5, 0), min(end + 5, inputs.seconds)
    top, bottom = half.subplots(2, 1, sharex=True, height_ratios=[1, 2])
    strip(top, root / "video" / "test" / f"{video}.mp4", x.fps, from_, to, 8)
    sound = inputs.logmel.reshape(-1, 60).T * 80 - 50
    look = dict(aspect="auto", origin="lower", cmap="magma", vmin=-60, vmax=40)
    bottom.imshow(sound, extent=(0, inputs.seconds, 0, 60), **look)
    for ax in (top, bottom):
        for t in (start, end):
            ax.axvline(t, color="white", lw=3)
            ax.axvline(t, color="black", lw=1.5, ls="--")
    bottom.set(xlim=(from_, to), xlabel="time (s)", ylabel="mel band")
    half.suptitle(
        f"{name}: false alarm {WORD[label]}, score {value:.2f}\n{video}, between the dashes"
    )
plt.show()

# %% [markdown] lang="en"
# ## 10 · Look at the timeline
#
# Everything of one video on one axis of time. Things to try:
#
# - Raise the **class threshold** until one class is no longer localized, then lower it to 0. The line above the figure shows mAP and F2 over all videos.
# - Raise the lowest **score level** and the lowest **foreground level**: which proposals vanish, the wrong ones or the right ones?
# - Lower **NMS**: the stacks of overlapping proposals thin out. Too low, and neighbours of one class suppress each other.
# - Click a proposal that matches no segment, and look at its frames. Is it a decoy?
# - The last entry in the menu is the training video from section 5, with its points and pseudo labels. Its segments, unknown to the network, are from `videosenti_gt.json`, and the line of metrics counts it too.
#
# (On a page without a running kernel, such as GitHub, only the first figure is shown.)

# %% [markdown] lang="zh"
# ## 10 · 看看时间轴
#
# 一段视频的一切都画在同一条时间轴上。可以试试：
#
# - 提高**类别阈值**，直到有一类不再被定位；再降到 0。图上方那行字会说明全部视频的 mAP 和 F2 怎样变化。
# - 提高**最低得分水平**和**最低前景水平**：消失的候选片段是错的还是对的？
# - 降低 **NMS 重叠度**：成摞重叠的候选片段会变少。降得太低，同类的相邻片段就会互相抑制。
# - 点击一个对不上任何真值的候选片段，看看它的画面。是干扰镜头吗？
# - 菜单里最后一项是第 5 节的训练视频，带标注点和伪标签。它的真值片段来自 `videosenti_gt.json`，网络没有见过；那行数字也把它算在内。
#
# （在 GitHub 这类没有内核运行的页面上，只能看到第一张图。）

# %%
from jacklib.widgets.timeline import timeline_widget

timelines = [
    tsl.timeline_video(validation, k, result.scores[x.id]) for k, x in enumerate(validation.items)
]
timelines.insert(0, timelines.pop(show))  # first the one that sections 3 and 9 show
timelines.append(tsl.timeline_video(training, number, after, truth[item.id]))
timeline_widget(timelines, lang=LANG)

# %% [markdown] lang="en"
# ## 11 · Real film, and what it cannot mean
#
# The same on eight uncut pieces of *Big Buck Bunny* (© 2008 Blender Foundation, CC BY 3.0): a new network learns from 12 points in five pieces, and is tested on three others. **Read the result with care.** The three test pieces have seven segments: one more or less changes every metric by many points. All pieces are from one film, with the same characters and places; an AI model labelled them from still frames, and the points are sampled, not annotated. This shows that the code runs on real video and audio, and nothing more.

# %% [markdown] lang="zh"
# ## 11 · 真实影片，以及它不能说明什么
#
# 换成动画短片 *Big Buck Bunny*（© 2008 Blender Foundation，CC BY 3.0）的八段未剪辑视频：新网络从五段里的 12 个标注点学习，在另外三段上测试。**请谨慎解读结果。** 三段测试视频只有七个片段，多对或多错一个，每个数都会变动好多。八段出自同一部影片，角色和场景相同；标签是 AI 模型根据静止画面标注的，标注点是随机抽取的。它只说明代码能处理真实的视频和音频，此外不能说明任何问题。

# %%
film_root = UNTRIMMED["film"](progress=False)
film_training = UntrimmedVideos(film_root, "train", seed=0)
film = UntrimmedVideos(film_root, "test")
film_net = new_network(0)
film_history = tsl.train(
    film_net, film_training, film, schedule=schedule._replace(rates=(1e-3,) * 50),
    run=tsl.Run(CACHE / "film", show=False),
)  # fmt: skip
film_result = tsl.test(film_net, film)
stranger = tsl.test(net, film)  # the network that knows rendered videos only
film_chance = [
    tsl.measure(tsl.random_scores(film, s), film).summary()["average_mAP"] for s in range(20)
]
print(f"average mAP, trained on the film:       {film_result.summary()['average_mAP']:.3f}")
print(f"average mAP, trained on rendered videos: {stranger.summary()['average_mAP']:.3f}")
print(
    f"random scores, 20 draws: mean {np.mean(film_chance):.3f}, "
    f"from {min(film_chance):.3f} to {max(film_chance):.3f}"
)
if film_result.summary()["average_mAP"] <= max(film_chance):
    classroom.say(
        "Trained on the film, the mAP lies within the range of the random ones: no evidence of learning.",
        "用影片训练的 mAP 落在随机得分的范围里：没有证据表明学到了什么。",
    )
else:
    classroom.say(
        "Trained on the film, the mAP lies above the random ones. The simplest explanation is the "
        "colour of the scenes, since the descriptor contains little else.",
        "用影片训练的 mAP 高于随机得分。最简单的解释是场景的颜色，因为描述子几乎只包含这些信息。",
    )

# %%
from jacklib.widgets.timeline import render

number_of_film = [x.id for x in film.items].index("bbb_0733")
on_film = tsl.timeline_video(film, number_of_film, film_result.scores["bbb_0733"])
figure = render(on_film, lang=LANG)
figure.set_dpi(80)
display(figure)

# %% [markdown] lang="en"
# Believe nothing of it before you have compared the mAP with the range of the random ones, as the cell above does.

# %% [markdown] lang="zh"
# 信不信，要先拿 mAP 与随机得分的范围比一比，就像上面那一格所做的。

# %% [markdown] lang="en"
# ## 12 · The paper's size: a GPU and the real TSL-300
#
# `TSLNetConfig.paper()` is the released network, and the command line reads TSL-300's folder as the authors ship it, I3D features included; `docs/en/dataset.md` lists where to find it. For videos of your own, `TSL features` makes them with I3D's public Kinetics weights (`rgb_imagenet.pt`). Weights fit one kind of features only, and JACK refuses to mix them. The next cell only prints the commands.

# %% [markdown] lang="zh"
# ## 12 · 论文规模：GPU 与真实的 TSL-300
#
# `TSLNetConfig.paper()` 就是作者发布的网络，命令行可以直接读作者发布的 TSL-300 目录，I3D 特征也在其中；从哪里获取见 `docs/cn/数据集准备.md`。自己的视频可以用 `TSL features` 和公开的 Kinetics 权重（`rgb_imagenet.pt`）提取 I3D 特征。一份权重只适用于一种特征，混用时 JACK 会拒绝。下一格只打印命令。

# %%
print(TSLNetConfig.paper())
print("""
# the sample videos, as in this notebook: train, evaluate, one video of your own
bash script/run.sh TSL main --result_path results/TSL
bash script/run.sh TSL main_eval --checkpoint_path results/TSL/best.pth
bash script/run.sh TSL main_inference --video_path my_video.mp4 \\
  --checkpoint_path results/TSL/best.pth

# TSL-300, with the released settings
bash script/run.sh TSL main --data_path TSL-300 --points file --result_path results/tsl300 \\
  --batch_size 16 --lr "[0.00001]*2000" --lambdas "[2,1,0.5,1]" --r_act 8
bash script/run.sh TSL main_eval --data_path TSL-300 --checkpoint_path results/tsl300/best.pth
bash script/run.sh TSL main_inference --video_path my_video.mp4 \\
  --checkpoint_path results/tsl300/best.pth --i3d_pretrained rgb_imagenet.pt

# the paper's sign; one modality
bash script/run.sh TSL main --reverse_sign paper --result_path results/tsl_paper_sign
bash script/run.sh TSL main --modal rgb --result_path results/tsl_rgb""")

# %% [markdown] lang="en"
# ## 13 · Exercises
#
# Each cell checks itself: ✓ right, ✗ wrong with a hint, ○ not done yet. Write your answer below `your answer here` and run the cell again.
#
# **Exercise 1 — pseudo labels, by hand.** Eight snippets (clips), one mark of class p at clip 3. Which clips (a) become background seeds, (b) are grown around the mark? (Counted from 0; the mark itself is not grown.)
#
# | clip | 0 | 1 | 2 | **3** | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|---|---|
# | n | 0.1 | 0.1 | 0.2 | 0.2 | 0.1 | 0.1 | 0.3 | 0.1 |
# | p | 0.1 | 0.1 | 0.6 | 0.8 | 0.7 | 0.5 | 0.2 | 0.6 |
# | background | 0.7 | 0.96 | 0.3 | 0.1 | 0.2 | 0.4 | 0.6 | 0.3 |

# %% [markdown] lang="zh"
# ## 13 · 练习
#
# 每一格都会自己检查：✓ 对，✗ 错（附提示），○ 还没做。在注明“在这里作答”的地方写代码，再运行一次该格。
#
# **练习 1——手算伪标签。** 八个小段，小段 3 有一个 p 类标注点。哪些小段 (a) 成为背景种子，(b) 从标注点长出来？（从 0 数起；带标注的小段本身不算长出来的。）
#
# | 小段 | 0 | 1 | 2 | **3** | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|---|---|
# | n | 0.1 | 0.1 | 0.2 | 0.2 | 0.1 | 0.1 | 0.3 | 0.1 |
# | p | 0.1 | 0.1 | 0.6 | 0.8 | 0.7 | 0.5 | 0.2 | 0.6 |
# | 背景 | 0.7 | 0.96 | 0.3 | 0.1 | 0.2 | 0.4 | 0.6 | 0.3 |

# %%
background_seeds = ...  # a list such as [0, 2]
grown = ...
### BEGIN SOLUTION
background_seeds = [0, 1, 6, 7]  # 1 is sure; on the right the highest is 6, and 7 lies beyond it
grown = [2, 4, 5]  # stops at 1 and at 6; 7 is not reached
### END SOLUTION
table = np.array([
    [.1, .1, .2, .2, .1, .1, .3, .1], [.1, .1, .6, .8, .7, .5, .2, .6],
    [.7, .96, .3, .1, .2, .4, .6, .3],
]).T  # fmt: skip
act, bkg = seed_labels(table, np.array([[0.1, 0.9] if t == 3 else [0, 0] for t in range(8)]))
ok = classroom.check_value(
    "1a background seeds",
    background_seeds,
    np.flatnonzero(bkg),
    hint="Left of the mark clip 1 is sure; right of it take the highest. Then all beyond them.",
    hint_zh="标注点左边，小段 1 超过 0.95；右边取最高的一个。它们以外的全部也算。",
)
ok = classroom.check_value(
    "1b grown",
    grown,
    [t for t in np.flatnonzero(act.max(1)) if t != 3],
    hint="Go left and right from clip 3 and stop at the first where background is the highest.",
    hint_zh="从小段 3 向左右两边走，遇到第一个背景最高的小段就停。",
)

# %% [markdown] lang="en"
# **Exercise 2 — the fused score.** `classes` `[T, C]` and `background` `[T]` are sigmoids. Compute the scores `[T, C+1]` as TSL-Net does: each class times one minus background, and last the background itself.

# %% [markdown] lang="zh"
# **练习 2——融合得分。** `classes` `[T, C]` 和 `background` `[T]` 都是 sigmoid 的输出。像 TSL-Net 一样给出得分 `[T, C+1]`：每一类乘以（1 减背景），最后一列是背景本身。


# %%
def fuse(classes, background):
    """[T, C], [T] -> [T, C+1]."""
    ### BEGIN SOLUTION
    background = background[:, None]
    return np.concatenate([classes * (1 - background), background], axis=1)
    ### END SOLUTION


sigmoids = each.numpy()[0]  # of the untrained network in section 4
ok = classroom.check_function(
    "2 fused score",
    fuse,
    [
        ((np.array([[0.9, 0.5]]), np.array([0.2])), np.array([[0.72, 0.4, 0.2]])),
        ((sigmoids[:, :2], sigmoids[:, 2]), scores.numpy()[0]),
    ],
    hint="background[:, None] is [T, 1]; np.concatenate along axis 1.",
    hint_zh="background[:, None] 的形状是 [T, 1]；沿轴 1 用 np.concatenate。",
)

# %% [markdown] lang="en"
# **Exercise 3 — non-maximum suppression.** `segments` is a list of `(start, end)`, `scores` a list of floats. Take the best segment, drop all others whose tIoU with it is `limit` or more, and continue with the rest. Return the indices of the segments that are kept, best first. `temporal_iou(segment, others)` gives an array.

# %% [markdown] lang="zh"
# **练习 3——非极大值抑制。** `segments` 是 `(start, end)` 的列表，`scores` 是得分的列表。取得分最高的片段，去掉与它 tIoU 不低于 `limit` 的所有片段，再对剩下的重复。返回留下的编号，得分高的在前。`temporal_iou(片段, 其他片段)` 返回一个数组。


# %%
def suppress(segments, scores, limit=0.5):
    """A list of numbers, best first."""
    ### BEGIN SOLUTION
    order, kept = sorted(range(len(scores)), key=lambda i: -scores[i]), []
    while order:
        best = order.pop(0)
        kept.append(best)
        order = [i for i in order if temporal_iou(segments[best], [segments[i]])[0] < limit]
    return kept
    ### END SOLUTION


stretches = [(0, 4), (1, 5), (4, 8), (0, 8), (20, 22)]
ok = classroom.check_function(
    "3 NMS",
    suppress,
    [
        (([(0, 10), (1, 10), (20, 30)], [0.5, 0.9, 0.7]), [1, 2]),
        ((stretches, [0.9, 0.8, 0.7, 0.6, 0.5]), [0, 2, 4]),
        ((stretches, [0.9, 0.8, 0.7, 0.6, 0.5], 0.7), [0, 1, 2, 3, 4]),
        ((stretches, [0.1, 0.2, 0.3, 0.6, 0.5], 0.4), [3, 4]),
    ],
    hint="Sort the indices by score; keep the first, and filter the rest by its tIoU < limit.",
    hint_zh="按得分排好编号；留下第一个，其余的只保留与它 tIoU < limit 的。",
)

# %% [markdown] lang="en"
# **Exercise 4 — F2.** (a) Implement $F_2=5PR/(4P+R)$; 0 if both are 0. (b) A network has precision 0.5 and recall 0.5. Which helps F2 more: precision up to 0.9, or recall up to 0.9? Answer `"precision"` or `"recall"`.

# %% [markdown] lang="zh"
# **练习 4——F2。** (a) 写出 $F_2=5PR/(4P+R)$；两者都为 0 时得 0。(b) 一个网络精确率 0.5、召回率 0.5。把精确率提高到 0.9，还是把召回率提高到 0.9，F2 提高得更多？回答 `"precision"`（精确率）或 `"recall"`（召回率）。


# %%
def f2(precision, recall):
    """A number from 0 to 1."""
    ### BEGIN SOLUTION
    if precision + recall == 0:
        return 0.0
    return 5 * precision * recall / (4 * precision + recall)
    ### END SOLUTION


helps_more = ...
### BEGIN SOLUTION
helps_more = "recall"  # 0.776 against 0.549
### END SOLUTION
at_01 = {name: result.metrics[f"{name}@0.10"] for name in ("Pr", "Rc", "F2")}
ok = classroom.check_function(
    "4a F2",
    f2,
    [
        ((0.5, 0.5), 0.5),
        ((0.9, 0.5), 2.25 / 4.1),
        ((0, 0), 0.0),
        ((at_01["Pr"], at_01["Rc"]), at_01["F2"]),
    ],
    hint="Return 0.0 first if precision + recall == 0.",
    hint_zh="precision + recall == 0 时先返回 0.0。",
)
hint, hint_zh = "Compute f2(0.9, 0.5) and f2(0.5, 0.9).", "算一下 f2(0.9, 0.5) 和 f2(0.5, 0.9)。"
ok = classroom.check_value("4b which helps", helps_more, "recall", hint=hint, hint_zh=hint_zh)

# %% [markdown] lang="en"
# **Exercise 5 — the effect of the class threshold.** `tsl.measure(result.scores, validation, x)` localizes and evaluates segments again with class threshold $x$. (a) How many proposals are there over all videos at $x=0.5$, $0.7$ and $0.9$? (`.results` is a dict of lists.) (b) And the average mAP? (`.summary()["average_mAP"]`) Before running it: which way should recall change, which way precision?

# %% [markdown] lang="zh"
# **练习 5——类别阈值的作用。** `tsl.measure(result.scores, validation, x)` 用类别阈值 $x$ 重新找出片段并打分。(a) $x$ 取 $0.5$、$0.7$、$0.9$ 时，所有视频一共有多少个候选片段？（`.results` 是一个字典，值是列表。）(b) 平均 mAP 呢？（`.summary()["average_mAP"]`）运行之前先想想：召回率会往哪边变，精确率呢？

# %%
n_proposals = ...  # three numbers
map_at = ...
### BEGIN SOLUTION
tried = [tsl.measure(result.scores, validation, x) for x in (0.5, 0.7, 0.9)]
n_proposals = [sum(map(len, one.results.values())) for one in tried]
map_at = [one.summary()["average_mAP"] for one in tried]
### END SOLUTION
again = {x: tsl.measure(result.scores, validation, x) for x in (0.5, 0.7, 0.9)}
ok = classroom.check_value(
    "5a proposals",
    n_proposals,
    [sum(len(rows) for rows in one.results.values()) for one in again.values()],
    hint="sum(map(len, tsl.measure(result.scores, validation, x).results.values())) for each x.",
    hint_zh="对每个 x 求 sum(map(len, tsl.measure(result.scores, validation, x).results.values()))。",
)
ok = classroom.check_value(
    "5b mAP",
    map_at,
    [one.summary()["average_mAP"] for one in again.values()],
    hint='tsl.measure(result.scores, validation, x).summary()["average_mAP"] for each x.',
    hint_zh='对每个 x 求 tsl.measure(result.scores, validation, x).summary()["average_mAP"]。',
)

# %%
steps = np.round(np.arange(0.1, 1, 0.1), 1)
summaries = [tsl.measure(result.scores, validation, float(x)).metrics for x in steps]
figure, ax = plt.subplots(figsize=(6, 2.6))
for key, words, colour in (
    ("Rc", "recall", BLUE),
    ("Pr", "precision", RED),
    ("mAP", "mAP", "black"),
):
    ax.plot(steps, [m[f"{key}@0.30"] for m in summaries], "o-", ms=3, color=colour, label=words)
ax.axvline(0.5, color="black", ls="--", lw=1)
ax.set(title="At tIoU 0.3, as the evaluator counts them", xlabel="class threshold", ylim=(0, 1.03))
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown] lang="en"
# **To go on:** train with `lambdas=(2, 1, 0, 1)`, without pseudo labels, and compare mAP at tIoU 0.3; give each video all three annotators' points; run `bash script/run.sh TSL main_inference` on a video of your own.

# %% [markdown] lang="zh"
# **还可以试试：** 用 `lambdas=(2, 1, 0, 1)`，也就是不用伪标签，再训练一次，比较 tIoU 0.3 的 mAP；让每段视频用上三位标注者的全部标注点；用 `bash script/run.sh TSL main_inference` 处理自己的视频。

# %%
solved, total = classroom.summary()
