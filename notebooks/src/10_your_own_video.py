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
# # 10 · Your own video
#
# | | |
# |---|---|
# | **Needs** | this repository; no GPU, no download, no training. Weights are included; if you have run `04_vaanet` to `07_gait`, yours are used |
# | **Takes** | about a minute on two CPU cores, and about half an hour to read and do the exercises |
# | **You will see** | all four networks applied to a video of yours and a recorded walk, interactive figures of their results, and a summary page that you can share |
#
# Choose *Run → Run All Cells* first: it uses the film clip that comes with JACK. Then choose your own file and run again.

# %% [markdown] lang="zh"
# # 10 · 用你自己的视频
#
# | | |
# |---|---|
# | **需要** | 本仓库；不需要 GPU，不用下载，也不用训练：权重随仓库提供；如果运行过 `04_vaanet` 到 `07_gait`，就用你自己训练的 |
# | **用时** | 双核 CPU 上运行约一分钟；阅读和做题约半小时 |
# | **你会看到** | 把你的一段视频和一段行走录制交给四个网络，各自的图可以动手探索，最后汇总成一个可以发给别人的网页 |
#
# 先选菜单 *Run → Run All Cells* 运行一遍：默认用自带的一段影片。然后换成你自己的文件，再运行一遍。仓库里保存的图是英文版运行时生成的；自己运行一遍，控件和图就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
import jacklib as jack  # comes first: it prepares Jittor
from jacklib.teaching import classroom

classroom.language(LANG)

import io
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display

from jacklib.methods.page import link, write_page
from jacklib.teaching import own_video

plt.rcParams.update({"figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 9})
FOLDER = Path("results/own_video")  # git ignores it
SAMPLES = Path("../data_samples") if Path("../data_samples").exists() else Path("data_samples")

# %% [markdown] lang="en"
# ## 1 · The file
#
# Choose a file in one of two ways: write a path into `PATH`, or upload a file with the button and run the cells from the next one on. The file passes through the browser: up to a few hundred megabytes in the lab that `run.sh lab` opens; other Jupyter servers often stop at 10 MB without a word, so use `PATH` there. Six seconds or more, with sound; mp4, mov, mkv, webm, avi, or whatever else your phone or camera writes. **Nothing leaves this machine**: the lab runs here, and so do the networks.

# %% [markdown] lang="zh"
# ## 1 · 选文件
#
# 两种办法：把路径写进 `PATH`；或者用按钮上传，再从下一格开始往下运行。上传的文件要经过浏览器：用 `run.sh lab` 打开时可以到几百兆；别的 Jupyter 服务器往往超过 10 MB 就没有任何反应，那时请用 `PATH`。视频要有声音，至少六秒；mp4、mov、mkv、webm、avi，以及手机和相机常用的其他格式都可以。**文件不会离开这台机器**：JupyterLab 在本机运行，网络也在本机运行。

# %%
PATH = ""  # such as "/home/me/holiday.mp4"; empty: the uploaded file, or a film clip that comes with JACK

upload = ipywidgets.FileUpload(accept=",".join(own_video.VIDEOS), multiple=False)
display(upload)

# %%
chosen = PATH or own_video.uploaded(upload.value, FOLDER / "uploads")
video = own_video.check_file(
    chosen or SAMPLES / "untrimmed_film" / "video" / "test" / "bbb_0201.mp4"
)
facts = own_video.look(video)
print(f"{video.name}: {facts.seconds:.1f} s, {video.stat().st_size / 1e6:.1f} MB,",
      "with sound" if facts.sound else "no sound: the networks hear silence")  # fmt: skip

# %% [markdown] lang="en"
# A file that cannot be used is refused with one sentence that gives the reason:

# %% [markdown] lang="zh"
# 不能用的文件会被拒绝，并用一句话说明原因：

# %%
FOLDER.mkdir(parents=True, exist_ok=True)
(FOLDER / "no_video.mp4").write_text("a text that calls itself a video")
for wrong in ("holiday.mp4", SAMPLES / "gait" / "walks.json", FOLDER / "no_video.mp4"):
    try:
        own_video.look(own_video.check_file(wrong))
    except own_video.DataError as error:
        print(error)

# %% [markdown] lang="en"
# ## 2 · What the networks were trained on
#
# One call loads a network (by name, with the included weights, or by the path of a checkpoint), and one call predicts:

# %% [markdown] lang="zh"
# ## 2 · 这些网络是用什么训练的
#
# 加载一个网络只要一行（写名字就用随仓库提供的权重，也可以写权重文件的路径），预测也只要一行：

# %%
model = jack.load("vaanet")
print(model.predict(video))

# %% [markdown] lang="en"
# `own_video.load_newest` loads the newest weights of notebooks 04 to 07 or of the commands, and the included ones if there are none. All of them were trained on JACK's sample data: **rendered clips** with planted events (VAANet, CTEN, TSL-Net) and recorded walks with **synthetic labels** (BPM-GCN).
#
# Keep that in mind with every answer below. A network trained on coloured shapes only will predict, with 97%, that your grandmother is disgusted. It must choose among its classes and has no way to answer "I do not know this". What you *can* see is **how** it decides: which moments have high weights, what is erased, where segments would begin. For meaningful answers, train on a real data set (`docs/en/train.md`) and load those weights: `jack.load("results/VAANet/best.pth")`.
#
# The score printed after each network was measured on *its own kind of data*; if a best epoch was chosen, it was chosen on those very clips, so the score is a little optimistic. It says nothing about your film.

# %% [markdown] lang="zh"
# `own_video.load_newest` 优先加载笔记本 04 到 07 或命令行最近一次训练的权重，没有的话就用随仓库提供的。它们都是用仓库自带的数据训练的：植入了事件的**渲染视频**（VAANet、CTEN、TSL-Net），以及带**合成标签**的行走录制（BPM-GCN）。
#
# 看下面每个答案时都要记住这一点。一个只用彩色图形训练过的网络，会以 97% 的概率判断你奶奶感到“厌恶”。它必须在几个类别里选一个，没有办法回答“不知道”。你*能*看到的是它**怎样**判断：哪些时刻权重高，擦除了什么，片段从哪里开始。想要有意义的答案，请在真实数据集上训练（见 `docs/cn/训练.md`），再加载那份权重：`jack.load("results/VAANet/best.pth")`。
#
# 每个网络后面的数字是在*与训练同类的数据*上测的；如果挑了最好的一轮，也是用这些数据挑的，所以略微偏高。它说明不了网络在你的影片上有多准。

# %%
models = {name: own_video.load_newest(name) for name in ("vaanet", "cten", "tsl", "gait")}
for model in models.values():
    print(own_video.about(model, LANG))

# %% [markdown] lang="en"
# ## 3 · Three networks on one video
#
# VAANet predicts one emotion for the whole video and shows its visual and audio attention. CTEN also predicts one, erases the segments with the highest attention, and predicts again. TSL-Net marks the segments in which the sentiment is clear.

# %% [markdown] lang="zh"
# ## 3 · 三个网络分析同一段视频
#
# VAANet 给整段视频预测一种情感，并显示视觉和音频注意力。CTEN 也预测一种，然后擦除注意力最高的片段，再预测一次。TSL-Net 标出情感明显的时段。

# %%
answers = [models[name].predict(video) for name in ("vaanet", "cten", "tsl")]
for answer in answers:
    print(f"{answer.network:8} {answer.label} {answer.probabilities[answer.label]:.2f}")
print(answers[0].doubt_in(LANG) or "")

# %% [markdown] lang="en"
# An answer is more than a label:

# %% [markdown] lang="zh"
# 答案不只是一个标签：

# %%
for start, end, label, score in answers[2].segments[:5]:  # TSL-Net's, best first
    print(f"{start:5.1f} to {end:5.1f} s: {label}, {score:.2f}")
print("VAANet's weight of each part of the video:", answers[0].attention.round(2))
print("saved:", *(answers[0].save(FOLDER / f"vaanet.{kind}", LANG) for kind in ("png", "json")))

# %% [markdown] lang="en"
# Side by side, first as static figures, then as widgets, one tab per network:

# %% [markdown] lang="zh"
# 三个放在一起：先是静态的图，再是可以操作的控件，每个一个标签页：

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 6))
for ax, answer in zip(axes, answers, strict=True):
    ax.imshow(plt.imread(io.BytesIO(answer.png(LANG))))
    ax.set_title(answer.network, loc="left")
    ax.set_anchor("N")
    ax.axis("off")
