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
# # 09 · How fast is it? Measuring without lying
#
# | | |
# |---|---|
# | **You can afterwards** | time a lazy program correctly; say what a first run measures; summarise disturbed measurements; compare two programs in pairs; judge whether a report of speed is fair; predict what a longer video or a larger batch costs |
# | **You should know** | lazy execution and kernels (notebook 01); median, mean, a straight line through points; inference and training step |
# | **Minutes** | you 80 · machine 2 (up to 5 if the cores are busy; the very first time more, while Jittor compiles the networks) |
# | **Core** | sections 1 to 4; extra: 5 |
# | **Needs** | this repository; no GPU, no download. PyTorch only for the comparison in section 4. Close other programs: here they change the results |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it.

# %% [markdown] lang="zh" tags=["slide"]
# # 09 · 到底有多快？怎样可靠地测速
#
# | | |
# |---|---|
# | **学完你能** | 给惰性执行的程序正确计时；说出第一次运行测到的是什么；概括受过干扰的测量；成对比较两个程序；判断一份测速报告是否公平；预测视频变长、批变大的代价 |
# | **需要先会** | 惰性执行与算子内核（笔记本 01）；中位数、平均值、用直线拟合数据；推理与训练步 |
# | **用时（分钟）** | 你 80 · 机器 2（CPU 忙时最多 5；第一次运行还要编译各个网络，更久一些） |
# | **必学** | 第 1 至 4 节；选学：5 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载。只有第 4 节的对比要用到 PyTorch。请关掉其他程序：在这里，它们会改变结果 |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。仓库里保存的图是英文版运行时生成的，数字来自构建笔记本的那台机器；自己运行一遍，看到的就是你的机器。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.measure import bench
from jacklib.teaching import classroom, show  # jacklib comes first: it prepares Jittor

show.setup(LANG)

import subprocess
import sys
import time
import uuid
from dataclasses import asdict
from statistics import median

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from jacklib.core.example_inputs import clip_inputs, tsl_videos
from jacklib.measure.kernels import forget
from jacklib.networks import BPMGCNConfig, CTENConfig, TSLNet, TSLNetConfig, VAANet, VAANetConfig
from jacklib.teaching.show import BLUE, GREY, ORANGE, translated

print(bench.machine())

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · A clock that does not wait ★
#
# Jittor is **lazy**: `net(x)` computes nothing. It records what is to be computed and returns at once; the computation runs when a value is needed (`.numpy()`, `.item()`, `print`), or when you call `sync`. A clock around `net(x)` measures the recording.
#
# Below, TSL-Net processes a video of 200 snippets. Three clocks time the same line: one does not wait, one waits for the result with `jt.sync_all(True)`, and one also waits *before* it starts. Before each run another pass is recorded and left uncomputed, as happens in any longer program. The second clock includes its time. Only the last one is right. By which factor is the first one's time too short?

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 不等待的计时 ★
#
# Jittor 是**惰性**的：`net(x)` 不做计算，只记录要算什么，马上返回。需要取值时（`.numpy()`、`.item()`、`print`），或者调用 `sync` 时，才真正执行。在 `net(x)` 前后计时，测到的只是“记录”的时间。
#
# 下面让 TSL-Net 处理一段 200 个小段的视频，用三只钟量同一行代码：第一只不等；第二只用 `jt.sync_all(True)` 等结果算完；第三只在*开始之前*也等一次。每次测量之前，都先记录另一次前向计算而不执行，稍长一点的程序里常有这种事：第二只钟把它的时间也算了进去。只有最后一只是对的。第一只测得的时间短了多少倍？

# %%
guess = ...
classroom.predict("09.p1", guess)

# %%
net = TSLNet(TSLNetConfig.paper())
net.eval()
rgb, logmel = (jt.array(a) for a in tsl_videos(net.config, 1, 200, seed=0)[0][:2])


def does_not_wait():
    start = time.perf_counter()
    net(rgb, logmel)
    return time.perf_counter() - start


