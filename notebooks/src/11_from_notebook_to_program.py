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
# # 11 · From notebook to program
#
# | | |
# |---|---|
# | **You can afterwards** | call a network from a program of your own; let it stay silent where its answer is worth nothing; export it to ONNX and check the file; find a mistake in the preparation of inputs; steady the answers of a live program; say where such a program may not be used |
# | **You should know** | what an answer of a network says and what it does not (10); softmax; what the law says of emotion recognition (00c) |
# | **Minutes** | you 55 · machine 1 |
# | **Core** | sections 1 to 5 and 7; extra: 6 |
# | **Needs** | this repository; no GPU, no download, no training. For sections 3 and 5 the packages `onnx` and `onnxruntime`; without them these cells say so and show stored results |
#
# A lesson ends with a picture. A program ends with somebody who acts on what it prints. This notebook goes the way from one to the other: load, predict, doubt, export, run elsewhere, run live.

# %% [markdown] lang="zh" tags=["slide"]
# # 11 · 从笔记本到程序
#
# | | |
# |---|---|
# | **学完你能** | 在自己的程序里调用网络；在答案不可信时让程序不作答；把网络导出为 ONNX 并核对文件；找出输入准备中的错误；让实时程序的输出不再跳动；说出这样的程序不可以用在哪里 |
# | **需要先会** | 网络的答案说明什么、不说明什么（10）；softmax；法律对情感识别的规定（00c） |
# | **用时（分钟）** | 你 55 · 机器 1 |
# | **必学** | 第 1 至 5 节和第 7 节；选学：第 6 节 |
# | **运行条件** | 本仓库；不需要 GPU，不用下载，也不用训练。第 3、5 节需要 `onnx` 和 `onnxruntime` 两个包；没有安装时，这些格会说明，并显示保存好的结果 |
#
# 一节课以一张图结束；一个程序的终点却是人：有人会照着它的输出去做事。这一课就走完从前者到后者的路：加载、预测、怀疑、导出、换个环境运行、实时运行。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
import jacklib as jack  # comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import importlib.util
import json
import time
from pathlib import Path

import numpy as np

from jacklib.cli import export
from jacklib.samples import samples_folder
from jacklib.teaching import own_video

HAS_ONNX = all(map(importlib.util.find_spec, ("onnx", "onnxruntime")))
FOLDER = Path("results/program")  # git ignores it
FILM = samples_folder() / "film" / "video" / "Joy" / "bbb_0120.mp4"
print("onnx and onnxruntime:", "installed" if HAS_ONNX else "not installed; stored results below")

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · Load and predict ★
#
# A program needs two calls. Loading is slow and happens once; predicting happens for every film. The very first prediction on a machine also compiles, which is kept on disk; so a program makes one prediction when it starts, and no user waits for it.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 加载与预测 ★
#
# 程序只需要两个调用。加载慢，只做一次；预测则是每段影片一次。在一台机器上第一次预测还要编译，编译结果会存在磁盘上；所以程序启动时先做一次预测，用户就不必等。


# %% tags=["slide"]
def seconds(work):
    """What work() gives, and how long it took."""
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


model, loading = seconds(lambda: jack.load("vaanet"))
answer, first = seconds(lambda: model.predict(FILM))
answer, again = seconds(lambda: model.predict(FILM))
print(f"load {loading:.2f} s, first prediction {first:.2f} s, second {again:.2f} s")
print(answer.label, f"{answer.probabilities[answer.label]:.2f}")
print(json.dumps(answer.to_dict())[:160], "...")

# %% [markdown] lang="en"
# `to_dict()` is what a program passes on: it holds the label, all probabilities, which weights were used, what they were trained on, and the doubt. Pass on the whole of it. A label without the rest is what others will quote.

