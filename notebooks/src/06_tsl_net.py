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
# # 06 · TSL-Net: when does a long video move us?
#
# | | |
# |---|---|
# | **You can afterwards** | say what single marks save and what they leave out; compute a fused score and the pseudo labels of a video by hand, and predict where they go wrong; explain how a term whose target is the network's own score still moves it; turn scores into segments and read their mAP beside a baseline; mark a film yourself |
# | **You should know** | convolution over time, sigmoid, cross entropy and its gradient; precision and recall; whose emotion a label speaks of (`00a`), how labels are made (`00b`) |
# | **Minutes** | you 75 · machine 1 (for the core; 90 more for the rest; the very first time, a minute and a half more to render the sample videos) |
# | **Core** | sections 1, 2, 4, 5, 7 to 9, without exercises 06.1, 06.5 and 06.8 to 06.10; extra: these five, and sections 3, 6, 10, 11 |
# | **Needs** | this repository; no GPU, no download |
# | **Paper** | Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 ([doi 10.1145/3503161.3548007](https://doi.org/10.1145/3503161.3548007)) |
#
# ![TSL-Net: image and audio features of every snippet are fused in the neck; a classifier scores each snippet as negative, positive and background; reverse mapping leads from the neck back to each input](img/tsl_net.en.svg)
#
# Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it. `06b_loss_terms_and_modalities` goes on from here: what does one term of the loss do, and what do image and audio each contribute?

# %% [markdown] lang="zh" tags=["slide"]
# # 06 · TSL-Net：长视频里，情感何时出现？
#
# | | |
# |---|---|
# | **学完你能** | 说明单帧标注省下了什么、丢掉了什么；手算融合得分和一段视频的伪标签，并预测它们会在哪里出错；解释目标值就是网络自己的得分时，这一项为什么仍能推动网络；把得分变成片段，对照基线读 mAP；亲手标注一部影片 |
# | **需要先会** | 沿时间的卷积、sigmoid、交叉熵及其梯度；精确率与召回率；标签说的是谁的情感（`00a`），标签怎样得来（`00b`） |
# | **用时（分钟）** | 你 75 · 机器 1（必学部分；其余再要 90；第一次运行再加一分半钟渲染样例视频） |
# | **必学** | 第 1、2、4、5、7 至 9 节，练习 06.1、06.5、06.8 至 06.10 除外；选学：这五题，以及第 3、6、10、11 节 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |
# | **论文** | Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022（[doi 10.1145/3503161.3548007](https://doi.org/10.1145/3503161.3548007)） |
#
# ![TSL-Net：每个小段的视觉与音频特征在融合层汇合；分类器给每个小段打出负面、正面、背景三个得分；反向映射从融合层回到每种输入](../img/tsl_net.zh.svg)
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。仓库里保存的输出是英文版运行时生成的，自己运行一遍，图和控件就会显示中文。`06b_loss_terms_and_modalities` 接着讲：损失中的一项起什么作用，视觉和音频各有什么贡献？

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

from pathlib import Path

import jittor as jt
import numpy as np
from IPython.display import display

from jacklib.methods import tsl
from jacklib.networks import TSLNet, TSLNetConfig
from jacklib.ops import binary_cross_entropy
from jacklib.teaching.show import moments

CACHE = Path("results/tsl")  # git ignores it

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · The task and the idea ★
#
# Notebooks 04 and 05 predicted one emotion per short clip. But a long video is moving only at certain moments, positively or negatively, and neutral in between. **Temporal sentiment localization** asks: *from when to when* is the sentiment negative (**n**), and when positive (**p**)? Everything else is **background**.
#
# Whose sentiment? TSL-300's is *evoked*: annotators mark where a video causes an emotional response in themselves (section 3.2 of the paper). There were four, trained and tested; for 98.97% of the labels more than half of them agreed. So the network learns how these four reacted. (`00a` tells evoked, perceived and expressed emotion apart; of our rendered videos nobody judged any.)
#
# To label such a video fully, an annotator must find the beginning and the end of every segment. That is slow (80 hours 41 minutes for the 200 training videos, against 1 hour 13 minutes for one frame per segment; Table 1), and annotators disagree. So TSL-Net learns from **one marked frame per segment**: the annotator watches, and presses a key whenever the sentiment is clear. The field calls this **point-level supervision**, a form of **weak supervision**: the training data do not contain where a segment begins or ends, but the network must predict it.
#
# Three ideas make it work: **pseudo labels** grow from the marked frames (section 5); image and audio features are fused, and a **reverse mapping** tests whether each can be recovered from the fused features (notebook 06b); segments are found by cutting the scores at many thresholds (section 9).
#
# The authors' data set, TSL-300, has 300 videos, more than 21 hours in total. The paper's network and the weights that the authors released reach, by overlap (tIoU):
#
# | tIoU of at least | 0.1 | 0.2 | 0.3 | mean of 0.1, 0.15 … 0.3 |
# |---|---|---|---|---|
# | mean average precision, paper | 28.72% | 20.46% | 11.83% | 20.40% |
# | mean average precision, released weights | 27.27% | 20.53% | 12.06% | 19.85% |

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 任务与思路 ★
#
# 04 和 05 给一小段视频判一种情感。而几分钟长的视频往往只在某些时刻具有正面或负面的情感，其余时间是中性的。**时序情感定位**（temporal sentiment localization）问的是：*从何时到何时*情感是负面的（**n**）？何时是正面的（**p**）？剩下的都是**背景**。
#
# 这是谁的情感？TSL-300 标注的是视频*引起*的情感：标注者在视频使自己产生情感反应的地方作标记（论文 3.2 节）。标注者共四位，经过培训和考核；98.97% 的标签有过半数的人一致。所以网络学到的，是这四个人的反应。（引起的、看出的、表达的情感有何区别，见 `00a`；我们的渲染视频没有人评判过。）
#
# 要完整标注这样的视频，得找出每个情感片段的起点和终点，既费时（200 段训练视频要 80 小时 41 分钟，每个片段只标一帧则是 1 小时 13 分钟；表 1），各人的看法又不一致。所以 TSL-Net 每个片段**只用一帧标注**：边看边标，情感明显时按一下键，按下的时刻就是**标注点**。这种标注方式称为**单帧标注**，相应的训练称为**点级弱监督**（point-level supervision）：训练数据不包含片段的起点和终点，网络却必须预测出来。
#
# 它靠三个想法：**伪标签**从标注点向两侧生长（第 5 节）；视觉与音频特征融合，再用**反向映射**检验两者能否从融合后的特征中恢复（笔记本 06b）；用多个阈值切分得分曲线，得到片段（第 9 节）。
#
# 作者的数据集 TSL-300 有 300 段视频，总长超过 21 小时。论文中的网络和他们发布的权重，在不同重叠度（tIoU）下的成绩：
#
# | tIoU 不低于 | 0.1 | 0.2 | 0.3 | 0.1、0.15……0.3 的平均 |
# |---|---|---|---|---|
# | 平均精度均值（mAP），论文 | 28.72% | 20.46% | 11.83% | 20.40% |
# | 平均精度均值（mAP），公开的权重 | 27.27% | 20.53% | 12.06% | 19.85% |

# %% [markdown] lang="en"
# ### ✎ 06.1 · What does an hour buy? · analyse ●●○
#
# The times above are those of labelling all 200 training videos; section 5.3 of the paper says that **the time of watching is left out**, as every annotator has to watch (`00b`, section 2). A video of TSL-300 lasts 4.3 minutes on average.
#
# Write `plan(hours, watch)`: how many whole videos one annotator labels in that many hours, first in full, then by single marks, if each video also takes `watch` minutes of watching, once. (`watch=0` is Table 1.) Then look at `plan(10, 0)` and `plan(10, 4.3)`: what becomes of the ratio?