def waits_after():
    start = time.perf_counter()
    scores = net(rgb, logmel).scores
    scores.sync()
    jt.sync_all(True)
    return time.perf_counter() - start


def waits_before_and_after():
    jt.sync_all(True)
    return waits_after()


clocks = {"does not wait": does_not_wait, "waits after": waits_after,
          "waits before and after": waits_before_and_after}  # fmt: skip
with jt.no_grad():
    seen = {name: [] for name in clocks}
    for _ in range(11):
        for name, clock in clocks.items():
            jt.sync_all(True)
            left_undone = net(rgb, logmel).scores
            seen[name].append(clock())
            del left_undone
    seen = {name: seconds[2:] for name, seconds in seen.items()}  # the first compile; see below
for name, seconds in seen.items():
    print(f"{name:24}{1000 * median(seconds):9.2f} ms")
lie = median(seen["waits before and after"]) / median(seen["does not wait"])
classroom.reveal("09.p1", round(lie))
classroom.say(
    f"The clock that does not wait reports a time {lie:.0f} times too short.",
    f"不等待的钟，测得的时间短了 {lie:.0f} 倍。",
)

# %% [markdown] lang="en"
# **On a GPU PyTorch has the same problem.** The CPU only *launches* kernels and runs ahead; without `torch.cuda.synchronize()` before you read the clock, you measure launching. Reports of a port "ten times as fast" often compare a clock that does not wait with one that does. `jt.sync_all(True)` and `torch.cuda.synchronize()` belong before *and* after what you time.

# %% [markdown] lang="zh"
# **在 GPU 上，PyTorch 也有同样的问题。** CPU 只*启动*算子内核，然后继续往下执行；读时间之前不调用 `torch.cuda.synchronize()`，测到的只是启动的时间。有些报告说移植后“快了十倍”，往往是拿不等待的计时与等待的计时相比。`jt.sync_all(True)` 和 `torch.cuda.synchronize()` 要放在被测代码的前面*和*后面。

# %% [markdown] lang="en"
# ### ✎ 09.1 · A fair clock · apply ●●○
#
# Write `fair(call, turns, warm_up)`. It calls `call()` (which returns a Jittor Var) `warm_up + turns` times, each time waiting **before** it starts the clock and **until the Var is computed** before it reads the clock, and returns the list of the last `turns` times in seconds.

# %% [markdown] lang="zh"
# ### ✎ 09.1 · 公平的钟 · 应用 ●●○
#
# 写 `fair(call, turns, warm_up)`：调用 `call()`（返回一个 Jittor Var）`warm_up + turns` 次；每次在开始计时**之前**先等待，读表之前**等到 Var 算出来**；返回最后 `turns` 次的时间（秒）的列表。


# %% tags=["exercise"]
def fair(call, turns, warm_up=2):
    """A list of `turns` times in seconds."""
    ...


classroom.check("09.1", fair)

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · What the first run spends its time on ★
#
# Jittor writes a small C++ program for each operator that is new on a machine, and compiles it. The compiled operator is then cached on disk for all notebooks. The operator below has a random name, so it cannot be in a cache:

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 第一次运行的时间花在哪里 ★
#
# 一台机器上第一次遇到某个算子时，Jittor 会为它写一小段 C++ 程序并编译；编译好的算子放在磁盘缓存里，所有笔记本共用。下面这个算子带一个随机的名字，任何缓存里都不可能有：

# %%
name = f"v{uuid.uuid4().hex}"
x = jt.array(np.arange(1000, dtype=np.float32))
source = f"float {name} = 2; for (int i = 0; i < 1000; i++) @out(i) = {name} * @in0(i);"
turns = []
for _ in range(6):
    jt.sync_all(True)
    start = time.perf_counter()
    jt.code([1000], "float32", [x], cpu_src=source).sync()
    jt.sync_all(True)
    turns.append(time.perf_counter() - start)