plt.show()

tabs = ipywidgets.Tab([answer.show(LANG).widget for answer in answers])
tabs.titles = [answer.network for answer in answers]
display(tabs)

# %% [markdown] lang="en"
# Do the two emotion classifiers agree? Their probabilities:

# %% [markdown] lang="zh"
# 预测情感的两个网络结果一致吗？它们的概率：

# %%
names = list(answers[0].probabilities)
figure, ax = plt.subplots(figsize=(7.5, 2.6))
for k, (answer, colour) in enumerate(zip(answers[:2], ("#0072B2", "#E69F00"), strict=True)):
    ax.bar(np.arange(len(names)) + (k - 0.5) * 0.38, [answer.probabilities[n] for n in names],
           0.36, color=colour, label=answer.network)  # fmt: skip
ax.set_xticks(range(len(names)), names)
ax.set_ylim(0, 1)
ax.set_ylabel("probability")
ax.legend(frameon=False)
plt.show()

# %% [markdown] lang="en"
# ## 4 · A walk
#
# BPM-GCN's input is not images but sixteen joints over time: a motion-capture file (`.bvh`), or an array of poses (`.npy`, `.csv`; `docs/en/dataset.md` has the order of the joints). Put yours into `POSES`.

# %% [markdown] lang="zh"
# ## 4 · 一段行走
#
# BPM-GCN 的输入不是画面，而是十六个关节随时间的运动：动作捕捉文件（`.bvh`），或者姿态数组（`.npy`、`.csv`；关节顺序见 `docs/cn/数据集准备.md`）。把你的文件写进 `POSES`。

# %%
POSES = ""  # such as "/home/me/walk.bvh"; empty: a recorded walk that comes with JACK