# %% [markdown] lang="zh"
# ### ✎ 06.1 · 一小时能标多少？ · 分析 ●●○
#
# 上面的时间是给全部 200 段训练视频标注所用的；论文 5.3 节说明，**观看的时间没有计入**，因为无论怎样标注都得看（`00b` 第 2 节）。TSL-300 的一段视频平均 4.3 分钟。
#
# 写出 `plan(hours, watch)`：如果每段视频还要花 `watch` 分钟看一遍，一位标注者在这么多小时里能标完几段视频？先写完整标注的段数，再写单帧标注的段数，只算标完的。（`watch=0` 就是表 1 的情形。）再看看 `plan(10, 0)` 和 `plan(10, 4.3)`：两者的比值变成了多少？


# %% tags=["exercise"]
def plan(hours, watch):
    """Two whole numbers: videos labelled in full, videos labelled by single marks."""
    ...


classroom.check("06.1", plan)

# %% [markdown] lang="en"
# ### ✎ 06.2 · What may you expect? · analyse ●●○
#
# From Table 1, average mAP on TSL-300; each network was trained on all 200 videos:
#
# | labels of the 200 videos | best network in the table | average mAP |
# |---|---|---|
# | in full | AFSD, with TSL-Net's audio and image features | 24.49% |
# | single marks | TSL-Net | 20.40% |
# | only which classes occur | UM, with the same features | 10.75% |
#
# You have one annotator for 16 hours, watching included. Which average mAP does the table let you expect? **a** 24.49%, with full labels; **b** 20.40%, with single marks; **c** 10.75%, as 16 hours are few; **d** something between 20.40% and 24.49%, with half of the videos labelled each way.

# %% [markdown] lang="zh"
# ### ✎ 06.2 · 可以期待什么成绩？ · 分析 ●●○
#
# 下面出自表 1，是 TSL-300 上的平均 mAP，每个网络都用全部 200 段视频训练：
#
# | 200 段视频的标注方式 | 表中最好的网络 | 平均 mAP |
# |---|---|---|
# | 完整标注 | AFSD，使用 TSL-Net 的音频和视觉特征 | 24.49% |
# | 单帧标注 | TSL-Net | 20.40% |
# | 只标出现了哪些类别 | UM，使用同样的特征 | 10.75% |
#
# 你有一位标注者，共 16 小时，包括观看的时间。根据这张表，可以期待多高的平均 mAP？**a** 24.49%，用完整标注；**b** 20.40%，用单帧标注；**c** 10.75%，因为 16 小时很少；**d** 在 20.40% 和 24.49% 之间，一半视频完整标注，一半单帧标注。

# %% tags=["exercise"]
expected = ...
classroom.check("06.2", expected)

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · The data: long videos, few marks ★
#
# JACK renders 30 **untrimmed videos** of about a minute, 20 to train and 10 to test, and writes them in TSL-300's layout. A video is a sequence of *shots*: grey, drifting scenes with a hum. Half of the shots hold an event with the colours, movement and sound of one of the eight emotions from notebook 04; anger, disgust, fear and sadness count as negative, the others as positive. Two more shots are **decoys**: one only *looks* like an event, one only *sounds* like one. Neither is in the ground truth.
#
# Look at the files first:

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 数据：视频很长，标注很少 ★
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

# %% tags=["slide"]
from jacklib.samples.untrimmed import read_decoys

truth = tsl.read_truth(root)  # of all videos: {ID: [(label, start, end)]}
decoys = read_decoys(root)  # {ID: [("looks" or "sounds", start, end)]}, known to the renderer alone
annotators = [read_points(root / f"point_gaussian/train/point_anno_{k}.txt") for k in range(3)]

# The first training video with both sentiments
number = next(k for k, x in enumerate(training.items) if {p.label for p in x.points} == {"n", "p"})
item, sample = training.items[number], training.load(number)
clip_seconds = 16 / item.fps
file = root / "video" / "train" / f"{item.id}.mp4"
moments.video(file, item.fps, sample.seconds, truth[item.id], [a[item.id] for a in annotators])

# %% [markdown] lang="en"
# The three annotators are simulated: their marks are drawn from a Gaussian around the middle of the segment. (The paper, section 3.3, finds those of real annotators spread almost evenly over it.) As with real annotators, **each marks a different moment of the same segment**. Two passages stand out and are marked by nobody: the decoys.
#
# Which marks does a network get? As in the released code they are **mixed**: one annotator is drawn at random for each video. Below: how few of the clips are marked, and where in its segment a mark lies, over all annotators and segments.

# %% [markdown] lang="zh"
# 三位标注者是虚构的，标注点取自以片段中点为中心的高斯分布（论文 3.3 节发现，真人的标注点在片段里接近均匀分布）。不过他们和真人一样：**同一个片段，各人标的时刻不同**。有两处很显眼或很响亮，却没有人标：那是干扰镜头。
#
# 网络用谁的标注点？与公开代码一样，**混合**使用：每段视频随机抽一位标注者。下面看带标注的小段有多少，再看所有标注者、所有片段的标注点落在片段内的什么位置。

# %%
places = [
    (frame / x.fps - start) / (end - start)
    for points in annotators
    for x in training.items
    for (_, frame), (_, start, end) in zip(points[x.id], truth[x.id], strict=True)
]
n_points = sum(len(x.points) for x in training.items)
n_clips = sum(training.load(k).n_clips for k in range(len(training)))
print(f"the network gets {n_points} points for {n_clips} clips: {n_points / n_clips:.1%}")
print("marks in each tenth of a segment:", np.histogram(places, np.linspace(0, 1, 11))[0])

# %% [markdown] lang="en"
# ## 3 · Features: the input of the network ☆
#
# TSL-Net's input is not frames. A video is cut into **snippets of 16 frames** (the released code calls them clips, as do the variables below), at its own frame rate, and each becomes two arrays: 1,024 image features, and a log-mel spectrogram of 32 frames for the audio.
#
# **Audio.** 16 video frames last 0.67 s at 24 frames per second but 0.53 s at 30. To get 32 audio frames from both, the released script reads the audio of each video at a *sampling rate that depends on its frame rate*. One consequence: a mel band does not mean the same pitch in videos of different rates.

# %% [markdown] lang="zh"
# ## 3 · 特征：网络的输入 ☆
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
shown_number = next(k for k, x in enumerate(validation.items) if len({s[0] for s in x.truth}) > 1)
shown, heard = validation.items[shown_number], validation.load(shown_number)
path = root / "video" / "test" / f"{shown.id}.mp4"
moments.spectrogram(path, shown.fps, heard.logmel, shown.truth)

# %% [markdown] lang="en"
# **Image.** The authors use I3D, a 3D network trained on Kinetics, with 1,024 features per snippet. It is slow on a laptop, and its weights would have to be downloaded. The sample videos have a substitute: a **descriptor** of colours, edges and motion, computed with OpenCV. It divides the image into 4 × 4 cells with 64 values each, 1,024 in total. **It is not I3D**: it cannot recognise objects, faces or actions, and weights trained on one kind of features are useless on the other. On rendered shapes, colour and motion happen to be nearly sufficient; on real video they would not be.

# %% [markdown] lang="zh"
# **视觉。** 作者用的是 I3D，一个在 Kinetics 上训练的三维网络，给每个小段 1,024 个特征。它在笔记本电脑上很慢，权重还得另外下载。样例视频用一个替代品：用 OpenCV 算的颜色、边缘与运动的**描述子**。画面分成 4 × 4 格，每格 64 个值，共 1,024 个。**它不是 I3D**：不能识别物体、人脸和动作；用一种特征训练的权重，不能用于另一种特征。在渲染的图形上，颜色和运动恰好几乎足够；换成真实视频则不然。

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · The network, part by part ★
#
# One video goes through the **untrained** network, line by line as in `ClipNet.execute` and `TSLNet.execute` (`jacklib/networks/tsl_net.py`). $T$ is the number of its snippets.
#
# The **image** features go through one convolution over time, so that a snippet includes its neighbours. A position encoding (sines and cosines that distinguish the snippets) is added to the **audio**, the spectrograms of the snippets before and after are concatenated with its own, and a small 2D network maps the 96 × 60 values to a vector. The **neck** fuses both.
#
# The same code builds both sizes; the classroom network is narrower. A *step* is one update of the parameters. Videos differ in length, so they go through the network one at a time, and a step accumulates the gradients of `batch_size` of them. Where paper, released code and JACK differ is in a table at the end (section 11).

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 逐个部件看网络 ★
#
# 让一段视频逐行通过**尚未训练**的网络，各行对应 `jacklib/networks/tsl_net.py` 里的 `ClipNet.execute` 和 `TSLNet.execute`。$T$ 是小段的个数。
#
# **视觉**特征经过一层沿时间的卷积，每个小段因此包含左右相邻小段的信息。**音频**特征先加上位置编码（用正弦和余弦区分各个小段），再与前后小段的谱图拼接，由一个小的二维网络把 96 × 60 个值映射为一个向量。最后由**融合层**（neck）融合两者。
#
# 两种规模共用一份代码，课堂版的网络更窄。*一步*（step）指参数更新一次。视频长短不一，只能逐段通过网络，一步把 `batch_size` 段视频的梯度累加起来。论文、公开代码与 JACK 的不同之处，列在最后的表里（第 11 节）。