print("first turn  ", f"{1000 * turns[0]:8.1f} ms")
print("later turns ", *(f"{1000 * t:8.3f}" for t in turns[1:]), "ms")
forget(name)  # nobody needs this kernel again

# %% [markdown] lang="en"
# A network has more than a hundred operators, which is why the first epoch on a machine is slow and later ones are not. So **warm-up runs are discarded**: they measure the compiler. In a terminal, `bash script/run.sh warmup` compiles the operators of all four networks ahead, several at a time; their commands and notebooks then find them in the cache.

# %% [markdown] lang="zh"
# 一个网络有上百个算子，所以一台机器上的第一轮训练很慢，以后就不慢了。因此**预热的几次不算数**：那几次量的是编译器。在终端里运行 `bash script/run.sh warmup`，可以提前把四个网络的算子编译好，几个一起编译；之后命令和笔记本都直接用缓存里的。

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · A single run is not a measurement ★
#
# The same pass is run forty times. In the middle another program starts and keeps the cores busy for a while, as a mail client or a browser tab would:

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 只测一次不算测量 ★
#
# 同样的前向计算，做四十次。中途另一个程序开始运行，占住 CPU 一阵子，就像邮件客户端或浏览器的某个标签页：

# %%
BUSY = "import time; end = time.time() + {}\nwhile time.time() < end: pass"
others = []
with jt.no_grad():
    quiet = [waits_before_and_after() for _ in range(40)]
    disturbed = []
    for turn in range(40):
        if turn == 15:
            seconds = 12 * median(quiet)
            others = [subprocess.Popen([sys.executable, "-c", BUSY.format(seconds)]) for _ in "ab"]
        disturbed.append(waits_before_and_after())
for other in others:
    other.wait()

for ax, title, seconds in zip(
    show.panels(2), (("quiet", "安静"), ("disturbed", "受干扰")), (quiet, disturbed), strict=True
):
    ms = 1000 * np.array(seconds)
    ax.plot(ms, "o", ms=3, color=BLUE)
    ax.axhline(ms.mean(), color=ORANGE, label=f"{translated(('mean', '平均值'))} {ms.mean():.0f}")
    ax.axhline(
        np.median(ms),
        color=GREY,
        ls="--",
        label=f"{translated(('median', '中位数'))} {np.median(ms):.0f}",
    )
    ax.set(title=translated(title), xlabel=translated(("turn", "次")), ylabel="ms", ylim=(0, None))
    ax.legend()
plt.show()

# %% [markdown] lang="en" tags=["slide"]
# The mean (orange) moves with every disturbance; the **median** (dashed) hardly does as long as most runs are undisturbed. So: many runs, their median, and next to it the fastest and the slowest, so that a reader sees how quiet the machine was. To compare two programs, let them **take turns**, one pass each: if the machine slows down, it slows both.

# %% [markdown] lang="zh" tags=["slide"]
# 平均值（橙色）一有干扰就跟着动；只要大多数次是安静的，**中位数**（虚线）几乎不动。所以要测很多次，取中位数，旁边再写上最快和最慢，让读者看出机器有多安静。要比较两个程序，就让它们**轮流来**，各做一次：机器变慢的时候，两边一起慢。

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 09.2 · The fair comparison · analyse ●○○
#
# Here are four reports of a port's speed. In which is the comparison fair?
#
# - `"a"`: "PyTorch needs 41 ms (mean of 100 passes), our port 0.9 ms (mean of 100 passes; `t = time.time(); net(x); print(time.time() - t)`)."
# - `"b"`: "First pass after the start: PyTorch 0.2 s, our port 95 s."
# - `"c"`: "Taking turns, 2 passes to warm up, 50 measured, synchronised: PyTorch 41 ms (39 to 55), our port 33 ms (31 to 48)."
# - `"d"`: "The authors report 41 ms on their machine; on ours the port takes 33 ms, synchronised, median of 50."

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 09.2 · 公平的比较 · 分析 ●○○
#
# 关于一个移植版本的速度，有四份报告。哪一份的比较是公平的？
#
# - `"a"`：“PyTorch 要 41 毫秒（100 次的平均），我们的移植只要 0.9 毫秒（100 次的平均；`t = time.time(); net(x); print(time.time() - t)`）。”
# - `"b"`：“启动后的第一次：PyTorch 0.2 秒，我们的移植 95 秒。”
# - `"c"`：“轮流进行，预热 2 次，测 50 次，都做了同步：PyTorch 41 毫秒（39 到 55），我们的移植 33 毫秒（31 到 48）。”
# - `"d"`：“作者说在他们的机器上是 41 毫秒；我们的移植在我们的机器上是 33 毫秒，做了同步，50 次的中位数。”

