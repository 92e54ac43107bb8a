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
# # 00 · Start here
#
# | | |
# |---|---|
# | **You can afterwards** | say what each of the four networks is for; tell a good accuracy from a bad one; check that your machine is ready; compute a gradient and train a line in Jittor; choose your track through the course |
# | **You should know** | Python, NumPy arrays; what a gradient is |
# | **Minutes** | you 40 · machine 1 (the very first time on a machine Jittor compiles itself: 2 to 4 minutes more) |
# | **Core** | all sections |
# | **Needs** | this repository, opened with `bash script/run.sh lab`; no GPU, no download |
#
# 中文版：[cn/00_start_here.ipynb](cn/00_start_here.ipynb)

# %% [markdown] lang="zh" tags=["slide"]
# # 00 · 从这里开始
#
# | | |
# |---|---|
# | **学完你能** | 说出四个网络各解决什么问题；判断一个准确率是好是坏；检查机器是否就绪；用 Jittor 求梯度、训练一条直线；选定自己的学习路线 |
# | **需要先会** | Python、NumPy 数组；知道什么是梯度 |
# | **用时（分钟）** | 你 40 · 机器 1（每台机器第一次使用时，Jittor 还要编译 2 到 4 分钟） |
# | **必学** | 全部 |
# | **运行条件** | 本仓库，用 `bash script/run.sh lab` 打开；不需要 GPU，也不用下载 |
#
# English edition: [../00_start_here.ipynb](../00_start_here.ipynb)

# %% [markdown] lang="en" tags=["slide"]
# ## What JACK is ★
#
# JACK teaches two things at once: how a computer recognises **emotions in video**, and how a network is carried from PyTorch to **Jittor**, a framework made at Tsinghua University. You train published networks yourself, small enough for a laptop; the same code with other settings is the paper's network.
#
# | network | paper | task | the paper's result | notebook |
# |---|---|---|---|---|
# | **VAANet** | Zhao et al., AAAI 2020 | one emotion per video, with attention | accuracy 54.5% on VE8, 55.3% on Ekman-6 | **04** |
# | **CTEN** | Zhang et al., CVPR 2023 | the same; while training, the moments it attends to most are erased | accuracy 57.3% on VE8, 58.2% on Ekman-6 | **05** |
# | **TSL-Net** | Zhang and Yang, ACM MM 2022 | *when* in a long video is the sentiment positive or negative? | mean average precision (tIoU 0.1 to 0.3) 20.40% on TSL-300 (the weights on the authors' page: 19.85%) | **06, 06b** |
# | **BPM-GCN** | Zhai et al., IEEE TAC 2024 | emotion from the way someone walks | accuracy 90.37% on Emotion-Gait (88.99% if the streams exchange no features) | **07** |
#
# Always read accuracy next to a baseline: guessing uniformly scores 12.5% on VE8 (eight classes), 16.7% on Ekman-6 (six) and 25% on Emotion-Gait (four); always answering the most frequent class scores 19.1%, 22.0% and 57.8%. (Counted on the released splits `ve8_01` and `ek6_01`; for Emotion-Gait worked out from the paper's Table V. Random scores reach an mAP of their own on each data set; notebook 06 measures it.)