# %%
config, schedule = TSLNetConfig.classroom(), tsl.SCHEDULES["classroom"]


def new_network(seed):
    """A classroom network with parameters drawn from a seed."""
    runtime.seed(seed)
    network = TSLNet(config)
    jt.sync_all()  # Jittor is lazy: the parameters are drawn here
    return network


net = new_network(0)
net.eval()

for name in ("paper", "classroom"):
    plan_of, settings = tsl.SCHEDULES[name], getattr(TSLNetConfig, name)()
    parameters = TSLNet(settings).parameters()  # shapes are known; nothing is computed
    millions = sum(np.prod(p.shape) for p in parameters) / 1e6
    print(f"{name}: {millions:.1f} million parameters; neck {settings.neck_size} wide; "
          f"{plan_of.n_steps} steps of {plan_of.batch_size} videos at {plan_of.rates[0]:g}")  # fmt: skip
del parameters

# %%
parts = net.cls_module
rgb, logmel = (jt.array(x) for x in tsl.inputs(sample))
T = sample.n_clips
shapes = {"image features": rgb.shape, "log-mel": logmel.shape}

v = parts.v_align(rgb.transpose(0, 2, 1)).transpose(0, 2, 1)
shapes["image, aligned"] = v.shape
a = parts.listen(logmel)
shapes["audio, extracted"] = a.shape
fused = parts.neck(jt.concat([v, a], dim=2).transpose(0, 2, 1))
shapes["neck"] = fused.shape
logits = parts.classifier(fused).transpose(0, 2, 1)
shapes["class logits"] = logits.shape

# %% [markdown] lang="en" tags=["slide"]
# **Scores.** The three logits of a snippet are negative, positive and background. Each goes through its own sigmoid: a snippet can be both n and p, or neither. The **fused score** of a class is high only if two conditions hold, *the class* and *not background*:
#
# $$s_c=\sigma(z_c)\cdot\big(1-\sigma(z_{\text{bg}})\big)$$
#
# The **video score** of a class is the mean of its best $T/8$ values of $\sigma(z_c)$: does the class occur in this video at all? Here, as in the released code, these are the class's own scores, *before* the fusion with the background; the paper's equation (2) takes the fused ones.

# %% [markdown] lang="zh" tags=["slide"]
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
for name, shape in shapes.items():
    print(f"{name:18}{list(shape)}")

# %% [markdown] lang="en"
# ### ✎ 06.3 · Which snippet wins? · apply ●○○
#
# `classes` `[T, C]` and `background` `[T]` are sigmoids of one video. Compute its fused scores as TSL-Net does, and return for each class the number of the snippet where it is highest: C whole numbers.

# %% [markdown] lang="zh"
# ### ✎ 06.3 · 哪个小段得分最高？ · 应用 ●○○
#
# `classes` `[T, C]` 和 `background` `[T]` 是一段视频的 sigmoid 输出。像 TSL-Net 那样计算融合得分，返回每一类得分最高的小段的编号，共 C 个整数。


# %% tags=["exercise"]
def winners(classes, background):
    """[T, C], [T] -> C whole numbers."""
    ...


classroom.check("06.3", winners)

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · Pseudo labels: from one frame to a segment ★
#
# About four marked snippets per video are little to learn from. So the network's *own scores* propose more, again at every step (`seed_labels`):
#
# - **Background seeds.** Two neighbouring marks belong to two segments, so there is background somewhere between them. Every snippet between them whose background score is 0.95 or more is a seed; if there is none, the snippet with the highest background score. Before the first mark and after the last, everything beyond the seed counts too.
# - **Action seeds.** From every mark outward, snippet by snippet, up to the first whose background score is above both of its class scores.
#
# It is a **greedy search**: it uses the network's present scores and never revises a choice. Action seeds have the snippet's own scores as targets, background seeds the highest background score of their gap; neither is 0 or 1. (If at least three snippets between two marks reach 0.95, everything between the outer two counts too.) A worked example with 16 snippets and two marks:

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 伪标签：从一帧到一段 ★
#
# 一段视频只有四个左右的小段带标注，可学的太少。因此用网络*自己的得分*再产生一些伪标签，每一步都重新产生（`seed_labels`）：
#
# - **背景种子。** 相邻两个标注点分属两个片段，中间必有背景。两点之间背景得分不低于 0.95 的小段都是种子；一个都没有时，取背景得分最高的那一个。第一个标注点之前和最后一个标注点之后，种子以外的部分也全算背景。
# - **动作种子。** 从每个标注点出发，向两侧逐个小段延伸，遇到第一个背景得分高于两个类别得分的小段就停下。
#
# 这是一种**贪心搜索**：只按网络当前的得分选取，选定后不再修改。动作种子的目标值是小段自己的得分，背景种子的目标值是所在间隔里最高的背景得分，都不是 0 和 1。（两个标注点之间如果有三个或更多确信是背景的小段，最外侧两个之间的也全部算上。）下面是一个小例子，16 个小段，两个标注点：

# %% tags=["slide"]
from jacklib.core.pseudo_labels import seed_labels

toy = np.array([
    [.1, .1, .2, .6, .8, .7, .3, .1, .1, .1, .2, .2, .1, .1, .1, .1],
    [.1, .1, .1, .1, .1, .2, .2, .1, .1, .3, .6, .9, .7, .2, .1, .1],
    [.8, .97, .7, .3, .1, .2, .5, .8, .9, .4, .2, .1, .2, .6, .9, .8],
]).T  # fmt: skip
toy_points = np.zeros((16, 2))
toy_points[4], toy_points[11] = [0.9, 0.1], [0.1, 0.9]
moments.scores({moments.words("toy"): toy}, points=toy_points)
act, bkg = seed_labels(toy, toy_points)
print("background seeds:", np.flatnonzero(bkg))
print("marks and action seeds:", np.flatnonzero(act.max(1)))

# %% [markdown] lang="en"
# Now a real training video, with the scores of the **untrained** network. They are all alike, about 0.25 for the classes and 0.5 for background, so no snippet scores above the background and nothing grows: the network starts with the marks and one guessed background snippet in each gap (before the first and after the last mark together with everything beyond it). We look at the same figure again after training.

# %% [markdown] lang="zh"
# 再看一段训练视频，得分来自**未训练**的网络。各处几乎一样：类别约 0.25，背景约 0.5，没有哪个小段的得分高于背景，伪标签无法扩展。网络开始时只有标注点，加上每个间隔里估计的一个背景小段（第一个标注点之前、最后一个标注点之后，再往外的也一并算上）。训练之后再来看同一张图。

# %%
before = tsl.predict(net, sample)
in_video = {"seconds": clip_seconds, "segments": truth[item.id]}
moments.scores({item.id: before.scores}, points=sample.points, **in_video)