poses = own_video.check_file(
    POSES or SAMPLES / "gait" / "walks" / "deepmimic_walk.csv", own_video.POSES
)
walk = models["gait"].predict(poses)
print(walk.words(LANG))
display(walk.show(LANG))

# %% [markdown] lang="en"
# ## 5 · One page to share
#
# Figures, probabilities and explanations of all four networks in one HTML file. It needs no kernel, no other file and no internet connection; it states what the results mean and which weights were used. It contains frames of your video: think before you share it.

# %% [markdown] lang="zh"
# ## 5 · 汇总成一个网页
#
# 四个网络的图、概率和文字说明都放进一个 HTML 文件，打开它不需要运行 Jupyter，不需要别的文件，也不需要网络；里面写明了这些结果能说明什么、用的是哪份权重。网页里有你视频的画面，发给别人之前请想一想。

# %%
written = write_page(
    [*answers, walk], FOLDER / f"{video.stem}_{LANG}.html", video.name, LANG, sound=facts.sound
)  # fmt: skip
print(f"{written.stat().st_size / 1e6:.1f} MB")
display(HTML(link(written)))

# %% [markdown] lang="en"
# ## 6 · Exercises
#
# **Exercise 1 — when?** VAANet cuts a video into `len(gamma)` equal segments. `seconds` is the video's length. Compute the middle of the segment with the highest weight, in seconds.

# %% [markdown] lang="zh"
# ## 6 · 练习
#
# **练习 1——什么时候？** VAANet 把视频等分成 `len(gamma)` 段，`seconds` 是视频的长度。求权重最高的那一段的中点在第几秒。

# %%
gamma, seconds = np.array([0.9, 1.1, 1.7, 0.3]), 20.0
when = ...
### BEGIN SOLUTION
when = (gamma.argmax() + 0.5) * seconds / len(gamma)
### END SOLUTION
ok = classroom.check_value(
    "1 when",
    when,
    12.5,
    hint="Segment s goes from s to s + 1 times seconds / len(gamma).",
    hint_zh="第 s 段从 s 到 s + 1，再乘以 seconds / len(gamma)。",
)

# %% [markdown] lang="en"
# **Exercise 2 — two opinions.** `first` and `second` map emotions to probabilities. Return the emotion whose **mean** probability is highest.

# %% [markdown] lang="zh"
# **练习 2——两份意见。** `first` 和 `second` 是从情感到概率的字典。返回**平均**概率最高的情感。


# %%
def together(first, second):
    """The name of an emotion."""
    ### BEGIN SOLUTION
    return max(first, key=lambda name: first[name] + second[name])
    ### END SOLUTION


ok = classroom.check_function(
    "2 two opinions",
    together,
    [
        (({"Joy": 0.6, "Fear": 0.4}, {"Joy": 0.1, "Fear": 0.9}), "Fear"),
        (({"Joy": 0.5, "Fear": 0.3, "Trust": 0.2}, {"Trust": 0.3, "Joy": 0.5, "Fear": 0.2}), "Joy"),
    ],
    hint="max(first, key=lambda name: ...)",
    hint_zh="max(first, key=lambda name: ...)",
)

# %% [markdown] lang="en"
# **Exercise 3 — what may you say?** The classroom's VAANet predicts "Joy, 0.67" for your holiday film. Which sentence is true?
#
# - `"a"`: "The film is joyful, with a probability of two in three."
# - `"b"`: "Of its eight classes, this network finds the film most like the rendered clips labelled Joy."
# - `"c"`: "Of eight people, five or six would call the film joyful."

# %% [markdown] lang="zh"
# **练习 3——可以怎么说？** 课堂版 VAANet 对你的假期影片给出“Joy，0.67”。哪句话是对的？
#
# - `"a"`：“这段影片有三分之二的可能是喜悦的。”
# - `"b"`：“在八个类别里，这个网络认为它最像标为喜悦的渲染视频。”
# - `"c"`：“八个人里会有五六个说这段影片是喜悦的。”

# %%
true_sentence = ...  # "a", "b" or "c"
### BEGIN SOLUTION
true_sentence = "b"
### END SOLUTION
ok = classroom.check_value(
    "3 what may be said",
    true_sentence,
    "b",
    hint="What was this network trained on? Has anybody measured how often it is right on real films?",
    hint_zh="这个网络见过什么？有人测过它在真实影片上有多准吗？",
)

# %% [markdown] lang="en"
# **To go on:** try a film without sound, a still image as a film, a film played backwards, and see which network's prediction changes; train VAANet on the included film clips (`bash script/run.sh VAANet main --dataset film`) and predict again. For a whole folder of films the command is faster: `bash script/run.sh predict vaanet FOLDER`.

# %% [markdown] lang="zh"
# **还可以试试：** 换成一段没有声音的影片、一张静止画面做成的影片、一段倒放的影片，看看哪个网络能察觉；用自带的影片片段训练 VAANet（`bash script/run.sh VAANet main --dataset film`），再预测一次。整个文件夹的影片用命令更快：`bash script/run.sh predict vaanet FOLDER`。

# %%
solved, total = classroom.summary()