# %% [markdown] lang="zh" tags=["slide"]
# ## JACK 是什么 ★
#
# JACK 同时教两件事：计算机怎样识别**视频中的情感**，以及怎样把网络从 PyTorch 移植到清华大学研发的国产框架 **Jittor（计图）**。你会亲手训练几个已发表的网络：课堂规模的在笔记本电脑上就能跑，换一组设置，同样的代码就是论文里的网络。
#
# | 网络 | 论文 | 任务 | 论文结果 | 笔记本 |
# |---|---|---|---|---|
# | **VAANet** | Zhao 等，AAAI 2020 | 判断整段视频的情感（采用注意力机制） | 准确率：VE8 54.5%，Ekman-6 55.3% | **04** |
# | **CTEN** | Zhang 等，CVPR 2023 | 任务同上；训练时擦除注意力最高的片段，迫使网络利用其余线索 | 准确率：VE8 57.3%，Ekman-6 58.2% | **05** |
# | **TSL-Net** | Zhang、Yang，ACM MM 2022 | 长视频里*哪些时段*情感是正面或负面的？ | TSL-300 上 mAP（tIoU 0.1 至 0.3 平均）20.40%（作者页面上的权重：19.85%） | **06、06b** |
# | **BPM-GCN** | Zhai 等，IEEE TAC 2024 | 从走路的姿态看情感 | Emotion-Gait 上准确率 90.37%（双流不交换特征时 88.99%） | **07** |
#
# 报告准确率要同时给出基线：随机猜测在 VE8（8 类）上得 12.5%，Ekman-6（6 类）16.7%，Emotion-Gait（4 类）25%；全猜最多的一类则得 19.1%、22.0% 和 57.8%。（前两个按公开的划分 `ve8_01` 和 `ek6_01` 数出，Emotion-Gait 由论文的表 V 推算。随机得分的 mAP 因数据集而异，06 会测。）

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import doctor, runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import time

import jittor as jt
import numpy as np
from IPython.display import Audio, Markdown, Video

# %% [markdown] lang="en"
# ## Is this machine ready? ★
#
# Each row says what was found; if something is missing, the last column has the command that fixes it. A GPU is welcome and not needed. (`bash script/run.sh doctor` prints the same in a terminal.)

# %% [markdown] lang="zh"
# ## 机器准备好了吗？ ★
#
# 每行是检查到的一项；如果缺什么，最后一列给出补救的命令。有 GPU 更好，没有也行。（在终端里运行 `bash script/run.sh doctor` 看到的是同一张表。）

# %%
Markdown(doctor.as_markdown(doctor.diagnose()))

# %% [markdown] lang="en"
# The real test is one line of Jittor. It should print `jt.Var([[ 5. 11.] [11. 25.]], dtype=float32)`.

# %% [markdown] lang="zh"
# 最直接的检验是运行下面这行 Jittor 代码，应输出 `jt.Var([[ 5. 11.] [11. 25.]], dtype=float32)`。

# %%
a = jt.array([[1.0, 2.0], [3.0, 4.0]])
print(a @ a.transpose(), "on", runtime.device())

# %% [markdown] lang="en" tags=["slide"]
# ## Jittor in a few lines ★
#
# **It is lazy.** An operation is only recorded; it is executed when its values are needed. To measure time, call `jt.sync_all(True)`, which waits for everything, before you stop the clock.

# %% [markdown] lang="zh" tags=["slide"]
# ## 几行代码认识 Jittor ★
#
# **惰性执行。** 写下一个运算时，Jittor 只是把它记录下来，直到需要取值时才真正执行。所以计时必须先用 `jt.sync_all(True)` 等全部算完。

# %% tags=["slide"]
x = jt.rand(1500, 1500)
(x @ x).sync()  # the first time compiles the operator: not part of the measurement

start = time.perf_counter()
y = x @ x
noted = time.perf_counter() - start
jt.sync_all(True)
done = time.perf_counter() - start
print(f"after writing x @ x: {noted * 1000:7.2f} ms   (nothing computed yet)")
print(f"after jt.sync_all:   {done * 1000:7.2f} ms   (the real time)")

# %% [markdown] lang="en"
# **Gradients** come from `jt.grad(loss, variables)`: $\frac{d}{dx}\sum x^2 = 2x$.

# %% [markdown] lang="zh"
# **梯度**用 `jt.grad(loss, 变量)` 求：$\frac{d}{dx}\sum x^2 = 2x$。

# %%
x = jt.array([1.0, 2.0, 3.0])
print(jt.grad((x**2).sum(), x))

# %% [markdown] lang="en"
# **A module** has `execute` where PyTorch has `forward`, and `optimizer.step(loss)` replaces three lines (`zero_grad`, `backward`, `step`). Here a line is fitted to points scattered around $y = 2x + 1$:

# %% [markdown] lang="zh"
# **模块**里 PyTorch 写 `forward` 的地方，Jittor 写 `execute`；`optimizer.step(loss)` 一行顶 PyTorch 的三行（`zero_grad`、`backward`、`step`）。下面用一条直线拟合散布在 $y = 2x + 1$ 附近的点：


# %%
class Line(jt.nn.Module):
    def __init__(self):
        self.fc = jt.nn.Linear(1, 1)

    def execute(self, x):
        return self.fc(x)


runtime.seed(0)
points = np.random.default_rng(0).uniform(-1, 1, (40, 1)).astype(np.float32)
targets = 2 * points + 1 + np.random.default_rng(1).normal(0, 0.2, (40, 1)).astype(np.float32)

line = Line()
optimizer = jt.optim.SGD(line.parameters(), lr=0.2)
before = line(jt.array(points)).numpy()
for _ in range(50):
    loss = ((line(jt.array(points)) - jt.array(targets)) ** 2).mean()
    optimizer.step(loss)
after = line(jt.array(points)).numpy()
print(f"y = {line.fc.weight.item():.2f} x + {line.fc.bias.item():.2f},  loss {loss.item():.3f}")

# %% tags=["slide"]
order = points[:, 0].argsort()
lines = {"before training": before[order, 0], "after 50 steps": after[order, 0]}
show.curves(points[order, 0], lines, dots={"data": targets[order, 0]}, axis="x", unit="y")

# %% [markdown] lang="en"
# ## A first look at the data ★
#
# **Real film.** 32 clips from *Big Buck Bunny* (© 2008 Blender Foundation, [www.bigbuckbunny.org](https://www.bigbuckbunny.org), CC BY 3.0), with sound. An AI model labelled them from still frames, and nobody checked the labels: good for trying out code, not for judging networks. This clip is labelled *Surprise*:

# %% [markdown] lang="zh"
# ## 先看看数据 ★
#
# **真实影片。** 动画短片 *Big Buck Bunny*（© 2008 Blender Foundation，[www.bigbuckbunny.org](https://www.bigbuckbunny.org)，CC BY 3.0）的 32 个片段，带声音。标签由 AI 模型看静止画面标注，没有人复核：用来跑通代码很合适，但不能用来评判网络的好坏。下面这段的标签是*惊讶*（Surprise）：

# %%
from jacklib.data.video import VideoClips, frame_file, read_frame
from jacklib.samples import film_clips, rendered_clips, samples_folder

film = VideoClips(film_clips(progress=False), "training")  # frames and sound, unpacked at first use
item = next(item for item in film.items if item.id == "bbb_0314")
Video(str(samples_folder() / "film/video/Surprise/bbb_0314.mp4"), embed=True, width=480)

# %%
show.clip(item)

# %% [markdown] lang="en"
# **Rendered clips.** In a film nobody knows which moment is decisive. So JACK also renders clips of its own: a grey, drifting scene with an emotional event of 1.2 s, with its own colours, movement and sound, planted at a known time. They are rendered on first use (about 15 seconds).

# %% [markdown] lang="zh"
# **渲染视频。** 真实影片里，没人知道决定性的时刻在哪里。所以 JACK 还会自己渲染视频：灰色的场景缓缓漂移，在已知的时刻植入一个 1.2 秒的情感事件，有自己的色彩、动作和声音。第一次使用时生成（约 15 秒）。

# %%
rendered = rendered_clips()
clips = VideoClips(rendered, "validation")
item = next(item for item in clips.items if item.label_name == "Joy")
show.clip(item)

# %%
# Its sound: first the hum, then the bells of the event, at half the sampling rate to save space
from jacklib.data.audio import read_audio

Audio(read_audio(item.audio_file, sr=22050), rate=22050)

# %% [markdown] lang="en"
# All eight emotions, each in the middle of its event:

# %% [markdown] lang="zh"
# 八种情感，各取事件正中的一帧：

# %%
middles = {}
for label in clips.class_names:
    item = next(item for item in clips.items if item.label_name == label)
    middle = (item.annotation["event_start"] + item.annotation["event_end"]) // 2
    middles[label] = read_frame(frame_file(item.frame_folder, middle))