# %% tags=["exercise"]
fair_report = ...  # "a", "b", "c" or "d"
classroom.check("09.2", fair_report)

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 09.3 · Three tables · analyse ●●○
#
# Two programs took turns, seven each; milliseconds. Which one is faster: `"ours"`, `"theirs"`, or `"cannot say"`? Answer with a list of three.
#
# | table 1 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 41 | 52 | 66 | 43 | 49 | 71 | 44 |
# | theirs | 45 | 57 | 73 | 47 | 54 | 79 | 48 |
#
# | table 2 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 30 | 31 | 43 | 29 | 33 | 30 | 49 |
# | theirs | 31 | 29 | 44 | 30 | 32 | 31 | 48 |
#
# | table 3 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 20 | 21 | 20 | 95 | 21 | 20 | 22 |
# | theirs | 19 | 20 | 19 | 20 | 20 | 19 | 21 |

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 09.3 · 三张表 · 分析 ●●○
#
# 两个程序轮流运行，各七次，单位毫秒。哪一个更快：`"ours"`、`"theirs"`，还是 `"cannot say"`？写成三个词的列表。
#
# | 表 1 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 41 | 52 | 66 | 43 | 49 | 71 | 44 |
# | theirs | 45 | 57 | 73 | 47 | 54 | 79 | 48 |
#
# | 表 2 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 30 | 31 | 43 | 29 | 33 | 30 | 49 |
# | theirs | 31 | 29 | 44 | 30 | 32 | 31 | 48 |
#
# | 表 3 | | | | | | | |
# |---|---|---|---|---|---|---|---|
# | ours | 20 | 21 | 20 | 95 | 21 | 20 | 22 |
# | theirs | 19 | 20 | 19 | 20 | 20 | 19 | 21 |

# %% tags=["exercise"]
verdicts = ...
classroom.check("09.3", verdicts)

# %% [markdown] lang="en"
# ### ✎ 09.4 · A number for disturbed turns · create ●●○
#
# Write `typical(seconds)`: one number for the times of 25 turns (a NumPy array), of which up to seven may be far too long, since another program was busy, and one far too short, since a clock did not wait. If *all* turns take longer, it must follow. There are several ways; find one of your own.

# %% [markdown] lang="zh"
# ### ✎ 09.4 · 概括受干扰的测量 · 创造 ●●○
#
# 写 `typical(seconds)`：用一个数概括 25 次的时间（NumPy 数组）。其中最多有七次因别的程序忙碌而过长，有一次因没有等待而过短。如果*所有*次都变慢，这个数也要跟着变。方法不止一种，请自己想一个。


# %% tags=["exercise"]
def typical(seconds):
    """One number for the times of many turns."""
    ...


classroom.check("09.4", typical)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Four networks compared with PyTorch ★
#
# `bench.measure` does all of that. It starts a process for Jittor and one for PyTorch, builds the same network in both with random inputs, lets them take turns, discards the first two runs, and reads the peak memory of each process. Both may use as many **threads** as there are cores: one thread against two is not a fair comparison either. Classroom sizes, five runs:

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 四个网络，与 PyTorch 对比 ★
#
# 这些 `bench.measure` 都会做：给 Jittor 和 PyTorch 各开一个进程，建同样的网络，用同样的随机输入，轮流计算，前两次不算，再读出每个进程最多用了多少内存。两边的**线程数**都等于 CPU 核数：拿一个线程和两个线程比，也不公平。下面用课堂规模，各测五次：