# %% [markdown] lang="zh"
# `to_dict()` 就是程序要往下传的内容：标签、全部概率、用的是哪份权重、用什么训练的，还有怀疑。请整份往下传。如果只传一个标签，别人引用的就只有这个标签。

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · Doubt ★
#
# A network always answers. The program decides whether anybody gets to see it. Two different questions are to be asked:
#
# - **Is the answer sure?** The largest probability says how sure the network is, among its own classes and for data like those of its training.
# - **Is the film of the kind that the network knows?** No probability answers that. `answer.doubt` does, in a sentence; it is `None` if nothing speaks against the answer.

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 怀疑 ★
#
# 网络总会作答；要不要给人看，由程序决定。要问的是两个不同的问题：
#
# - **答案有多肯定？** 最大的概率说明网络有多肯定：只在它自己的类别之间，只对与训练数据相似的数据而言。
# - **这段影片是不是网络熟悉的那一类？** 概率回答不了。`answer.doubt` 用一句话来回答；没有理由怀疑时为 `None`。

# %%
print(answer.doubt_in(LANG))
print(f"{answer.label} {answer.probabilities[answer.label]:.2f}")

# %% [markdown] lang="en"
# ### ✎ 11.1 · Answer or stay silent · apply ●○○
#
# Write the rule of a program: the label if its probability is **at least** `least` and there is no `doubt`, else `"unknown"`. `probabilities` maps classes to probabilities, `doubt` is a sentence or `None`.

# %% [markdown] lang="zh"
# ### ✎ 11.1 · 作答还是不作答 · 应用 ●○○
#
# 写出程序的规则：最可能的类别的概率**不低于** `least`，而且没有 `doubt`，就返回它的名称，否则返回 `"unknown"`。`probabilities` 是从类别到概率的字典，`doubt` 是一句话或 `None`。


# %% tags=["exercise"]
def decide(probabilities, doubt, least):
    """A class's name, or "unknown"."""
    ...


classroom.check("11.1", decide)

# %% [markdown] lang="en"
# ### ✎ 11.2 · What does the threshold promise? · analyse ●●○
#
# On the rendered validation clips, a program that answers from 0.9 on answers 80% of the clips and is right in 97% of these. You put it to work on holiday films; it answers 60% of them. What do you know about its answers there?
#
# - `"a"`: 97% of them are right.
# - `"b"`: Fewer than 97% are right, but more than half, since each has a probability of 0.9 or more.
# - `"c"`: How many are right is not known.
# - `"d"`: 97% times 60 / 80, about 73%, are right.

# %% [markdown] lang="zh"
# ### ✎ 11.2 · 阈值保证了什么？ · 分析 ●●○
#
# 在渲染的验证视频上，一个“概率达到 0.9 才作答”的程序回答了 80% 的视频，其中 97% 是对的。把它用在假期影片上，它回答了 60%。对这些回答，你知道些什么？
#
# - `"a"`：97% 是对的。
# - `"b"`：对的不到 97%，但超过一半，因为每个的概率都不低于 0.9。
# - `"c"`：有多少是对的，并不知道。
# - `"d"`：对的占 97% 乘以 60 / 80，约 73%。

# %% tags=["exercise"]
promise = ...  # "a", "b", "c" or "d"
classroom.check("11.2", promise)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Export ★
#
# Jittor compiles on the machine where it runs; a phone, a web server or a colleague's C++ program has no use for that. **ONNX** is a file format for networks: a list of operators (convolution, matrix product, softmax ...) with their weights, which many programs can run. JACK writes that list from the network's config, operator by operator, and sets ONNX Runtime's numbers beside Jittor's before the file appears:
#
# `bash script/run.sh export vaanet --out vaanet.onnx`

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 导出 ★
#
# 计图在运行它的机器上编译；手机、网页服务器，或者同事的 C++ 程序，用不了这一套。**ONNX** 是保存网络的文件格式：一串算子（卷积、矩阵乘法、softmax 等）连同它们的权重，许多程序都能运行。JACK 根据网络的配置逐个算子写出这个文件，并在写出之前把 ONNX Runtime 的结果与计图的结果比较：
#
# `bash script/run.sh export vaanet --out vaanet.onnx`