# %% [markdown] lang="en"
# ### ✎ 06.4a · Background seeds by hand · apply ●●○
#
# Eight snippets (clips), one mark of class p at clip 3:
#
# | clip | 0 | 1 | 2 | **3** | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|---|---|
# | n | 0.1 | 0.1 | 0.2 | 0.2 | 0.1 | 0.1 | 0.3 | 0.1 |
# | p | 0.1 | 0.1 | 0.6 | 0.8 | 0.7 | 0.5 | 0.2 | 0.6 |
# | background | 0.7 | 0.96 | 0.3 | 0.1 | 0.2 | 0.4 | 0.6 | 0.3 |
#
# Which clips become background seeds? A list of their numbers, counted from 0.

# %% [markdown] lang="zh"
# ### ✎ 06.4a · 手算背景种子 · 应用 ●●○
#
# 八个小段，小段 3 有一个 p 类标注点：
#
# | 小段 | 0 | 1 | 2 | **3** | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|---|---|
# | n | 0.1 | 0.1 | 0.2 | 0.2 | 0.1 | 0.1 | 0.3 | 0.1 |
# | p | 0.1 | 0.1 | 0.6 | 0.8 | 0.7 | 0.5 | 0.2 | 0.6 |
# | 背景 | 0.7 | 0.96 | 0.3 | 0.1 | 0.2 | 0.4 | 0.6 | 0.3 |
#
# 哪些小段成为背景种子？写成编号的列表，从 0 数起。

# %% tags=["exercise"]
background_seeds = ...
classroom.check("06.4a", background_seeds)

# %% [markdown] lang="en"
# ### ✎ 06.4b · Action seeds by hand · apply ●●○
#
# In the same table: which clips are grown around the mark? (The mark itself is not grown.)

# %% [markdown] lang="zh"
# ### ✎ 06.4b · 手算动作种子 · 应用 ●●○
#
# 还是这张表：哪些小段从标注点长出来？（带标注的小段本身不算。）

# %% tags=["exercise"]
grown = ...
classroom.check("06.4b", grown)

# %% [markdown] lang="en"
# ### ✎ 06.5 · Break the search · create ●●○
#
# Invent a case in which the greedy search goes wrong **in both ways at once**: twelve clips with fused scores of your own, two true segments, and an honest mark in each, such that
#
# - a true segment is lost in part: at least two of its clips are *background seeds*;
# - and something false is learned: at least two clips outside all true segments are *action seeds*.
#
# Return `scores` `[12, 3]` (n, p, background, each from 0 to 1), `marks`, a list of two `(clip, class)` with class 0 for n and 1 for p, and `segments`, a list of two `(first, last, class)`, last included, that do not touch. Draw your case with `moments.scores`, as above.

# %% [markdown] lang="zh"
# ### ✎ 06.5 · 让搜索出错 · 创造 ●●○
#
# 设计一个例子，让贪心搜索**同时以两种方式**出错：十二个小段，得分由你定；两个真值片段，各有一个如实的标注点，并且
#
# - 真值片段丢了一部分：其中至少两个小段成了*背景种子*；
# - 还学到了错的东西：所有真值片段之外，至少两个小段成了*动作种子*。
#
# 返回 `scores` `[12, 3]`（n、p、背景，都在 0 到 1 之间）；`marks`，两个 `(小段, 类别)`，n 为 0，p 为 1；`segments`，两个 `(首, 末, 类别)`，末尾的小段也算在内，两个片段互不相邻。可以像上面那样用 `moments.scores` 把它画出来。


# %% tags=["exercise"]
def broken():
    """scores [12, 3], marks [(clip, class)] * 2, segments [(first, last, class)] * 2."""
    ...


classroom.check("06.5", broken)

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · The loss, term by term ☆
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
# The last term has a notebook of its own, 06b. Here are all of them for the untrained network and the video from above:

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 逐项看损失 ☆
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
# 最后一项由笔记本 06b 专门讲。下面是未训练的网络在上面那段视频上的各项：

# %%
from jacklib.networks.losses import TSLLoss

criterion = TSLLoss(tsl.LAMBDAS)
WEIGHT = {"distribution": 2, "frame": 0.5, "background": 0.5, "action": 0.5, "reverse_mapping": 1}


def loss_terms(network):
    """The loss of the training video from above, as plain values."""
    network.eval()  # no dropout: two calls give the same
    output = network(*tsl.inputs(sample), sample.labels[None])
    terms = criterion(output, sample.labels[None], sample.label_distribution, sample.points)
    return {name: float(x.item() if isinstance(x, jt.Var) else x) for name, x in terms.items()}


terms = loss_terms(net)
print(f"{'':16}{'value':>9}{'weight':>8}{'part':>9}")
for name, weight in WEIGHT.items():
    print(f"{name:16}{terms[name]:9.3f}{weight:8}{weight * terms[name]:9.3f}")
print(f"{'total':33}{terms['total']:9.3f}")

# %% [markdown] lang="en"
# The reverse mapping is by far the largest part, and negative. Its absolute value matters little, since only gradients change the parameters; but do not be surprised by a *negative* training loss below.

# %% [markdown] lang="zh"
# 反向映射是其中最大的一项，而且是负的。数值大小本身意义不大，改变参数的是梯度；只是下面看到*负的*训练损失时不要奇怪。

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · Why does a target that is the network's own score teach anything? ★
#
# Look at the action term once more: at an action seed with score 0.7, the target is 0.7. It is read off as a plain number, so no gradient flows through the target. The binary cross entropy of a score $s$ with a fixed target $t$ has the derivative $(s-t)/\big(s(1-s)\big)$, and at $s=t$ that is **0**: the score is where it is told to be. Is the term useless?
#
# As released, the cross entropy $H$ is multiplied by a *focal factor*, the square of the distance from 1 for targets above 0.5, from 0 for targets below:
#
# $$\text{action}(s)=d(s)^2\,H(s,t),\qquad d(s)=\begin{cases}1-s & t>0.5\\ s & t<0.5\end{cases}$$
#
# Guess before you run on: one step of gradient descent on this term, at a seed with score 0.7. Does it raise the score (1), leave it (0) or lower it (−1)?

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 目标值就是网络自己的得分，还能学到什么？ ★
#
# 再看一眼动作这一项：动作种子的得分若是 0.7，目标值就是 0.7。目标值是读出来的常数，梯度不会从它那里流过。得分 $s$ 对固定目标 $t$ 的二元交叉熵，导数是 $(s-t)/\big(s(1-s)\big)$，在 $s=t$ 处等于 **0**：得分正好就在目标上。那么这一项岂不是没有用？
#
# 公开代码里，交叉熵 $H$ 还要乘一个 *focal 因子*：目标高于 0.5 时，是到 1 的距离的平方；低于 0.5 时，是到 0 的距离的平方：
#
# $$\text{action}(s)=d(s)^2\,H(s,t),\qquad d(s)=\begin{cases}1-s & t>0.5\\ s & t<0.5\end{cases}$$
#
# 先猜一猜再往下运行：种子得分为 0.7 时，沿这一项做一步梯度下降，得分会升高（1）、不变（0），还是降低（−1）？

# %%
guess = ...  # 1, 0 or -1
classroom.predict("06.p1", guess)


# %%
def action(s, target):
    """The action term of one score (without its weight)."""
    distance = 1 - s if target > 0.5 else s
    return distance.sqr() * binary_cross_entropy(s, jt.array([target]), "none")


for score in (0.3, 0.7):
    s = jt.array([score])
    alone = jt.grad(binary_cross_entropy(s, jt.array([score]), "none"), s).item()
    whole = jt.grad(action(s, score), s).item()
    print(f"score {score}: gradient of the cross entropy {alone:+.3f}, of the term {whole:+.3f}")
classroom.reveal("06.p1", int(-np.sign(whole)))

# %% [markdown] lang="en"
# ### ✎ 06.6 · The slope · analyse ●●○
#
# Where do these two numbers come from? Write `slope(s)`, the derivative of the action term at a seed with score $s$ (a number, not 0.5), with the target held at that same $s$. No automatic differentiation: find the formula from the two factors.