# %%
CASES = {"vaanet": VAANetConfig, "cten": CTENConfig, "tsl": TSLNetConfig, "gait": BPMGCNConfig}
BATCH = {"vaanet": 8, "cten": 8, "tsl": 4, "gait": 16}
results = {
    network: bench.measure(
        network, asdict(config.classroom()), BATCH[network], rounds=5, warm_up=2, clips=90
    )
    for network, config in CASES.items()
}
for network, result in results.items():
    display(Markdown(bench.table(result, network)))

# %%
for network, result in results.items():
    for op in ("inference", "train"):
        if len(result) > 1:  # they took turns: pairs
            turns = zip(
                *(result[name][op]["seconds"] for name in ("Jittor", "PyTorch")), strict=True
            )
            pairs = [ours / theirs for ours, theirs in turns]
            less = sum(pair < 1 for pair in pairs)
            print(f"{network:7} {op:9} median of the pairs' ratios {median(pairs):5.2f}; "
                  f"Jittor faster in {less} of {len(pairs)}")  # fmt: skip

# %% [markdown] lang="en"
# Each row has the median, and beside it the fastest and the slowest run. **Jittor / PyTorch** divides the medians; below 1, Jittor needs less. The lines after the tables do better: the two take turns, so the first turn of one and the first of the other are a pair, and so on. Ranges that overlap say little, since a busy moment slows both turns of a pair; how many pairs agree says more (*How to compare runs*, notebook 04). Memory is that of the whole process, including Python and the framework; that is why even a small network takes more than a hundred MiB.
#
# In the chart each dot is a run. If PyTorch is not installed, only Jittor is shown: times from two machines must not be divided by each other. (`pip install torch` into an environment of its own, `export JACK_TORCH_PYTHON=its/python`, and start the lab again.) The [measured table](../docs/benchmarks.md) of our machine has the papers' sizes as well.

# %% [markdown] lang="zh"
# 每一行先写中位数，旁边是最快和最慢的一次。**Jittor / PyTorch** 是中位数之比，小于 1 说明 Jittor 用得少。表格之后的几行更可靠：两边轮流进行，各自的第一次是一对，第二次是一对，依此类推。范围重叠说明不了什么，因为机器一忙，一对里的两次都会变慢；有几对一致更说明问题（04 的“怎样比较两次运行”）。内存是整个进程的，Python 和框架本身都算在内，所以网络再小也要一百多 MiB。
#
# 图中每个点是一次运行。没装 PyTorch 的机器上只有 Jittor：两台机器的时间不能相除。（把 `torch` 装进单独的环境，`export JACK_TORCH_PYTHON=它的/python`，再重新打开 lab。）我们那台机器的[测量结果](../../docs/benchmarks.md)里还有论文规模的数字。

# %% tags=["slide"]
frameworks = list(results["vaanet"])
titles = (("inference", "推理"), ("training step", "训练步"))
for ax, op, title in zip(show.panels(2), ("inference", "train"), titles, strict=True):
    for framework, colour, shift in zip(frameworks, (BLUE, ORANGE), (-0.12, 0.12), strict=False):
        for place, network in enumerate(CASES):
            ms = 1000 * np.array(results[network][framework][op]["seconds"])
            label = framework if place == 0 else None
            ax.plot([place + shift] * len(ms), ms, "o", color=colour, alpha=0.6, label=label)
    ax.set(title=translated(title), ylabel="ms", yscale="log")
    ax.set_xticks(range(len(CASES)), list(CASES))
    ax.legend()