# %% tags=["slide"]
STORED = {"MiB": 1.8, "nodes": 172, "difference": 3.0e-07}  # of the weights that ship
if HAS_ONNX:
    import onnx

    content = export.onnx_bytes(model)
    graph = onnx.load_from_string(content)
    kinds = [node.op_type for node in graph.graph.node]
    print(f"{len(content) / 2**20:.1f} MiB, {len(kinds)} nodes, {kinds.count('Conv')} convolutions")
    for entry in graph.metadata_props:
        print(f"{entry.key:12} {entry.value[:80]}")
else:
    print("stored: {MiB} MiB, {nodes} nodes".format(**STORED))

# %% [markdown] lang="en"
# The file knows the class names, the config, what the weights were trained on and the doubt that follows from that. It does **not** know how a film becomes its inputs. That part stays with you, and that is where programs go wrong.

# %% [markdown] lang="zh"
# 文件里有类别名、配置、权重用什么训练的，以及由此而来的怀疑。但文件**不**知道一段影片怎样变成它的输入。这一部分留给了你，程序出错也多半出在这里。

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · The inputs, and four ways to get them wrong ★
#
# VAANet takes RGB frames of 0 to 255 (the scaling is in the graph) and MFCC. Other networks take BGR, or 0 to 1, or other orders; whoever copies ten lines from another program copies its habits. None of the mistakes below raises an error: shapes and types are right.
#
# **Predict first**: how many of the four will change the label of this film?

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 输入，以及四种出错的方式 ★
#
# VAANet 的输入是 0 到 255 的 RGB 画面（缩放在网络内部完成）和 MFCC。别的网络用 BGR，或者 0 到 1，或者别的顺序；从别的程序里抄十行代码，也就抄来了它的习惯。下面的错误都不会报错：形状和类型全对。
#
# **先预测**：四种错误中，有几种会改变这段影片的标签？

# %%
guess = ...  # 0 to 4
classroom.predict("11.p1", guess)

# %% tags=["slide"]
visual, audio = (array[0] for array in export.inputs_of(model, FILM))
print("visual", visual.shape, "audio", audio.shape)
MISTAKES = {
    ("as it should be", "正确"): (visual, audio),
    ("BGR", "BGR 顺序"): (visual[:, ::-1], audio),
    ("0 to 1", "0 到 1"): (visual / 255, audio),
    ("frames backwards", "帧序颠倒"): (visual[:, :, ::-1], audio),
    ("no sound", "没有声音"): (visual, 0 * audio),
}
rows = {
    name: model.predict(tuple(map(np.ascontiguousarray, pair))) for name, pair in MISTAKES.items()
}
show.grid(
    [[row.probabilities[name] for name in model.class_names] for row in rows.values()],
    [*rows], model.class_names, limits=(0, 1),
    title=("Probabilities with each mistake", "各种错误下的概率"),
)  # fmt: skip
labels = [row.label for row in rows.values()]
print(labels)
classroom.reveal("11.p1", sum(label != labels[0] for label in labels[1:]))

# %% [markdown] lang="en"
# A mistake that leaves the label alone is the worst: it passes a look at one film and takes a few percent of accuracy for ever. So compare **arrays**, not labels: the program's inputs beside those of the lesson, to the last digits, for one film.
#
# ### ✎ 11.3 · Find the mistake · analyse ●●○
#
# `ours` is what the network should get, `theirs` is what a program gives it; both `[S, 3, D, H, W]`. Return which mistake the program makes: `"bgr"` (channels reversed), `"scale"` (divided by 255), `"order"` (the D frames of each snippet reversed), or `"none"`. Numbers may differ by 0.001.

# %% [markdown] lang="zh"
# 标签没有变的错误最糟糕：看一段影片发现不了，准确率却从此低几个百分点。所以要比较的是**数组**，不是标签：取一段影片，把程序的输入与课上的输入逐个数字对照。
#
# ### ✎ 11.3 · 找出错误 · 分析 ●●○
#
# `ours` 是网络应得的输入，`theirs` 是某个程序给它的；形状都是 `[S, 3, D, H, W]`。返回程序犯了哪种错误：`"bgr"`（通道颠倒）、`"scale"`（除以了 255）、`"order"`（每个小段的 D 帧颠倒），或者 `"none"`。数值允许相差 0.001。