# %% [markdown] lang="zh"
# ### ✎ 06.6 · 斜率 · 分析 ●●○
#
# 这两个数是怎么来的？写出 `slope(s)`：种子的得分为 $s$（一个数，不等于 0.5）、目标值固定为同一个 $s$ 时，动作一项的导数。不用自动求导，由两个因子推出公式。


# %% tags=["exercise"]
def slope(s):
    """A number."""
    ...


classroom.check("06.6", slope)

# %% [markdown] lang="en"
# ### ✎ 06.7 · Why not 0? · analyse ●●○
#
# What moves the score at an action seed? **a** The target lags one step behind the score. **b** The factor beside the cross entropy still has a slope. **c** Dropout: target and score come from two different passes. **d** The target is rounded to 0 or 1.

# %% [markdown] lang="zh"
# ### ✎ 06.7 · 为什么不是 0？ · 分析 ●●○
#
# 是什么推动了动作种子的得分？**a** 目标值比得分慢一步。**b** 与交叉熵相乘的那个因子仍有斜率。**c** dropout：目标值和得分出自两次不同的前向计算。**d** 目标值被取整为 0 或 1。

# %% tags=["exercise"]
because = ...
classroom.check("06.7", because)

# %% [markdown] lang="en"
# **The answer.** At its own target the cross entropy is flat, but it is not 0: it is the entropy of $s$. The focal factor multiplies it, and falls towards the end on the score's own side of 0.5. So the term *sharpens*: what is above 0.5 rises, what is below falls, at marks' neighbours and, if the search has gone astray, at decoys' too. It never says *which* class is there; that must come from the marks. Nothing in it corrects a seed that is wrong.

# %% [markdown] lang="zh"
# **答案。** 在自己的目标值上，交叉熵是平的，但不等于 0：它就是 $s$ 的熵。focal 因子与它相乘，而且朝得分所在的那一端减小。所以这一项起的是*锐化*作用：高于 0.5 的升高，低于 0.5 的降低。标注点的邻居如此，如果搜索走偏了，干扰镜头也如此。它从不说明*是哪一类*，那只能来自标注点；种子选错了，它也不会纠正。

# %% [markdown] lang="en" tags=["slide"]
# ## 8 · Training ★
#
# 100 steps of 4 videos each, Adam, from random weights. The curves get a point every ten steps (the axis calls this an epoch). Left: the loss. Right: the fraction of training videos whose classes are all correct, and the **average mAP** of the test videos, explained in section 9.
#
# **Does it repeat?** Three runs of `TSL main --seed 0` on one machine gave the same `best.pth`, byte for byte, and 0.838 after the last step. On the *same* machine, with oneDNN's convolutions limited to the instructions of older processors (`DNNL_MAX_CPU_ISA`), the losses of the first ten steps agree to five digits; after a hundred the mAP is 0.860 with AVX2 and 0.855 with SSE4.1. Only the order of additions, and so the rounding, had changed. That is as much as another seed changes. Two scores of seed 0, 0.841 and 0.838, once stood in our tables for one day: the machines were not the same, nor were the sample videos, which until then came out a little different in every build. So quote a result with its machine, and do not read meaning into its third digit. (Measured on 2026-11-30 on an AMD EPYC with AVX-512.)
#
# `best.pth` keeps the weights that were best *on the test videos*. That is optimistic, so everything below uses the weights after the **last** step.
#
# Before training, pseudo labels and marks cover few of the clips of the video above. **Guess**: how many clips does the action term cover after 100 steps (marks included)?

# %% [markdown] lang="zh" tags=["slide"]
# ## 8 · 训练 ★
#
# 共 100 步，每步 4 段视频，用 Adam，权重从随机数开始。曲线每十步添一个点（坐标轴上叫 epoch）。左图是损失；右图是训练视频类别全判对的比例，以及测试视频的**平均 mAP**，含义见第 9 节。
#
# **能重现吗？** 在一台机器上运行三次 `TSL main --seed 0`，`best.pth` 逐字节相同，最后一步的 mAP 都是 0.838。还是*这台*机器，只把 oneDNN 的卷积限制在较老处理器的指令集上（`DNNL_MAX_CPU_ISA`），前十步的损失有五位数字相同；一百步之后，AVX2 的 mAP 是 0.860，SSE4.1 是 0.855。变的只是加法的次序，也就是舍入。换一个种子，变化也不过如此。我们的表里曾经在同一天为种子 0 记下两个成绩，0.841 和 0.838：机器不同，样例视频也不同——那时每次制作出来的视频都略有差别。所以引用结果要写明机器，也不要从第三位数字里读出意义。（2026-11-30 在带 AVX-512 的 AMD EPYC 上测得。）
#
# `best.pth` 保存的是*在测试视频上*最好的权重，用它得到的数字偏乐观，所以下面一律用**最后**一步的权重。
#
# 训练之前，动作一项在上面那段视频里只覆盖很少几个小段。**猜一猜**：100 步之后，它覆盖多少个小段（包括带标注的）？

# %%
print(f"before: {terms['action_clips']:.0f} of {T} clips, {len(item.points)} marks")
guess = ...
classroom.predict("06.p2", guess)

# %%
net = new_network(0)
history = tsl.train(net, training, validation, schedule=schedule, run=tsl.Run(CACHE))
print(f"{sum(row['seconds'] for row in history):.0f} s of training")

# %% [markdown] lang="en"
# The same training video as in section 5. Marks have grown into segments:

# %% [markdown] lang="zh"
# 还是第 5 节那段训练视频。标注点已经扩展成片段：

# %% tags=["slide"]
after = tsl.predict(net, sample)
panels = {moments.words("step", n=0): before.scores, moments.words("step", n=100): after.scores}
moments.scores(panels, points=sample.points, decoys=decoys[item.id], **in_video)
terms_after = loss_terms(net)
classroom.reveal("06.p2", int(terms_after["action_clips"]))
print(f"{'':18}{'before':>9}{'after':>9}")
for name in (*WEIGHT, "total", "action_clips", "background_clips"):
    print(f"{name:18}{terms[name]:9.3f}{terms_after[name]:9.3f}")

# %% [markdown] lang="en"
# Where a passage scores high although it is neither marked nor true, **nothing in the loss penalises this**: the search from the marks does not reach it, and background seeds lie where the network already predicts background. Pseudo labels reinforce what a network predicts already. Hatched above are the two decoys. Notebook 06b counts what networks make of them.

# %% [markdown] lang="zh"
# 如果有一段没有标注、不在真值里，得分却很高，**损失对此没有惩罚**：从标注点出发的搜索到不了那里，背景种子又只落在网络已经判为背景的地方。伪标签只会强化网络已有的预测。上图中画斜线或点的是两个干扰镜头；笔记本 06b 会统计各个网络怎样看待它们。

# %% [markdown] lang="en" tags=["slide"]
# ## 9 · From scores to segments, and how good they are ★
#
# `localize` cuts the score curves at ten thresholds from 0 to 0.225, and $1-$ background at nine from 0.5 to 0.7. Every run of moments above a threshold is a **proposal**. Its score is the contrast of the class score inside with its surroundings, plus 0.3 times the video score. Of proposals of one class that overlap by half or more, only the best is kept (**non-maximum suppression**, NMS). Only classes whose video score reaches 0.5 are localized; if none does, the one with the higher score is.

# %% [markdown] lang="zh" tags=["slide"]
# ## 9 · 从得分到片段，以及找得好不好 ★
#
# `localize` 用 0 到 0.225 的十个阈值切分类别得分曲线，用 0.5 到 0.7 的九个阈值切分 $1-$ 背景得分。每一串高于阈值的时刻就是一个**候选片段**。它的得分等于片段内的类别得分比周围高出多少，再加 0.3 倍的视频得分。同一类的候选片段重叠达到一半，只留最好的（**非极大值抑制**，NMS）。视频得分达到 0.5 的类别才做定位；都达不到时，取得分较高的一类。

# %%
from jacklib.core.metrics import temporal_iou

print("tIoU of 0 to 4 s with 1 to 5 s and with 0 to 8 s:", temporal_iou((0, 4), [(1, 5), (0, 8)]))