plt.show()

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · What does a longer video cost? ☆
#
# TSL-Net takes a whole video: *T* snippets of 16 frames each. Its convolutions process every snippet once, so their cost grows with *T*. A straight line through the measurements has two parameters: its **slope** is the cost per snippet, and its **intercept** the cost of every pass however short the video is: starting operators, reading weights.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 视频变长，要多花多少时间？ ☆
#
# TSL-Net 一次处理整段视频：*T* 个小段，每段 16 帧。卷积把每个小段都看一遍，所以代价随 *T* 增长。用一条直线去拟合测得的时间，会得到两个数：**斜率**是每个小段的代价，**截距**是无论视频多短、每次前向都要付的代价，例如启动算子、读取权重。

# %%
small = TSLNet(TSLNetConfig.classroom())
small.eval()


def time_of(call, *inputs, turns=9):
    """The median of `turns` in seconds, after two that are not counted."""
    with jt.no_grad():
        seconds = []
        for _ in range(turns + 2):
            jt.sync_all(True)
            start = time.perf_counter()
            call(*inputs).sync()
            jt.sync_all(True)
            seconds.append(time.perf_counter() - start)
    return median(seconds[2:])


LENGTHS = [50, 100, 200, 300, 500]
by_length = []
for T in LENGTHS:
    rgb, logmel = (jt.array(a) for a in tsl_videos(small.config, 1, T, seed=0)[0][:2])
    by_length.append(1000 * time_of(lambda *both: small(*both).scores, rgb, logmel))
slope, intercept = np.polyfit(LENGTHS, by_length, 1)
print(f"time = {intercept:.2f} ms + {1000 * slope:.1f} us for each clip")

# %% [markdown] lang="en"
# ### ✎ 09.5 · Predict · apply ●○○
#
# With the `slope` and `intercept` above (milliseconds), how many milliseconds does a video of T = 400 clips take? The next cell measures it.

# %% [markdown] lang="zh"
# ### ✎ 09.5 · 预测 · 应用 ●○○
#
# 用上面的 `slope` 和 `intercept`（毫秒），算出 T = 400 的视频要多少毫秒。下一格会实际测量。

# %% tags=["exercise"]
predicted = ...
classroom.check("09.5", predicted, slope=slope, intercept=intercept)

# %%
rgb, logmel = (jt.array(a) for a in tsl_videos(small.config, 1, 400, seed=0)[0][:2])
print(f"measured: {1000 * time_of(lambda *both: small(*both).scores, rgb, logmel):.2f} ms")

# %% [markdown] lang="en"
# The prediction ignores what the line does not contain: how quiet the machine is now, and whether the cost still grows linearly where you have not measured. T = 400 lies between measured lengths; for T = 4000 you would have to measure.

# %% [markdown] lang="zh"
# 这个预测没有考虑两件事：机器此刻有多安静；没测过的地方，代价是不是还线性增长。T = 400 落在测过的长度之间；T = 4000 就得另外去测了。

# %% [markdown] lang="en"
# A **batch** spreads the fixed cost over its videos: the time of a pass grows with it (middle), but the time *for each video* falls at first (right). It falls as long as operators are too small to keep all cores busy. Beyond that a larger batch gains nothing, and may even cost a little, for instance because its data no longer fit into the processor's cache. A straight line is fitted here, too; if its fixed cost is below zero, that cost is too small to be measured in the noise. VAANet, classroom size:

# %% [markdown] lang="zh"
# **成批计算**则把固定的代价分摊到每段视频上：批大小越大，一次前向的时间越长（中图），但*平均到每段视频*的时间起初会变短（右图）：算子太小，不足以让所有的核都忙起来，合成一批就好了。再往上加，就没有好处了，有时还会稍慢一点，比如数据大得处理器的缓存放不下。这里也拟合了一条直线；如果固定的代价算出来是负数，说明它太小，淹没在干扰里了。VAANet，课堂规模：