# %% tags=["exercise"]
def find(ours, theirs):
    """ "bgr", "scale", "order" or "none"."""
    ...


classroom.check("11.3", find)

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · Run it without Jittor ★
#
# ONNX Runtime reads the file and takes arrays by their names. The batch is dynamic: the same file takes one video or ten. (TSL-Net's file also takes videos of any length.) The whole program, from the film to the label, is `docs/film_to_label.py`: fifty lines of code without JACK, Jittor or PyTorch, which give the same probabilities as `predict`.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 不用计图来运行 ★
#
# ONNX Runtime 读入文件，按名字接收数组。批大小是动态的：同一个文件，一段视频或十段都行。（TSL-Net 的文件还接受任意长度的视频。）从影片到标签的完整程序是 `docs/film_to_label.py`：五十行代码，不含 JACK、计图和 PyTorch，概率与 `predict` 相同。

# %% tags=["slide"]
if HAS_ONNX:
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for one in session.get_inputs():
        print(one.name, one.shape)
    batch = {"visual": np.stack([visual] * 3), "audio": np.stack([audio] * 3)}
    (found,) = session.run(["probabilities"], batch)
    ours = np.array([rows["as it should be", "正确"].probabilities[n] for n in model.class_names])
    print(
        f"three at once {found.shape}, largest difference from Jittor {np.abs(found - ours).max():.1e}"
    )
else:
    print("stored: largest difference from Jittor {difference:.1e}".format(**STORED))

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · Live ☆
#
# A live program asks again and again, of the last few seconds. Here a film stands in for the camera: windows of four seconds, one begins every second. (`bash script/run.sh live` does the same with a camera.)

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 实时 ☆
#
# 实时程序一次又一次地询问最近几秒的内容。这里用一段影片代替摄像头：窗口长四秒，每秒开始一个。（`bash script/run.sh live` 用摄像头做同样的事。）

