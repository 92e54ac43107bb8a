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
# # 10 · Your own video
#
# | | |
# |---|---|
# | **You can afterwards** | apply four networks to a video and a walk of yours; say what such an answer means and what it does not; find out by changing the video what an answer depends on |
# | **You should know** | what the networks do: VAANet (04), CTEN (05), TSL-Net (06), BPM-GCN (07); how to read a probability beside a baseline (00) |
# | **Minutes** | you 50 · machine 2 |
# | **Core** | sections 1 to 4; extra: 5, 6 |
# | **Needs** | this repository; no GPU, no download, no training. Weights are included; if you have run `04_vaanet` to `07_gait`, yours are used |
#
# Choose *Run → Run All Cells* first: it uses the film clip that comes with JACK. Then choose your own file and run again. Exercises (✎) that are not done stop nothing; `classroom.hint("10.1")` in a cell of your own helps.

# %% [markdown] lang="zh" tags=["slide"]
# # 10 · 用你自己的视频
#
# | | |
# |---|---|
# | **学完你能** | 让四个网络分析自己的视频和步态；说出这样的答案说明什么、不说明什么；通过改动视频，查出答案依据的是什么 |
# | **需要先会** | 各个网络做什么：VAANet（04）、CTEN（05）、TSL-Net（06）、BPM-GCN（07）；怎样对照基线读概率（00） |
# | **用时（分钟）** | 你 50 · 机器 2 |
# | **必学** | 第 1 至 4 节；选学：第 5、6 节 |
# | **运行条件** | 本仓库；不需要 GPU，不用下载，也不用训练：权重随仓库提供；如果运行过 `04_vaanet` 到 `07_gait`，就用你自己训练的 |
#
# 先选菜单 *Run → Run All Cells* 运行一遍：默认用自带的一段影片。然后换成你自己的文件，再运行一遍。没做的练习（✎）不会中断运行；需要帮助时，另起一格运行 `classroom.hint("10.1")`。仓库里保存的图是英文版运行时生成的；自己运行一遍，控件和图就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
import jacklib as jack  # comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import os
from pathlib import Path

import ipywidgets
import numpy as np
from IPython.display import HTML, Image, display

from jacklib.methods.page import link, write_page
from jacklib.samples import samples_folder
from jacklib.teaching import own_video

FOLDER = Path("results/own_video")  # git ignores it
SAMPLES = Path(os.path.relpath(samples_folder()))

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · The file ★
#
# Choose a file in one of two ways: write a path into `PATH`, or upload a file with the button and run the cells from the next one on. The file passes through the browser: up to a few hundred megabytes in the lab that `run.sh lab` opens; other Jupyter servers often stop at 10 MB without a word, so use `PATH` there. Six seconds or more, with sound; mp4, mov, mkv, webm, avi, or whatever else your phone or camera writes. **Nothing leaves this machine**: the lab runs here, and so do the networks.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 选文件 ★
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
        print(str(error).replace(f"{Path.cwd()}/", ""))

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · What the networks were trained on ★
#
# One call loads a network (by name, with the included weights, or by the path of a checkpoint), and one call predicts:

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 这些网络是用什么训练的 ★
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
# ### ✎ 10.1 · What may you say? · analyse ●●○
#
# The classroom's VAANet predicts "Joy, 0.67" for your holiday film. Which sentence is true?
#
# - `"a"`: "The film is joyful, with a probability of two in three."
# - `"b"`: "Of its eight classes, this network finds the film most like the rendered clips labelled Joy."
# - `"c"`: "Of eight people, five or six would call the film joyful."

# %% [markdown] lang="zh"
# ### ✎ 10.1 · 可以怎么说？ · 分析 ●●○
#
# 课堂版 VAANet 对你的假期影片给出“Joy，0.67”。哪句话是对的？
#
# - `"a"`：“这段影片有三分之二的可能是喜悦的。”
# - `"b"`：“在八个类别里，这个网络认为它最像标为喜悦的渲染视频。”
# - `"c"`：“八个人里会有五六个说这段影片是喜悦的。”

# %% tags=["exercise"]
true_sentence = ...  # "a", "b" or "c"
classroom.check("10.1", true_sentence)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Three networks on one video ★
#
# VAANet predicts one emotion for the whole video and shows its visual and audio attention. CTEN also predicts one, erases the segments with the highest attention, and predicts again. TSL-Net marks the segments in which the sentiment is clear.

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 三个网络分析同一段视频 ★
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
display(Image(answers[0].png(LANG)))

# %% [markdown] lang="en"
# That was VAANet's picture. With a running kernel you can move through all three, one tab per network:

# %% [markdown] lang="zh"
# 上面是 VAANet 的图。内核在运行时，三个网络的图都可以操作，各占一个标签页：

# %%
tabs = ipywidgets.Tab([answer.show(LANG).widget for answer in answers])
tabs.titles = [answer.network for answer in answers]
display(tabs)

# %% [markdown] lang="en"
# Do the two emotion classifiers agree? Their probabilities:

# %% [markdown] lang="zh"
# 预测情感的两个网络结果一致吗？它们的概率：

# %% tags=["slide"]
names = list(answers[0].probabilities)
show.grid(
    [[answer.probabilities[name] for name in names] for answer in answers[:2]],
    [answer.network for answer in answers[:2]], names, limits=(0, 1),
    title=("Probability of each emotion", "各情感的概率"),
)  # fmt: skip

# %% [markdown] lang="en"
# ### ✎ 10.2 · When? · apply ●○○
#
# VAANet cuts a video into `len(gamma)` equal segments. `seconds` is the video's length. Compute the middle of the segment with the highest weight, in seconds.

# %% [markdown] lang="zh"
# ### ✎ 10.2 · 什么时候？ · 应用 ●○○
#
# VAANet 把视频等分成 `len(gamma)` 段，`seconds` 是视频的长度。求权重最高的那一段的中点在第几秒。


# %% tags=["exercise"]
def middle(gamma, seconds):
    """[S] weights, a length -> seconds."""
    ...


classroom.check("10.2", middle)

# %% [markdown] lang="en"
# ### ✎ 10.3 · Two opinions · apply ●○○
#
# `first` and `second` map the same emotions to probabilities. Return the emotion whose **mean** probability is highest.

# %% [markdown] lang="zh"
# ### ✎ 10.3 · 两份意见 · 应用 ●○○
#
# `first` 和 `second` 是从同样的情感到概率的字典。返回**平均**概率最高的情感。


# %% tags=["exercise"]
def together(first, second):
    """The name of an emotion."""
    ...


classroom.check("10.3", together)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · What does the answer depend on? ★
#
# The surest way to find out is to change the video and look what happens. Take its first 20 seconds, small, as arrays: frames `[T, 144, W, 3]` and sound `[N]`. Three changes, each with a hypothesis behind it:
#
# - **silence**: whoever changes the answer has used the sound;
# - **reverse**: every frame and every tone is still there; whoever changes the answer uses order or movement, or cuts the video at other places;
# - **still**: the middle frame all the time; whoever keeps the answer did not need the rest.
#
# **Predict first**: how many of the three networks (VAANet, CTEN, TSL-Net) will change their label? Three numbers from 0 to 3, for silence, reverse and still.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 答案依据的是什么？ ★
#
# 最可靠的办法是改动视频，看结果怎样变。取前 20 秒，缩小，变成数组：画面 `[T, 144, W, 3]` 和声音 `[N]`。三种改动，各检验一个假设：
#
# - **静音**：答案变了，说明用到了声音；
# - **倒放**：画面和声音一个不少；答案变了，说明用到了先后顺序或动作，或者切分的位置不同了；
# - **静止**：始终是正中的一帧；答案不变，说明并不需要其余的画面。
#
# **先预测**：三个网络（VAANet、CTEN、TSL-Net）中，有几个会改变标签？依次为静音、倒放、静止各写一个 0 到 3 的数。

# %%
guess = ...  # such as (3, 2, 1)
classroom.predict("10.p1", guess)

# %% tags=["slide"]
frames, sound = own_video.arrays(video)


def answers_to(frames, sound, networks=("vaanet", "cten", "tsl")):
    """What the networks answer to frames and sound: {network: answer}."""
    film = own_video.as_film(frames, sound, FOLDER / "changed")
    return {name: models[name].predict(film) for name in networks}