# %%
config = VAANetConfig.classroom()
vaanet = VAANet(config)
vaanet.eval()
SIZES = [1, 2, 4, 8, 16]
by_batch = []
for size in SIZES:
    visual, audio, _ = clip_inputs(config, size, seed=0)
    visual, audio = jt.array(visual), jt.array(audio)
    passes = time_of(lambda *both: vaanet(*both).logits, visual, audio, turns=5)
    by_batch.append(1000 * passes)
each = np.array(by_batch) / SIZES
for_one_more, fixed = np.polyfit(SIZES, by_batch, 1)
print(f"time = {fixed:.1f} ms + {for_one_more:.1f} ms for each video of the batch")

left, middle, right = show.panels(3, width=10, height=2.8)
left.plot(LENGTHS, by_length, "o", color=BLUE)
left.plot([0, 500], [intercept, intercept + 500 * slope], color=GREY, lw=1)
left.set(title=translated(("TSL-Net: a video of T clips", "TSL-Net：T 个小段的视频")), xlabel="T")
middle.plot(SIZES, by_batch, "o", color=ORANGE)
middle.plot([0, 16], [fixed, fixed + 16 * for_one_more], color=GREY, lw=1)
middle.set_title(translated(("VAANet: a whole batch", "VAANet：整批")))
right.plot(SIZES, each, "o-", color=ORANGE)
right.set_title(translated(("VAANet: each video of it", "VAANet：平均每段")))
for ax in (middle, right):
    ax.set_xlabel(translated(("videos in a batch", "批大小")))
for ax in (left, middle, right):
    ax.set(ylabel="ms", ylim=(0, None))
plt.show()

# %% [markdown] lang="en"
# ### ✎ 09.6 · What does a batch gain? · apply ●○○
#
# Use `each` (milliseconds per video) and `SIZES`: by what **factor** does a batch of 8 increase the videos per second over batches of 1?

# %% [markdown] lang="zh"
# ### ✎ 09.6 · 成批计算能快几倍？ · 应用 ●○○
#
# 用 `each`（每段视频多少毫秒）和 `SIZES` 算：批大小为 8 时，每秒处理的视频数是批大小为 1 时的**几倍**？

# %% tags=["exercise"]
gain = ...
classroom.check("09.6", gain, each=each, sizes=SIZES)

# %% [markdown] lang="en"
# ## Quiz
#
# One letter for each question; run the cell again to read what there is to say.

# %% [markdown] lang="zh"
# ## 小测验
#
# 每题填一个字母，再运行一次，就能看到对你的选择的说明。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("09", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A clock measures what happened between its two readings, so both readings have to wait for a lazy or asynchronous device. Runs that warm up are dropped, many others are summarised by their median, and the spread is reported with it. Two programs are compared on one machine, in turns, pair by pair.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 钟测到的是两次读数之间发生的事，所以对惰性或异步执行的设备，两次读数之前都要等待。预热的几次不计入，其余多次用中位数概括，并报告波动范围。比较两个程序，要在同一台机器上轮流进行，一对一对地比。

# %% [markdown] lang="en"
# ## References
#
# - Hoefler and Belli, *Scientific Benchmarking of Parallel Computing Systems*, SC 2015: twelve rules for reporting performance.
# - Hu et al., *Jittor: a novel deep learning framework with meta-operators and unified graph execution*, Science China Information Sciences, 2020.
# - `docs/benchmarks.md`: our measurements, with the papers' sizes.
#
# ## To go on
#
# `bash script/run.sh bench all` measures the papers' sizes too; run it while a video plays and decide which of its results you would still trust.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Hoefler、Belli，*Scientific Benchmarking of Parallel Computing Systems*，SC 2015：报告性能的十二条规则。
# - Hu 等，*Jittor: a novel deep learning framework with meta-operators and unified graph execution*，Science China Information Sciences，2020。
# - `docs/benchmarks.md`：我们的测量结果，包括论文规模。
#
# ## 接下来
#
# `bash script/run.sh bench all` 也测论文的规模；一边放视频一边运行它，看看哪些数字仍然可信。