# %%
frames, sound = own_video.arrays(samples_folder() / "untrimmed_film/video/test/bbb_0201.mp4")
FPS, RATE, LENGTH = 30, 44_100, 4  # frames and samples per second, seconds of a window
shown, spent = [], []
for start in range(min(len(frames) // FPS - LENGTH, 8)):
    part = frames[start * FPS : (start + LENGTH) * FPS]
    heard = sound[start * RATE : (start + LENGTH) * RATE]
    film = own_video.as_film(part, heard, FOLDER / "window")
    live, took = seconds(lambda film=film: model.predict(film))
    shown.append(live.label)
    spent.append(took)
    print(
        f"{start:2d} to {start + LENGTH:2d} s: {live.label:13} {live.probabilities[live.label]:.2f}"
    )
print(f"median {np.median(spent):.2f} s for a window that lasts four")

# %% [markdown] lang="en"
# The label may flicker though the film goes on quietly. Two classes with 0.34 and 0.33 change places at the slightest occasion.
#
# ### ✎ 11.4 · Steady, and not late · create ●●●
#
# Write `steady(rows)`: rows `[T, C]` are the probabilities of T windows, one after another; return T class numbers for a screen. A live program does not know the future: the answer for window t may depend on rows `0` to `t` only. It should change **at most half as often** as the largest probability of each row does, and be right **at least as often** as that.

# %% [markdown] lang="zh"
# 影片平平静静，标签却可能跳来跳去：0.34 和 0.33 的两个类别，稍有风吹草动就换位。
#
# ### ✎ 11.4 · 稳而不迟 · 创造 ●●●
#
# 写一个 `steady(rows)`：rows `[T, C]` 是先后 T 个窗口的概率；返回 T 个类别编号，显示在屏幕上。实时程序不知道未来：第 t 个窗口的答案只能依据第 `0` 到 `t` 行。与“每行取最大概率”相比，变化次数**至多一半**，正确的次数**不能更少**。


# %% tags=["exercise"]
def steady(rows):
    """[T, C] -> T class numbers."""
    ...


classroom.check("11.4", steady)

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · What may it be used for? ★
#
# Facts from lesson 00c, where the sources stand; no legal advice.
#
# | where | what holds |
# |---|---|
# | EU, at work and in education | inferring people's emotions from biometric data is **prohibited** (AI Act, Article 5(1)(f)), but for medical and safety reasons |
# | EU, elsewhere | whoever uses such a system must **inform those exposed** (Article 50(3)); it is high-risk (Annex III) |
# | China | biometric data are sensitive: a specific purpose, **separate consent**, an assessment beforehand (Personal Information Protection Law, 28, 29, 55) |
# | anywhere | the classroom weights know rendered shapes and synthetic walks. They say nothing about people |
#
# A camera that looks at a class, and a program that prints who is bored: that is exactly what Article 5 names. A program that says which parts of *a film* are joyful judges a film, as long as it is not used on those who are in it.

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 可以用来做什么？ ★
#
# 下面的事实出自第 00c 课，出处见那里；这不是法律意见。
#
# | 场合 | 规定 |
# |---|---|
# | 欧盟：工作场所和教育机构 | **禁止**根据生物识别数据推断人的情感（《人工智能法》第 5 条第 1 款 (f) 项），出于医疗和安全原因的除外 |
# | 欧盟：其他场合 | 使用者必须**告知受其影响的人**（第 50 条第 3 款）；属于高风险（附件三） |
# | 中国 | 生物识别信息属于敏感个人信息：要有特定目的、**单独同意**和事前评估（《个人信息保护法》第二十八、二十九、五十五条） |
# | 任何地方 | 课堂权重只认识渲染的图形和合成的步态，说明不了任何人 |
#
# 对着课堂的摄像头，加上一个显示谁在走神的程序，正是第 5 条所指的情形。说出*一段影片*的哪些部分欢快，评判的是影片；前提是不拿它去评判片中的人。

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
classroom.quiz("11", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A program passes on the whole answer, with its doubt, and may stay silent. A network that is exported is a list of operators with weights: it gives the same numbers elsewhere only if the film is prepared in the same way, so inputs are compared, array by array. Whether it may be used at all depends on who is watched, where, and whether they agreed.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 程序要把整个答案连同怀疑一起往下传，也可以不作答。导出的网络是一串带权重的算子：只有影片以同样的方式准备，换个环境才会得到同样的数字，所以要逐个数组地核对输入。到底能不能用，要看对着谁、在哪里、对方是否同意。

# %% [markdown] lang="en"
# ## References
#
# - ONNX, Open Neural Network Exchange: the operators, [onnx.ai/onnx/operators](https://onnx.ai/onnx/operators/).
# - Regulation (EU) 2024/1689 (AI Act); Personal Information Protection Law of the PRC, 2021: see lesson 00c.
# - The film: *Big Buck Bunny*, © 2008 Blender Foundation, [www.bigbuckbunny.org](https://www.bigbuckbunny.org), CC BY 3.0.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - ONNX（Open Neural Network Exchange）算子说明：[onnx.ai/onnx/operators](https://onnx.ai/onnx/operators/)。
# - (EU) 2024/1689 号条例（《人工智能法》）；《中华人民共和国个人信息保护法》，2021：见第 00c 课。
# - 影片：*Big Buck Bunny*，© 2008 Blender Foundation，[www.bigbuckbunny.org](https://www.bigbuckbunny.org)，CC BY 3.0。

# %% [markdown] lang="en"
# ## To go on
#
# Export CTEN and write the program for it: the network is called twice, and between the calls your program erases the segments with high gamma (lesson 05). `docs/en/deploy.md` says what each network's inputs are.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 导出 CTEN，再为它写一个程序：网络要调用两次，两次之间由你的程序擦除 gamma 高的片段（第 05 课）。各个网络的输入见 `docs/cn/部署.md`。

# %%
solved, total = classroom.summary()