CHANGES = {
    ("unchanged", "原样"): (frames, sound),
    ("silence", "静音"): (frames, 0 * sound),
    ("reverse", "倒放"): (frames[::-1], sound[::-1]),
    ("still", "静止"): (np.repeat(frames[len(frames) // 2][None], len(frames), 0), sound),
}
found = {change: answers_to(*film) for change, film in CHANGES.items()}
show.grid(
    [[a.probabilities[a.label] for a in row.values()] for row in found.values()],
    [*CHANGES], [a.network for a in found["unchanged", "原样"].values()], limits=(0, 1),
    texts=[[f"{show.translated(a.label)}\n{a.probabilities[a.label]:.2f}" for a in row.values()] for row in found.values()],
    title=("The label and its probability", "标签及其概率"),
)  # fmt: skip
original, *others = ([a.label for a in row.values()] for row in found.values())
classroom.reveal("10.p1", [sum(np.array(row) != original).item() for row in others])

# %% [markdown] lang="en"
# Compare each row with *unchanged*, not with section 3: the arrays are smaller, stored anew and end after 20 seconds, and already this may change an answer. Watch probabilities, too: a label that flips from 0.34 to 0.33 has hardly changed.

# %% [markdown] lang="zh"
# 各行要与*原样*比较，不要与第 3 节比较：数组变小了，重新存过，而且只有 20 秒，单是这些就可能改变答案。还要看概率：从 0.34 变到 0.33 而换了标签，其实几乎没有变。

# %% [markdown] lang="en"
# ### ✎ 10.4 · A change of your own · create ●●●
#
# Find out what VAANet's answer hangs on: write `change(frames, sound)`, which returns both, changed so that the probability of VAANet's label (the one of *unchanged*) falls by **at least 0.1**.
#
# Your budget: at most a fifth of the pixel values may differ by more than 8 (of 255). The sound may be changed as you like, its length and that of the frames must stay. Write down first what you expect: which part of the image, which stretch of time, which sound?

# %% [markdown] lang="zh"
# ### ✎ 10.4 · 自己的改动 · 创造 ●●●
#
# 查一查 VAANet 的答案取决于什么：写一个 `change(frames, sound)`，返回改动后的两者，使 VAANet 那个标签（*原样*一行的）的概率下降**至少 0.1**。
#
# 预算：最多五分之一的像素值可以相差 8（满分 255）以上。声音可以随意改；画面的帧数和声音的长度不能变。先写下你的预期：画面的哪一部分，哪一段时间，什么声音？


# %% tags=["exercise"]
def change(frames, sound):
    """[T, 144, W, 3] in 0..255, [N] -> the same, changed."""
    ...


def probability(frames, sound):
    """Of VAANet's label for the unchanged film."""
    (answer,) = answers_to(frames, sound, ["vaanet"]).values()
    return answer.probabilities[original[0]]


classroom.check("10.4", change, frames=frames, sound=sound, ask=probability)

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · A walk ☆
#
# BPM-GCN's input is not images but sixteen joints over time: a motion-capture file (`.bvh`), or an array of poses (`.npy`, `.csv`; `docs/en/dataset.md` has the order of the joints). Put yours into `POSES`. Without one, a recording of `cmu_01_03` is used, a person whom the included network has not seen in training.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 一段行走 ☆
#
# BPM-GCN 的输入不是画面，而是十六个关节随时间的运动：动作捕捉文件（`.bvh`），或者姿态数组（`.npy`、`.csv`；关节顺序见 `docs/cn/数据集准备.md`）。把你的文件写进 `POSES`；不写就用 `cmu_01_03` 的录制，随仓库提供的网络训练时没有见过这个人。

# %%
POSES = ""  # such as "/home/me/walk.bvh"; empty: a recorded walk that comes with JACK

poses = own_video.check_file(POSES or SAMPLES / "gait" / "walks" / "cmu_01_03.csv", own_video.POSES)
walk = models["gait"].predict(poses)
print(walk.words(LANG))
display(walk.show(LANG))

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · One page to share ☆
#
# Figures, probabilities and explanations of all four networks in one HTML file. It needs no kernel, no other file and no internet connection; it states what the results mean and which weights were used. It contains frames of your video: think before you share it.

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 汇总成一个网页 ☆
#
# 四个网络的图、概率和文字说明都放进一个 HTML 文件，打开它不需要运行 Jupyter，不需要别的文件，也不需要网络；里面写明了这些结果能说明什么、用的是哪份权重。网页里有你视频的画面，发给别人之前请想一想。

# %%
written = write_page(
    [*answers, walk], FOLDER / f"{video.stem}_{LANG}.html", video.name, LANG, sound=facts.sound
)  # fmt: skip
print(f"{written.stat().st_size / 1e6:.1f} MB")
display(HTML(link(written)))

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
classroom.quiz("10", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A network answers every video with one of its classes, also where none of them fits. Its probability speaks of what it was trained on, here of rendered clips and synthetic walks, and not of what people would say. What an answer depends on is found by changing the input: one change at a time, beside the unchanged one, with the prediction written down first.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 网络对任何视频都会从已有类别里选一个，哪怕没有一个合适。它的概率说的是与训练数据（这里是渲染视频和合成步态）有多像，不是人们会怎么说。要知道答案依据什么，就改动输入：每次只改一处，与原样对照，并且事先写下预测。

# %% [markdown] lang="en"
# ## References
#
# - Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020 (VAANet); Zhang, Wang and Yang, *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023 (CTEN); Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 (TSL-Net); Zhai et al., IEEE Transactions on Affective Computing 2024 (BPM-GCN).
# - The film: *Big Buck Bunny*, © 2008 Blender Foundation, [www.bigbuckbunny.org](https://www.bigbuckbunny.org), CC BY 3.0.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020（VAANet）；Zhang、Wang、Yang，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023（CTEN）；Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022（TSL-Net）；Zhai 等，IEEE Transactions on Affective Computing 2024（BPM-GCN）。
# - 影片：*Big Buck Bunny*，© 2008 Blender Foundation，[www.bigbuckbunny.org](https://www.bigbuckbunny.org)，CC BY 3.0。

# %% [markdown] lang="en"
# ## To go on
#
# Train VAANet on the included film clips (`bash script/run.sh VAANet main --dataset film`) and predict again. For a whole folder of films the command is faster: `bash script/run.sh predict vaanet FOLDER`.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 用自带的影片片段训练 VAANet（`bash script/run.sh VAANet main --dataset film`），再预测一次。整个文件夹的影片用命令更快：`bash script/run.sh predict vaanet FOLDER`。

# %%
solved, total = classroom.summary()