# %% [markdown] lang="en"
# ### ✎ 06.8 · Non-maximum suppression · apply ●●○
#
# `segments` is a list of `(start, end)`, `scores` a list of floats. Take the best segment, drop all others whose tIoU with it is `limit` or more, and continue with the rest. Return the indices of the segments that are kept, best first. `temporal_iou(segment, others)` gives an array.

# %% [markdown] lang="zh"
# ### ✎ 06.8 · 非极大值抑制 · 应用 ●●○
#
# `segments` 是 `(start, end)` 的列表，`scores` 是得分的列表。取得分最高的片段，去掉与它 tIoU 不低于 `limit` 的所有片段，再对剩下的重复。返回留下的编号，得分高的在前。`temporal_iou(片段, 其他片段)` 返回一个数组。


# %% tags=["exercise"]
def suppress(segments, scores, limit=0.5):
    """A list of indices, best first."""
    ...


classroom.check("06.8", suppress)

# %% [markdown] lang="en" tags=["slide"]
# **How good are they?** Proposals of all test videos are ranked by score. A proposal is correct if its class is correct and its tIoU with a segment not yet matched by a better proposal reaches a threshold (0.1, 0.15 … 0.3).
#
# - **AP** rewards correct ones near the top of the list; **nAP** and **pAP** are those of the two classes, **mAP** is their mean.
# - **Recall** is the fraction of the true segments that are found. TSL-Net's evaluator takes the *mean over the ranked list* of the recall so far, and likewise for precision. It is not the usual recall, and comparable only with values computed in the same way.
# - **F2** $=5PR/(4P+R)$ from these two weighs recall more than precision.
#
# None of this means anything without a baseline, so random scores go through exactly the same procedure. **Guess** first which average mAP they reach:

# %% [markdown] lang="zh" tags=["slide"]
# **找得好不好？** 把全部测试视频的候选片段按得分排序。类别对，并且与某个尚未被更好的候选片段占用的真值片段 tIoU 达到门槛（0.1、0.15……0.3），才算对。
#
# - **AP**：对的排得越靠前越高；**nAP** 和 **pAP** 分属两类，**mAP** 是它们的平均。
# - **召回率**是找到的真值片段所占的比例。TSL-Net 的评估程序把*排序列表每一位*上的累计召回率取平均，精确率也这样算。这不是通常说的召回率，只能与同样算法的数字相比。
# - **F2** $=5PR/(4P+R)$，由这两个数算出，召回率占的分量比精确率大。
#
# 没有基线，这些数都说明不了什么，所以让随机得分走一遍完全相同的流程。先**猜一猜**它们的平均 mAP：

# %%
guess = ...  # 0 to 1
classroom.predict("06.p3", guess)

# %%
result = tsl.test(net, validation)
print(result.table())
blind = [tsl.measure(tsl.random_scores(validation, seed), validation) for seed in range(20)]
chance = np.mean([one.summary()["average_mAP"] for one in blind])
print(f"\naverage mAP: {result.summary()['average_mAP']:.3f}, random scores: {chance:.3f}")
classroom.reveal("06.p3", round(float(chance), 3))

curve = result.detection.map
title = ("Ten test videos, 40 true segments", "十段测试视频，40 个真值片段")
show.curves(
    tsl.TIOUS, {"TSL-Net": curve}, {"random scores": chance}, title=title, axis="tIoU", unit="mAP"
)
highest = max(one.summary()["average_mAP"] for one in blind)
if min(curve) > highest and min(curve) > 0.8 * max(curve):
    classroom.say(
        "Above every random draw, and much the same at all thresholds: where the network finds an "
        "event it also finds its borders.",
        "高于每一次随机抽取，而且各个门槛下相差不多：网络找到事件，也就找到了边界。",
    )
else:
    classroom.say(
        f"Compare with the highest of 20 random draws, {highest:.3f}, and the thresholds with each "
        "other: how many borders are found?",
        f"请与 20 次随机抽取中最高的 {highest:.3f} 比较，再比较各个门槛：找准的边界有多少？",
    )
always = np.mean([len({s.label for s in x.truth}) == 2 for x in validation.items])
print(f"videos whose classes are all right: {result.accuracy:.0%}; always both: {always:.0%}")

# %% [markdown] lang="en"
# The network **was never given a border**. The rendered events are as clear at their first frame as in their middle; the sentiment of a real video comes and goes, and its borders are a matter of judgement. A score on these videos shows that the method works; it says nothing about people's feelings.
#
# *Classes all right* has to be read beside the constant answer. Nor can it be compared with the training accuracy above: in training the absent classes are known, and are scored by their mean over the whole video instead of its best snippets.

# %% [markdown] lang="zh"
# **训练中从未给出边界**。渲染的事件从第一帧起就和中间一样明显；真实视频的情感有起有落，边界本来就没有唯一答案。在这些视频上的分数只说明方法有效，与人的真实情感无关。
#
# *类别全判对*的比例，要和固定的回答放在一起看。它也不能与上面的训练准确率相比：训练时已知哪些类别不出现，这些类别按整段视频的平均值计分，而不是按最好的那些小段。

# %% [markdown] lang="en"
# ### ✎ 06.9 · F2 · apply ●○○
#
# Implement $F_2=5PR/(4P+R)$, 0 if both are 0. With it: precision and recall are 0.5 each. Which gains more, raising precision to 0.9 or raising recall to 0.9?

# %% [markdown] lang="zh"
# ### ✎ 06.9 · F2 · 应用 ●○○
#
# 写出 $F_2=5PR/(4P+R)$，两者都为 0 时得 0。再用它看看：精确率和召回率各为 0.5，把哪一个提高到 0.9，F2 提高得更多？


# %% tags=["exercise"]
def f2(precision, recall):
    """A number from 0 to 1."""
    ...


classroom.check("06.9", f2)

# %% [markdown] lang="en"
# ### ✎ 06.10 · Raise the class threshold · analyse ●●○
#
# `tsl.measure(result.scores, validation, x)` localizes and measures again with class threshold $x$; `.results` is `{video: [proposal, ...]}`. A class below the threshold is not localized, *unless no class of the video reaches it*. So how many of the ten videos still have proposals of **both** classes at $x=0.5$, $0.7$ and $0.9$? Say before you count: can a video lose all its proposals?

# %% [markdown] lang="zh"
# ### ✎ 06.10 · 提高类别阈值 · 分析 ●●○
#
# `tsl.measure(result.scores, validation, x)` 用类别阈值 $x$ 重新定位并评估；`.results` 是 `{视频: [候选片段, ……]}`。低于阈值的类别不做定位，*除非这段视频没有一个类别达到阈值*。那么 $x$ 取 $0.5$、$0.7$、$0.9$ 时，十段视频中还有几段**两类**候选片段都有？数之前先想想：一段视频会不会一个候选片段都没有？

# %% tags=["exercise"]
with_both = ...  # three whole numbers
classroom.check("06.10", with_both, result=result, videos=validation)

# %% [markdown] lang="en"
# ### Look at the timeline
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
# ### 看看时间轴
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

# %% tags=["slide"]
from jacklib.widgets.timeline import render, timeline_widget

timelines = [
    tsl.timeline_video(validation, k, result.scores[x.id]) for k, x in enumerate(validation.items)
]
timelines.insert(0, timelines.pop(shown_number))  # first the one that section 3 shows
timelines.append(tsl.timeline_video(training, number, after, truth[item.id]))
timeline_widget(timelines, lang=LANG)

# %% [markdown] lang="en" tags=["slide"]
# ## 10 · Label it yourself ☆
#
# Now the points are yours. Choose a film, type your name, play it, and press **N** or **P** at the moment that moves you. Watch it once, do not rewind to search for borders: that is the whole economy of point supervision. A few rules make labels comparable; agree on them in the class *before* you begin:
#
# - Whose sentiment do you mark: what a character feels, or what the film makes *you* feel? (TSL-300's annotators marked their own reaction.)
# - One point for each segment, where the sentiment is clear. Not at a cut.
# - When in doubt, no point: "neutral" is an answer.
#
# Each key is written to a file at once, in TSL-300's format, one file for each name; nobody sees another's points. The first five films are pieces of *Big Buck Bunny*, the others are the rendered training videos. For a film of your own, add its path to `films` (`.mp4` or `.webm`).