show.images(middles)

# %% [markdown] lang="en"
# ## Your first exercises ★
#
# Write your answer in place of `...` and run the cell: ✓ right, ✗ wrong and why, ○ not done yet. `classroom.hint("00.1")` in a cell of your own helps: a question first, then a pointer, then a line; after three different tries it shows the solution. The stars say how hard an exercise is, the word what it asks of you: to *recall*, to *apply*, to *analyse* or to *create*. Nothing here stops *Run All Cells*.
#
# ### ✎ 00.1 · How long is a clip? · apply ●○○
#
# A rendered clip has 96 frames at 30 per second. How many seconds is that?

# %% [markdown] lang="zh"
# ## 第一批练习 ★
#
# 把 `...` 换成你的答案，运行该格：✓ 对，✗ 错（并说明错在哪里），○ 还没做。需要帮助时，另起一格运行 `classroom.hint("00.1")`：先给一个问题，再指出方向，最后给出一行代码；试过三种不同答案之后会给出解答。圆点表示难度，后面的词表示要求：*记忆*、*应用*、*分析*或*创造*。没做的练习不会中断 *Run All Cells*。
#
# ### ✎ 00.1 · 一段视频有多长？ · 应用 ●○○
#
# 一段渲染视频有 96 帧，每秒 30 帧。一共几秒？

# %% tags=["exercise"]
seconds = ...
classroom.check("00.1", seconds)

# %% [markdown] lang="en"
# ### ✎ 00.2 · What is chance? · recall ●○○
#
# What accuracy does uniform guessing reach on the rendered clips, whose eight classes are equally frequent?

# %% [markdown] lang="zh"
# ### ✎ 00.2 · 随机基线 · 记忆 ●○○
#
# 渲染视频共八类，各类数量相同。随机猜测的准确率是多少？

# %% tags=["exercise"]
chance = ...
classroom.check("00.2", chance)

# %% [markdown] lang="en"
# ### ✎ 00.3 · A gradient · apply ●○○
#
# Let Jittor compute the gradient of $\sum x^3$ for any `x`. Check it in your head at $x = (1, 2, 3)$.

# %% [markdown] lang="zh"
# ### ✎ 00.3 · 求梯度 · 应用 ●○○
#
# 对任意 `x`，用 Jittor 求 $\sum x^3$ 的梯度，并在 $x = (1, 2, 3)$ 处心算核对。


# %% tags=["exercise"]
def gradient(x):
    """The gradient of the sum of x³ by x, a Jittor Var of any shape."""
    ...


classroom.check("00.3", gradient)

# %% [markdown] lang="en"
# ### ✎ 00.4 · Why so fast? · analyse ●●○
#
# Above, writing `y = x @ x` took a small fraction of the time that followed. Why? **a** the kernel was still being compiled · **b** the product was only noted down · **c** nothing was printed.

# %% [markdown] lang="zh"
# ### ✎ 00.4 · 为什么这么快？ · 分析 ●●○
#
# 上面执行 `y = x @ x` 所用的时间只是后来的一小部分。为什么？ **a** 内核还在编译 · **b** 乘法只是被记录下来 · **c** 没有 print。

# %% tags=["exercise"]
because = ...  # "a", "b" or "c"
classroom.check("00.4", because)

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
classroom.quiz("00", answers)

# %% [markdown] lang="en"
# ## How far you are
#
# What you solve is kept on this machine, over days and notebooks (`~/.jack/progress.json`). Run this cell again whenever you like. If your teacher gives you a number, set it once: `classroom.student("2024001")`.

# %% [markdown] lang="zh"
# ## 学习进度
#
# 做对的练习会记在这台机器上，换笔记本、隔几天都不会丢（`~/.jack/progress.json`）。随时可以再运行这一格。老师若发了编号，设置一次即可：`classroom.student("2024001")`。