# %% [markdown] lang="zh" tags=["slide"]
# ## 10 · 自己来标注 ☆
#
# 现在由你来写标注点。选一部影片，填上名字，播放，在打动你的那一刻按 **N**（负面）或 **P**（正面）。只看一遍，不要倒回去找边界：单帧标注省的正是这份功夫。要让各人的标注可以比较，全班在动手*之前*先约定：
#
# - 标的是谁的情感：片中角色的，还是影片在*你*身上引起的？（TSL-300 的标注者标的是自己的反应。）
# - 每个情感片段只标一个点，标在情感明显的地方，不要标在镜头切换处。
# - 拿不准就不标：“中性”也是一种回答。
#
# 每按一次键，立刻以 TSL-300 的格式写入文件，每个名字一个文件；标注时看不到别人的点。前五部是《Big Buck Bunny》的片段，其余是渲染的训练视频。想标自己的影片，把它的路径（`.mp4` 或 `.webm`）加进 `films`。

# %%
from jacklib.widgets.label import label_widget

MARKS = CACHE / "marks"  # the points of all who mark here; git ignores it
films = [
    *sorted((UNTRIMMED["film"](progress=False) / "video" / "train").glob("*.mp4")),
    *sorted((root / "video" / "train").glob("*.mp4")),
]
labeller = label_widget(films, MARKS, LANG)
labeller

# %% [markdown] lang="en"
# The file is the export. A line is class, class index, first frame, last frame, video, marked frame; a loader of TSL-300 reads it as it is:

# %% [markdown] lang="zh"
# 这个文件就是导出结果。每行依次是类别、类别编号、起始帧、结束帧、视频、标注的那一帧，TSL-300 的读取程序可以直接使用：

# %%
mine = sorted(MARKS.glob("point_gaussian/train/*.txt"))
for file in mine:
    lines = file.read_text(encoding="utf-8").splitlines()
    print(f"{file.name}: {len(lines) - 1} points;", *lines[1:3])
if not mine:
    classroom.say(
        "Nobody has marked anything yet. The cells below use three simulated annotators.",
        "还没有人标注。下面各格使用三位模拟的标注者。",
    )

# %% [markdown] lang="en" tags=["slide"]
# ### Do you agree?
#
# To see what to look for, three simulated annotators of the rendered videos: **Ada** is careful: she marks nearly every event, near its middle; **Ben** marks early, misses one in ten and sometimes sees something where nothing is; **Cem** is careless: he misses 40% of the events, gives a quarter of the rest the wrong class, and invents three points in two videos. Shaded: the truth. Lines join points of one class that lie at most 3 seconds apart; a hollow point has no partner.

# %% [markdown] lang="zh" tags=["slide"]
# ### 你们一致吗？
#
# 先用三位模拟的标注者看看该注意什么，他们标的是渲染视频：**Ada** 很认真，几乎每个事件都标，而且标在中间附近；**Ben** 标得偏早，漏掉十分之一，偶尔无中生有；**Cem** 很马虎：漏掉 40% 的事件，余下的四分之一标错类别，平均每两段视频还凭空多出三个点。阴影是真值。连线表示同类、相距不超过 3 秒的两个点，空心的点没有对应点。

# %% tags=["slide"]
from jacklib.core.agreement import agreement_of_points
from jacklib.samples.annotators import simulated_marks
from jacklib.widgets import label

lengths = {item.id: training.load(k).seconds for k, item in enumerate(training.items)}
simulated = simulated_marks({v: truth[v] for v in lengths}, lengths, seed=0)
of_video = {name: marks[item.id] for name, marks in simulated.items()}
label.render(
    agreement_of_points(of_video), lengths[item.id], title=item.id, truth=truth[item.id], lang=LANG
)

# %% [markdown] lang="en"
# The same for the film that is chosen above, with everybody who has marked it (run this cell again after marking):

# %% [markdown] lang="zh"
# 上面选中的影片，所有标注过它的人（标注之后再运行一次这一格）：

# %%
labeller.picture()

# %% [markdown] lang="en"
# One number for each pair, over all videos. `matched_by_chance` puts every point at a random time: without it no share of matches means anything, since in a video full of points everything is near something.

# %% [markdown] lang="zh"
# 每两人一个数，对全部视频计算。`matched_by_chance` 把每个点放到随机的时刻：没有这个基线，对应的比例就毫无意义，因为点一多，什么都离得近。

# %%
from itertools import combinations

from jacklib.core.agreement import matched_by_chance

found = {
    v: agreement_of_points({name: marks[v] for name, marks in simulated.items()}) for v in lengths
}
for a, b in combinations(simulated, 2):
    pairs = sum(len(x.between(a, b)) for x in found.values())
    points = sum(len(x.points[a]) + len(x.points[b]) for x in found.values())
    print(f"{a} and {b}: {2 * pairs / points:.0%} of {points} points have a partner")
by_chance = np.mean([matched_by_chance(x.points, lengths[v], draws=20) for v, x in found.items()])
print(f"at random times, all pairs: {by_chance:.0%}")

# %% [markdown] lang="en"
# ### ✎ 06.11 · One list out of three · create ●●●
#
# A class has three lists of points for every video and does not know who is careless. Write `combine(marks)`: it takes {name: [(label, seconds), ...]} of one video and returns one list of (label, seconds). It is tried on hidden videos of a minute with four events each and three annotators like these, whose names do not tell who is who. A point is right if it lies in an event of its class, and only one point an event counts; your lists are scored by F1, which must exceed by 0.1 what one annotator drawn at random reaches: that is what `points="mixed"` trains on.

# %% [markdown] lang="zh"
# ### ✎ 06.11 · 三份合成一份 · 创造 ●●●
#
# 每段视频都有三份标注，全班不知道谁马虎。请写 `combine(marks)`：输入一段视频的 {名字: [(label, seconds), ...]}，返回一份 (label, seconds) 列表。它会在另外的视频上检验：每段一分钟、四个事件、三位与上面相像的标注者，但名字看不出谁是谁。点落在同类事件之内算对，每个事件只计一个点；按 F1 评分，要比随机抽一位标注者（`points="mixed"` 就是这样训练的）高出 0.1。


# %% tags=["exercise"]
def combine(marks):
    """marks: {name: [(label, seconds), ...]} of one video; a list of (label, seconds)."""
    ...


classroom.check("06.11", combine)

# %% [markdown] lang="en" tags=["slide"]
# ### Train on what the class marked
#
# `make_root` builds a folder in TSL-300's layout: videos, features, test videos and truth of the rendered set, and your points for training. Only videos that somebody marked are trained on; where several did, one annotator is drawn for each video, as in section 2. Every network gets 60 steps and is tested on the same ten videos with their planted truth (for the points that ship, section 8 has been through these 60 steps); once `combine` is written, its lists join in. **Guess**: how much average mAP does training on Cem's points alone lose, compared with the points that ship?

# %% [markdown] lang="zh" tags=["slide"]
# ### 用全班的标注来训练
#
# `make_root` 按 TSL-300 的布局建一个文件夹：视频、特征、测试视频和真值都来自渲染的那一套，训练用的点则是你们的。只用有人标过的视频训练；几个人都标过的，像第 2 节那样为每段视频抽一位标注者。各个网络都训练 60 步，在同样十段带植入真值的视频上测试（自带的标注点，第 8 节已经走过这 60 步）；写好 `combine` 之后，它合成的点也参加比较。**猜一猜**：与自带的标注点相比，只用 Cem 的点训练，平均 mAP 会低多少？

# %%
guess = ...  # how much lower, from 0 to 1
classroom.predict("06.p4", guess)

# %%
from jacklib.widgets.label_state import make_root, write_marks

short = schedule._replace(rates=schedule.rates[:60])
reached = {"shipped points": history[5]["average_mAP"]}  # a row for every ten steps


def train_on(name, marked):
    """A new network, trained on the points in a folder; its average mAP joins the others'."""
    videos = UntrimmedVideos(
        make_root(marked, root, CACHE / f"root_{name}"), "train", points="file"
    )
    plan = short._replace(batch_size=min(short.batch_size, len(videos)))
    run = tsl.Run(CACHE / "labelled", 0, show=False)
    rows = tsl.train(new_network(0), videos, validation, schedule=plan, run=run)
    reached[name] = rows[-1]["average_mAP"]


def written(name, marks):
    """The folder with the points of one annotator, {video: marks}."""
    write_marks(CACHE / f"marks_{name}", {x.id: x.fps for x in training.items}, {name: marks})
    return CACHE / f"marks_{name}"


train_on("Cem alone", written("Cem", simulated["Cem"]))
agreed = {v: combine({name: of[v] for name, of in simulated.items()}) for v in lengths}
if all(isinstance(points, list) for points in agreed.values()):
    train_on("combined", written("combined", agreed))
if mine:
    try:
        train_on("this class", MARKS)
    except ValueError as error:  # only films that are not of the rendered set
        print(error)
for name, score in reached.items():
    print(f"{name:16}average mAP {score:.3f}")
print(f"{'random scores':16}average mAP {chance:.3f}")
classroom.reveal("06.p4", round(reached["shipped points"] - reached["Cem alone"], 3))

# %% [markdown] lang="en"
# One seed each: read differences of a few hundredths as none (notebook 06b, section 3). Points of another *place* within a segment cost little, since pseudo labels grow from wherever the point is; points of the wrong *class* and points where nothing is teach the network something false, and the loss has no means to doubt them.

# %% [markdown] lang="zh"
# 每种只有一个种子：相差百分之几就当作没有差别（笔记本 06b 第 3 节）。点在片段里的*位置*不同，影响很小，因为无论点在哪里，伪标签都从那里生长；*类别*标错、无中生有的点却教给网络错误的东西，而损失函数没有办法怀疑它们。

# %% [markdown] lang="en"
# ### Real film, and what it cannot mean
#
# What do these networks make of real film? The test pieces of *Big Buck Bunny* (© 2008 Blender Foundation, CC BY 3.0) have seven segments, which an AI model labelled from still frames: one more or less changes every metric by many points. A network trained on five other pieces of the same film, with 12 points, reached 0.25 there (`docs/benchmarks.md`), and single draws of random scores reach as much.

# %% [markdown] lang="zh"
# ### 真实影片，以及它不能说明什么
#
# 这些网络怎样看真实的影片？*Big Buck Bunny*（© 2008 Blender Foundation，CC BY 3.0）的三段测试视频共有七个片段，由 AI 模型根据静止画面标注：多对或多错一个，每个数都会变动好多。用同一部影片的另外五段、12 个标注点训练的网络，在这里得到 0.25（见 `docs/benchmarks.md`），而随机得分单次也能达到这个数。

# %%
film = UntrimmedVideos(UNTRIMMED["film"](progress=False), "test")
stranger = tsl.test(net, film)  # the network that knows rendered videos only
draws = [tsl.measure(tsl.random_scores(film, s), film).summary() for s in range(20)]
draws = [one["average_mAP"] for one in draws]
print(f"average mAP, trained on rendered videos: {stranger.summary()['average_mAP']:.3f}; "
      f"random scores: {min(draws):.3f} to {max(draws):.3f}")  # fmt: skip
figure = render(tsl.timeline_video(film, 0, stranger.scores[film.items[0].id]), lang=LANG)
figure.set_dpi(80)
display(figure)

# %% [markdown] lang="en"
# Believe nothing of such a picture before you have compared its mAP with the range of the random ones.

# %% [markdown] lang="zh"
# 这样一张图，要先拿它的 mAP 与随机得分的范围比一比，再决定信不信。

# %% [markdown] lang="en"
# ## 11 · The paper's size: a GPU and the real TSL-300 ☆
#
# `TSLNetConfig.paper()` is the released network, and the command line reads TSL-300's folder as the authors ship it, I3D features included; `docs/en/dataset.md` lists where to find it. For videos of your own, `TSL features` makes them with I3D's public Kinetics weights (`rgb_imagenet.pt`). Weights fit one kind of features only, and JACK refuses to mix them. The next cell only prints the commands.

# %% [markdown] lang="zh"
# ## 11 · 论文规模：GPU 与真实的 TSL-300 ☆
#
# `TSLNetConfig.paper()` 就是作者发布的网络，命令行可以直接读作者发布的 TSL-300 目录，I3D 特征也在其中；从哪里获取见 `docs/cn/数据集准备.md`。自己的视频可以用 `TSL features` 和公开的 Kinetics 权重（`rgb_imagenet.pt`）提取 I3D 特征。一份权重只适用于一种特征，混用时 JACK 会拒绝。下一格只打印命令。

# %%
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
""")

# %% [markdown] lang="en"
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
# The last column's "classroom" is what this notebook runs. `TSL main --ways paper` stands for both options. Sections 4, 6 and 7 and notebook 06b show the rows that matter most; small ones are in `docs/en/architecture.md` and `docs/en/train.md`.

# %% [markdown] lang="zh"
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
# 最后一列的“课堂设置”就是本笔记本运行的设置。`TSL main --ways paper` 相当于同时使用这两个选项。其中最要紧的几行，见第 4、6、7 节和笔记本 06b；细小的差别见 `docs/cn/架构.md` 和 `docs/cn/训练.md`。

# %% [markdown] lang="en" tags=["slide"]
# ## Quiz

# %% [markdown] lang="zh" tags=["slide"]
# ## 小测验

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("06", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# One mark per segment costs a small part of full labels, and leaves out exactly what is asked for: where a segment begins and ends. TSL-Net fills the gap with its own scores, which spread from the marks and are sharpened, so that it confirms what it believes, right or wrong. Scores become segments by many thresholds and suppression, and an mAP means something only beside that of random scores through the same procedure.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 每个片段只标一帧，花费只是完整标注的一小部分，但丢掉的恰恰是要问的：片段从哪里开始，到哪里结束。TSL-Net 用自己的得分填补：伪标签从标注点向外扩展，再被锐化，于是它相信什么就强化什么，不论对错。得分经过多个阈值和抑制变成片段；mAP 只有与走同样流程的随机得分相比才有意义。

# %% [markdown] lang="en"
# ## References
#
# - Zhicheng Zhang and Jufeng Yang. *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos.* ACM Multimedia 2022. Network, loss, data set; Table 1 has the cost of labels.
# - Released code and data: github.com/nku-zhichengzhang/TSL300.
# - Pilhyeon Lee and Hyeran Byun. *Learning Action Completeness from Points for Weakly-supervised Temporal Action Localization.* ICCV 2021. The paper's reference for pooling the best eighth of the clips (LACP in its Table 1).

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Zhicheng Zhang、Jufeng Yang. *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos.* ACM Multimedia 2022。网络、损失和数据集；标注的花费见表 1。
# - 公开的代码和数据：github.com/nku-zhichengzhang/TSL300。
# - Pilhyeon Lee、Hyeran Byun. *Learning Action Completeness from Points for Weakly-supervised Temporal Action Localization.* ICCV 2021。论文取最好的八分之一小段求平均时引用的工作（表 1 中的 LACP）。

# %% [markdown] lang="en"
# ## To go on
#
# `06b_loss_terms_and_modalities`. Or train with `lambdas=(2, 1, 0, 1)`, without pseudo labels, and compare mAP at tIoU 0.3; give each video all three annotators' points; run `bash script/run.sh TSL main_inference` on a video of your own.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 接着看 `06b_loss_terms_and_modalities`。也可以用 `lambdas=(2, 1, 0, 1)`，也就是不用伪标签，再训练一次，比较 tIoU 0.3 的 mAP；让每段视频用上三位标注者的全部标注点；用 `bash script/run.sh TSL main_inference` 处理自己的视频。

# %%
solved, total = classroom.summary()