# %%
classroom.progress()

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# An accuracy means something beside its baselines only. Jittor notes operations down and computes when a value is needed. In rendered clips the moment that carries the emotion is known, so one can measure whether a network looks there.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 准确率只有与基线相比才有意义。Jittor 先记录运算，需要取值时才计算。渲染视频中带有情感的时刻是已知的，因此可以测量网络是否看向那里。

# %% [markdown] lang="en"
# ## References
#
# Sicheng Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020. Zhicheng Zhang, Lijuan Wang and Jufeng Yang, *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023. Zhicheng Zhang and Jufeng Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022. Yingjie Zhai et al., *Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*, IEEE Transactions on Affective Computing 2024. Shi-Min Hu et al., *Jittor: a Novel Deep Learning Framework with Meta-operators and Unified Graph Execution*, Science China Information Sciences 2020.

# %% [markdown] lang="zh"
# ## 参考文献
#
# Sicheng Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020。Zhicheng Zhang、Lijuan Wang、Jufeng Yang，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023。Zhicheng Zhang、Jufeng Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022。Yingjie Zhai 等，*Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*，IEEE Transactions on Affective Computing 2024。Shi-Min Hu（胡事民）等，*Jittor: a Novel Deep Learning Framework with Meta-operators and Unified Graph Execution*，Science China Information Sciences 2020。

# %% [markdown] lang="en" tags=["slide"]
# ## Where next
#
# ![The lessons as a map with two tracks: emotion, 00, 00a, 00b, 00c, 04, 05, 06, 06b, 07, 10; porting, 00, 01, 02, 03, 09.](img/course.en.svg)
#
# | | about | minutes | track |
# |---|---|---|---|
# | **00a** to **00c** | what an emotion label is, who gave it, and whether one may do this | 200 | emotion |
# | **04** | VAANet: attention over segments, places, channels and sounds | 90 | emotion |
# | **05** | CTEN: what is left when the keyframes are erased | 125 | emotion |
# | **06**, **06b** | TSL-Net: from single marked frames to segments; what a loss term does | 150 | emotion |
# | **07** | BPM-GCN: emotion in the way somebody walks | 140 | emotion |
# | **08** | text with a transformer (extra) | 120 | emotion |
# | **01** | Jittor for PyTorch users | 120 | porting |
# | **02** | where the two differ silently | 120 | porting |
# | **03** | TSL-Net ported step by step, and a clinic of sick ports | 120 | porting |
# | **09** | measuring speed without fooling yourself | 65 | porting |
# | **10** | all four networks on a video and a walk of your own | 45 | both |
#
# A teacher's plan of eight weeks, projects and a glossary: [docs/en/course.md](../docs/en/course.md).

# %% [markdown] lang="zh" tags=["slide"]
# ## 接下来
#
# ![课程地图，两条路线：情感 00、00a、00b、00c、04、05、06、06b、07、10；移植 00、01、02、03、09。](../img/course.zh.svg)
#
# | | 内容 | 分钟 | 路线 |
# |---|---|---|---|
# | **00a** 至 **00c** | 情感标签是什么、谁给的、可不可以这样做 | 200 | 情感 |
# | **04** | VAANet：对片段、位置、通道和声音的注意力 | 90 | 情感 |
# | **05** | CTEN：擦除关键帧之后还剩下什么 | 125 | 情感 |
# | **06**、**06b** | TSL-Net：从单帧标注到时段；一项损失起什么作用 | 150 | 情感 |
# | **07** | BPM-GCN：走路姿态中的情感 | 140 | 情感 |
# | **08** | 用 transformer 加入文本（选学） | 120 | 情感 |
# | **01** | 写给 PyTorch 用户的 Jittor | 120 | 移植 |
# | **02** | 两者在哪里不声不响地不同 | 120 | 移植 |
# | **03** | 一步步移植 TSL-Net，再诊断几份有错的移植 | 120 | 移植 |
# | **09** | 怎样可靠地测速 | 65 | 移植 |
# | **10** | 让四个网络分析你自己的视频和步态 | 45 | 两者 |
#
# 八周教学计划、课程项目和术语表见 [docs/cn/课程.md](../../docs/cn/课程.md)。
