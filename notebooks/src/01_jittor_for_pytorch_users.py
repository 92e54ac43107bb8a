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
# # 01 · Jittor for PyTorch users
#
# | | |
# |---|---|
# | **You can afterwards** | translate a PyTorch model, training loop and data set to Jittor; predict which line computes and which change needs a new kernel; explain fusion; write a layer in meta-operators and a gradient of your own; time a computation reliably |
# | **You should know** | PyTorch: tensors, autograd, `nn.Module`, a training loop; convolution as a sum; what compiling a C++ program means. `00_start_here` for the first lines of Jittor |
# | **Minutes** | you 130 · machine 2 (the very first time about four more, while Jittor compiles about 130 kernels) |
# | **Core** | sections 1 to 3, 5 to 7, 10; extra: 4, 8, 9, 11 |
# | **Needs** | this repository; no GPU, no download, no PyTorch |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it. `02_porting_traps` covers the differences one by one; here they are only mentioned.

# %% [markdown] lang="zh" tags=["slide"]
# # 01 · 写给 PyTorch 用户的 Jittor（计图）入门
#
# | | |
# |---|---|
# | **学完你能** | 把 PyTorch 的模型、训练循环和数据集改写成 Jittor；预测哪一行会触发计算、哪种改动需要新的内核；解释算子融合；用元算子写一个层，自定义梯度；可靠地计时 |
# | **需要先会** | PyTorch：张量、自动求导、`nn.Module`、训练循环；卷积的求和定义；编译一个 C++ 程序是怎么回事。Jittor 的头几行代码见 `00_start_here` |
# | **用时（分钟）** | 你 130 · 机器 2（第一次运行再多四分钟左右，Jittor 要编译约 130 个算子内核） |
# | **必学** | 第 1 至 3、5 至 7、10 节；选学：4、8、9、11 |
# | **运行条件** | 本仓库；不需要 GPU，不用下载，也不用装 PyTorch |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。`02_porting_traps` 逐个讲两者不一样的地方，这里只点到为止。仓库里保存的输出是英文版运行时生成的，图中文字因此是英文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

import re
import time
from contextlib import redirect_stdout
from io import StringIO

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from jittor import nn

from jacklib.measure.kernels import first_uses, kernels, loops
from jacklib.porting import cmp, pytorch
from jacklib.teaching.show import BLUE, GREY, ORANGE, translated

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 5)).astype(np.float32)
Y = rng.standard_normal((4, 5)).astype(np.float32)

# %% [markdown] lang="en"
# ## How to read this notebook
#
# Code comes in **pairs**. PyTorch's half is text in `pytorch("""...""")`: it runs in a process of its own, since the two frameworks cannot safely share one, and the value of its last line is returned as NumPy arrays. If PyTorch is not installed, the answer stored when this notebook was built is used (a line of output tells you so). Jittor's half runs here. `cmp` compares the two:

# %% [markdown] lang="zh"
# ## 怎么读这个笔记本
#
# 代码都是**成对**的。PyTorch 那一半写在 `pytorch("""...""")` 的字符串里：两个框架放进同一个进程不安全，所以它在单独的进程里运行，最后一行的值以 NumPy 数组返回。没装 PyTorch 的机器会用构建笔记本时存下的答案（会打印一行说明）。Jittor 那一半就在这里运行，最后由 `cmp` 比较：

# %%
theirs = pytorch(
    """
    y = x.softmax(dim=1)
    y
    """,
    x=X,
)

x = jt.array(X)
y = nn.softmax(x, dim=1)

ok = cmp("softmax", y, theirs)

# %% [markdown] lang="en"
# *Exact*: every bit is the same. *Approximate*: equal to within 1/100,000 of the largest value. Two correct programs that add values in different orders rarely agree in every bit, and need not.

# %% [markdown] lang="zh"
# *exact*（精确）：每一位都相同。*approximate*（近似）：差别不超过最大数的十万分之一。两个都正确的程序，只要加法的先后不同，末位就可能不一样，这很正常，不必追求逐位相同。

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · Vars ★
#
# Jittor's tensor is called `Var`. Creating, reshaping and indexing Vars works as you would expect. This section shows what you might not expect; first, **64-bit values become 32-bit ones**:

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 张量（Var） ★
#
# Jittor 的张量叫 `Var`，创建、变形、索引都和 PyTorch 相近。这一节讲可能出乎意料的地方。首先，**64 位数会变成 32 位**：

# %%
values = {
    "[1, 2]": [1, 2],
    "[1.5]": [1.5],
    "[True]": [True],
    "np.arange(3)": np.arange(3),
    "np.arange(3.0)": np.arange(3.0),
    "np.float16([1])": np.float16([1]),
}
theirs = pytorch(
    """
    values = [[1, 2], [1.5], [True], np.arange(3), np.arange(3.0), np.float16([1])]
    [str(torch.tensor(v).dtype).removeprefix("torch.") for v in values]
    """
)
print(f"{'made of':17}{'Jittor':10}PyTorch")
for (text, value), dtype in zip(values.items(), theirs, strict=True):
    print(f"{text:17}{str(jt.array(value).dtype):10}{dtype}")
print(
    "\nasked for:",
    jt.array(np.arange(3.0), dtype="float64").dtype,
    jt.array64(np.array([1, 2**40])).dtype,
)
print("2**31 + 5 in an int64 array becomes", jt.array(np.array([2**31 + 5])).item())

# %% [markdown] lang="en"
# Networks use 32 bits anyway. Keep large integers (file positions, time stamps, hashes) in NumPy.
#
# **Shapes.** There are no zero-dimensional Vars: a single value has shape `[1,]`. `x.shape` compares with lists and tuples. **Indexing** works as in NumPy:

# %% [markdown] lang="zh"
# 网络本来就用 32 位。大整数（文件位置、时间戳、哈希值）请留在 NumPy 里。
#
# **形状。** Jittor 没有零维的 Var：单个数的形状是 `[1,]`。`x.shape` 可以直接和列表比较。**索引**和 NumPy 一样：

# %%
theirs = pytorch("(tuple(x.sum().shape), x[1], x[:, ::2], x[x > 0])", x=X)

ours = (x.sum().shape, x[1], x[:, ::2], x[x > 0])
print("x.shape:", x.shape, "| x.shape == [4, 5]:", x.shape == [4, 5])
print("x.sum().shape: Jittor", ours[0], "PyTorch", theirs[0])
for text, a, b in zip(("x[1]", "x[:, ::2]", "x[x > 0]"), ours[1:], theirs[1:], strict=True):
    cmp(text, a, b)

# %% [markdown] lang="en" tags=["slide"]
# **A slice is a copy.** In PyTorch a slice is a view, and writing into it changes the whole. In Jittor it does not, and there is no error. Put the index on the left side of the assignment instead:

# %% [markdown] lang="zh" tags=["slide"]
# **切片是副本。** PyTorch 的切片是视图，改切片就是改原数组；Jittor 的不是，改了切片，原张量不变，也不会报错。要写入，请把索引放在等号左边：

# %%
theirs = pytorch(
    """
    row = x[0]
    row += 1
    x
    """,
    x=X,
)

x = jt.array(X)
row = x[0]
row += 1
cmp("row = x[0]; row += 1", x, theirs)
x[0] = x[0] + 1
ok = cmp("x[0] = x[0] + 1     ", x, theirs)

# %% [markdown] lang="en"
# **Getting values out.** `.item()` returns one value, `.numpy()` a copy as an array, and `.data` an array that *is* the Var's memory:

# %% [markdown] lang="zh"
# **取出数值。** `.item()` 取一个数，`.numpy()` 得到数组副本，`.data` 得到的数组则*就是* Var 的内存：

# %%
x = jt.array(X)
x.numpy()[0, 0] = 100
print("after writing into x.numpy():", round(x[0, 0].item(), 3))
x.data[0, 0] = 100
print("after writing into x.data:   ", x[0, 0].item())

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · Lazy execution: recorded now, computed later ★
#
# PyTorch computes a line when it reaches it. Jittor **records** it, and computes when the values are needed. `jt.flags.exec_called` counts how often it had to compute. Below are nine lines; for each we look whether the counter moved. Guess first: how many of the nine make Jittor compute?

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 惰性执行：先记录，后计算 ★
#
# PyTorch 执行到哪一行就算哪一行。Jittor 只是**记录**下来，直到需要取值时才计算。`jt.flags.exec_called` 记录它计算了几次。下面有九行代码，逐行看这个计数器动不动。先猜一猜：九行里有几行会触发计算？

# %%
LINES = """
y = x * 3.5
y.shape, len(y)
y[0]
jt.grad(y.sum(), x)
y.numpy()
print(y)
y.sum().item()
bool(y.sum() > 0)
y[y > 0].shape
"""
guess = ...
classroom.predict("01.p1", guess)

# %%
computing = 0
for line in LINES.strip().splitlines():
    names = {"x": jt.array(X), "jt": jt, "print": str}
    names["y"] = names["x"] * 3.5
    jt.sync_all(True)
    names["y"] = names["x"] * 3.5  # recorded, not computed
    before = jt.flags.exec_called
    exec(line, names)
    computes = jt.flags.exec_called > before
    computing += computes
    print(f"{line:22}", "computes" if computes else "only notes")
classroom.reveal("01.p1", computing)

# %% [markdown] lang="en"
# The last line may surprise you: the shape depends on how many elements are positive, so Jittor must compute first. Ways to make it compute without reading the values:
#
# - `y.sync()` computes `y` and what it depends on;
# - `jt.sync_all(True)` computes everything recorded, and waits until the device (also a GPU) is done;
# - `jt.fetch(y, function)` registers `function` to be called with the values once they are computed: good for logging without a pause.

# %% [markdown] lang="zh"
# 最后一行可能出乎意料：形状取决于有几个正数，所以 Jittor 必须先算出来。只想让它算、不看数值时：
#
# - `y.sync()` 计算 `y` 及其依赖；
# - `jt.sync_all(True)` 计算所有已记录的运算，并等设备（包括 GPU）真正算完；
# - `jt.fetch(y, 函数)` 先登记，等数值算出来再交给函数：适合写日志，又不打断执行。

# %%
x = jt.array(X)
y = x * 3.5
jt.fetch(y, lambda numbers: print("  fetch: now I have", type(numbers).__name__, numbers.shape))
print("after jt.fetch: nothing printed by the function yet")
jt.sync_all(True)
print("after jt.sync_all(True)")

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 01.1 · Which lines compute? · analyse ●●○
#
# `x` is a Var of shape [4, 5], computed already. Which lines make Jittor compute? Answer with a list of their numbers.
#
# ```python
# y = x * 3.5                          # 1
# n = y.shape[0] * y.shape[1]          # 2
# mean = y.sum() / n                   # 3
# high = y[y > mean]                   # 4
# k = len(high)                        # 5
# g = jt.grad(mean, x)                 # 6
# z = g @ x.transpose()                # 7
# print(z.max().item())                # 8
# ```

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 01.1 · 哪几行会计算？ · 分析 ●●○
#
# `x` 是形状 [4, 5] 的 Var，已经计算过。哪几行会让 Jittor 计算？写成行号的列表。
#
# ```python
# y = x * 3.5                          # 1
# n = y.shape[0] * y.shape[1]          # 2
# mean = y.sum() / n                   # 3
# high = y[y > mean]                   # 4
# k = len(high)                        # 5
# g = jt.grad(mean, x)                 # 6
# z = g @ x.transpose()                # 7
# print(z.max().item())                # 8
# ```

# %% tags=["exercise"]
lines = ...
classroom.check("01.1", lines)

# %% [markdown] lang="en"
# How long does "recording" take? Below: `x @ x` for growing $n \times n$ matrices, the time until Python continues, and the time until the result is computed; dots are single runs, lines medians. The function `seconds` is used in the whole notebook; section 10 explains why it is written this way.

# %% [markdown] lang="zh"
# “记录”要多久？下图对越来越大的 $n \times n$ 矩阵算 `x @ x`：一条线是 Python 能继续往下走的时间，另一条是数值真正算出来的时间；点是单次测量，线是中位数。函数 `seconds` 全本通用，为什么这样写，第 10 节再说。


# %%
def seconds(function, runs=9, warm_up=2):
    """Seconds of each of `runs` calls: until the call returns, and until all is computed."""
    times = []
    for _ in range(warm_up + runs):
        jt.sync_all(True)
        start = time.perf_counter()
        result = function()  # kept: a Var without references is never computed
        noted = time.perf_counter() - start
        jt.sync_all(True)
        times.append((noted, time.perf_counter() - start))
        del result
    return np.array(times[warm_up:])  # [runs, 2]


sizes = [50, 100, 200, 400, 800, 1600]
measured = []
for n in sizes:
    square = jt.array(rng.standard_normal((n, n)).astype(np.float32))
    measured.append(seconds(lambda square=square: square @ square))
measured = np.array(measured) * 1000  # [sizes, runs, 2] in ms

words = (
    translated(("noted (Python goes on)", "记录（Python 继续往下走）")),
    translated(("computed", "算完")),
)
figure, ax = plt.subplots(figsize=(6, 2.8))
for k, colour in enumerate((ORANGE, BLUE)):
    ax.plot(np.repeat(sizes, 9), measured[:, :, k].ravel(), ".", ms=4, color=colour, alpha=0.5)
    ax.plot(sizes, np.median(measured[:, :, k], axis=1), "-", color=colour, label=words[k])
ax.set(xscale="log", yscale="log", xlabel="n", ylabel="ms", title="x @ x, n × n")
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.legend(frameon=False)
plt.show()
noted, computed = np.median(measured, axis=1)[-1]
print(f"n = {sizes[-1]}: noted in {noted:.3f} ms, computed in {computed:.1f} ms")

# %% [markdown] lang="en"
# From the smallest matrix to the largest, recording takes a few times longer, and computing several thousand times. Recording is not free, though: a network of many tiny operators can spend more time on recording than on computing.
#
# There are two consequences. **An error appears late**: a wrong line may raise only when its values are needed, much further down (for debugging, `jt.flags.lazy_execution = 0` computes every line at once). And **a time measured without waiting is wrong**.

# %% [markdown] lang="zh"
# 从最小的矩阵到最大的，“记录”的时间只长了几倍，计算却长了几千倍。但“记录”的时间不是零：如果网络由许多很小的算子组成，花在记录上的时间可能比计算还多。
#
# 由此有两个后果。**报错来得晚**：有问题的那一行，可能要等到很后面取数值时才报错（调试时可以设 `jt.flags.lazy_execution = 0`，逐行立即计算）。另外，**不等算完就得到的时间是错的**。

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Just-in-time kernels ★
#
# Why wait at all? Because it knows the whole computation, Jittor can generate C++ for exactly this computation, a **kernel**, and compile it. That takes a moment, once: the kernel is cached in a folder. To measure this we need a kernel that has never been compiled, so one is made with the current time in it. Three processes, one after the other, run it twice each:

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 即时编译的算子内核 ★
#
# 为什么要等？因为看到了整个计算，Jittor 就能专门为它写一段 C++，也就是一个**算子内核（kernel）**，再编译。编译要花一点时间，但只有一次：编译好的存在一个文件夹里。要测量这段时间，得用一个从没编译过的内核，所以把当前时间写了进去。三个进程先后运行，各算两遍：

# %%
words = ["new: written, compiled, loaded", "again", *("in another process: loaded", "again") * 2]
for word, ms in zip(words, first_uses(), strict=True):
    print(f"{word:32}{ms:10.2f} ms")

# %% [markdown] lang="en"
# (Compiling and loading wait for all other programs that use Jittor at that moment, since the folder has a single lock. If "loaded" is slow here, the machine was busy.)
#
# Hence a rule of this repository: the *first* run of anything is slow, and tells nothing about the second.
#
# **When is a new kernel needed?** Jittor's profiler lists the kernels that ran; `kernels(function)` returns them by name. The name encodes operators, types and numbers of dimensions. The computation is `(x * factor - x.sqrt()).sum(1)` with a factor of 3.5 on a Var of shape [100, 100]. Six changes: how many of them need another kernel?

# %% [markdown] lang="zh"
# （编译和加载要与同时使用 Jittor 的其他程序排队，因为整个文件夹只有一把锁。如果这里“loaded”也很慢，说明当时机器正忙。）
#
# 所以本仓库有一条规则：任何程序*第一次*运行都慢，并且不能说明第二次有多快。
#
# **什么时候要编译新的内核？** Jittor 的性能分析器会列出运行了哪些内核，`kernels(function)` 按名字返回它们。内核的名字里有算子、类型和维数。要算的是 `(x * factor - x.sqrt()).sum(1)`，factor 为 3.5，`x` 的形状是 [100, 100]。下面有六种改动，其中几种需要另一个内核？


# %%
def chain(x, factor=3.5):
    return (x * factor - x.sqrt()).sum(1)


def ones(*shape, dtype="float32"):
    return jt.array(np.ones(shape, dtype), dtype=dtype)


changes = {
    "shape 7 x 300": lambda: chain(ones(7, 300)),
    "shape 1000 x 1000": lambda: chain(ones(1000, 1000)),
    "factor 0.25": lambda: chain(ones(100, 100), 0.25),
    "factor 2.0": lambda: chain(ones(100, 100), 2.0),
    "float64": lambda: chain(ones(100, 100, dtype="float64")),
    "three dimensions": lambda: chain(ones(10, 10, 10)),
}
guess = ...
classroom.predict("01.p2", guess)

# %%
(name,) = base = kernels(lambda: chain(ones(100, 100)))
others = {}
for text, function in changes.items():
    others[text] = not set(kernels(function)) <= set(base)
    print(f"{text:20}", "another kernel" if others[text] else "same kernel")
classroom.reveal("01.p2", sum(others.values()))

# %% [markdown] lang="en"
# **Sizes do not matter**, so clips of different lengths compile nothing new. Types and numbers of dimensions do. And *some constants* do: 0.25 is passed like an argument, but 0, 1 and 2 (and −1, −2) are written into the kernel, so that the compiler can simplify. Text matters, too: an index expression such as `f"i0*{stride}"` (section 4) is part of the name.
#
# What does such a kernel look like? Here are the loops of ours, as Jittor generated them, with arrows. `op1_xp` is the memory of `x`; a name that ends in `d` is one value in a register of the processor: nothing but the sum is written to memory.

# %% [markdown] lang="zh"
# **大小无关紧要**，所以长短不一的视频不会引起重新编译；类型和维数会。*某些常数*也会：0.25 像参数一样传进去，而 0、1、2（以及 −1、−2）直接写进内核，好让编译器化简。文本也算：`f"i0*{stride}"` 这类下标表达式（见第 4 节）就是名字的一部分。
#
# 这样的内核是什么样？下面是 Jittor 生成的循环，右边用箭头注明含义。`op1_xp` 是 `x` 的内存；以 `d` 结尾的名字是处理器寄存器里的一个数：除了和，什么都不写回内存。

# %% tags=["slide"]
ARROWS = {
    "; id0 <": ("for each row", "对每一行"),
    "; id1 <": ("for each column", "对每一列"),
    "float32(0)": ("the row's sum begins at 0", "这一行的和从 0 开始"),
    "sqrt": ("x.sqrt()", "x.sqrt()"),
    ")*(": ("x * factor", "x * factor"),
    ")-(": ("their difference", "两者之差"),
    ")+(": ("is added to the row's sum", "加到这一行的和上"),
}
for line in loops(base[name]).splitlines():
    arrow = next((words[LANG == "zh"] for sign, words in ARROWS.items() if sign in line), "")
    print(f"{line:72}", arrow and f"<- {arrow}")

# %% [markdown] lang="en"
# ### ✎ 01.2 · How many kernels? · analyse ●●○
#
# These six calls are made one after the other. How many *different* kernels do they need?
#
# ```python
# (ones(4, 5) + 0.5).abs()
# (ones(40, 50) + 0.5).abs()
# (ones(4, 5) + 3.0).abs()
# (ones(4, 5) + 1.0).abs()
# (ones(9, 9) + 2.0).abs()
# (ones(4, 5) + 0.25).abs()
# ```

# %% [markdown] lang="zh"
# ### ✎ 01.2 · 需要几个内核？ · 分析 ●●○
#
# 下面六次调用先后执行，一共需要几个*不同*的内核？
#
# ```python
# (ones(4, 5) + 0.5).abs()
# (ones(40, 50) + 0.5).abs()
# (ones(4, 5) + 3.0).abs()
# (ones(4, 5) + 1.0).abs()
# (ones(9, 9) + 2.0).abs()
# (ones(4, 5) + 0.25).abs()
# ```

# %% tags=["exercise"]
n_kernels = ...
classroom.check("01.2", n_kernels)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Meta-operators and fusion ☆
#
# Jittor has few basic operators, and builds layers from them:
#
# | meta-operator | what it does |
# |---|---|
# | `x.broadcast(shape, dims)` | repeats along new dimensions |
# | elementwise (`+`, `sqrt`, …) | one value from one or two |
# | `x.sum(dims)`, `x.max(dims)` … | **reduces** dimensions |
# | `x.reindex(shape, indexes)` | result `[i0, i1, …]` is `x` at the positions given by `indexes`: one to many |
# | `x.reindex_reduce(op, shape, indexes)` | `x[i0, i1, …]` is added to (or maximised with …) the given position: many to one |
#
# A matrix product is: repeat both, multiply, sum. The array `[n, k, m]` is huge, but is never stored:

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 元算子与算子融合 ☆
#
# Jittor 的基本算子不多，各种层都由它们搭成：
#
# | 元算子 | 作用 |
# |---|---|
# | `x.broadcast(shape, dims)` | 沿新的维度重复 |
# | 逐元素运算（`+`、`sqrt` 等） | 由一两个数得到一个数 |
# | `x.sum(dims)`、`x.max(dims)` 等 | **归约**，消去若干维 |
# | `x.reindex(shape, indexes)` | 结果的 `[i0, i1, …]` 取自 `x` 在 `indexes` 处的值：一对多 |
# | `x.reindex_reduce(op, shape, indexes)` | 把 `x[i0, i1, …]` 加到（或取最大值到……）指定的位置：多对一 |
#
# 矩阵乘法就是：两边都重复，相乘，再求和。中间的 `[n, k, m]` 很大，但从不真正存在：


# %%
def meta_matmul(a, b):
    """[n, k] times [k, m]."""
    (n, k), m = a.shape, b.shape[1]
    a = a.broadcast([n, k, m], dims=[2])
    b = b.broadcast([n, k, m], dims=[0])
    return (a * b).sum(1)


A = rng.standard_normal((32, 64)).astype(np.float32)
B = rng.standard_normal((64, 16)).astype(np.float32)
theirs = pytorch("a @ b", a=A, b=B)
ok = cmp("matmul", meta_matmul(jt.array(A), jt.array(B)), theirs)

# %% [markdown] lang="en"
# A 2-D convolution: `reindex` gathers the inputs of each output, for each tap of the convolution kernel (outside the image: 0); multiply by the weights; sum over channels and taps. Gradients are automatic, since every meta-operator has its own:

# %% [markdown] lang="zh"
# 二维卷积：`reindex` 为每个输出、卷积核的每个位置取出所看到的值（图像之外为 0），乘上权重，再对通道和核内位置求和。梯度自动就有，因为每个元算子都自带梯度：


# %%
def meta_conv2d(x, w, stride, padding):
    """x [N, C, H, W], w [C_out, C, K, K] -> [N, C_out, h, v]."""
    N, C, H, W = x.shape
    C_out, _, K, _ = w.shape
    h, v = (H + 2 * padding - K) // stride + 1, (W + 2 * padding - K) // stride + 1
    shape = [N, C_out, C, h, v, K, K]  # i0 to i6
    row, column = f"i3*{stride}+i5-{padding}", f"i4*{stride}+i6-{padding}"
    seen = x.reindex(shape, ["i0", "i2", row, column])
    weights = w.broadcast(shape, dims=[0, 3, 4])
    return (seen * weights).sum([2, 5, 6])


M = rng.standard_normal((2, 3, 9, 9)).astype(np.float32)
K = rng.standard_normal((4, 3, 3, 3)).astype(np.float32)
theirs = pytorch(
    """
    w.requires_grad_()
    y = F.conv2d(m, w, stride=2, padding=1)
    (y ** 2).sum().backward()
    y, w.grad
    """,
    m=M, w=K,
)  # fmt: skip

m, w = jt.array(M), jt.array(K)
y = meta_conv2d(m, w, stride=2, padding=1)
cmp("convolution          ", y, theirs[0])
ok = cmp("gradient of weights  ", jt.grad((y * y).sum(), w), theirs[1])

# %% [markdown] lang="en"
# `reindex_reduce`, many to one: max pooling, and counting how often each value occurs. `@e0(i0)` reads a position from another array.

# %% [markdown] lang="zh"
# `reindex_reduce` 是多对一：最大池化，以及数每个数出现几次。`@e0(i0)` 表示从另一个数组读位置。

# %%
labels = np.array([0, 2, 1, 0, 2, 2], np.int32)
theirs = pytorch(
    "(F.max_pool1d(x[None, :, :4], 2)[0], torch.bincount(t, minlength=4))", x=X, t=labels
)

x = jt.array(X[:, :4])
pooled = x.reindex_reduce("maximum", [4, 2], ["i0", "i1/2"])
counted = jt.array(np.ones(6, np.float32)).reindex_reduce(
    "add", [4], ["@e0(i0)"], extras=[jt.array(labels)]
)
cmp("max pooling", pooled, theirs[0])
ok = cmp("counting   ", counted, theirs[1])

# %% [markdown] lang="en"
# ### ✎ 01.3 · Mean pooling · apply ●●○
#
# `x` `[N, L]` is cut into pieces of `k`, and each becomes its mean: `[N, L/k]` (`k` divides `L`). Use meta-operators: `reindex` and `mean`, or `reindex_reduce`.

# %% [markdown] lang="zh"
# ### ✎ 01.3 · 平均池化 · 应用 ●●○
#
# 把 `x` `[N, L]` 每 `k` 个切成一段，取平均，得到 `[N, L/k]`（`k` 整除 `L`）。请用元算子：`reindex` 加 `mean`，或者 `reindex_reduce`。


# %% tags=["exercise"]
def mean_pool(x, k):
    """A Var [N, L] -> [N, L/k]."""
    ...


classroom.check("01.3", mean_pool)

# %% [markdown] lang="en"
# **What runs in the end?** The result is hard to guess:

# %% [markdown] lang="zh"
# **最后运行的到底是什么？** 结果恐怕猜不到：

# %%
runs = {
    "meta_matmul": lambda: meta_matmul(jt.array(A), jt.array(B)),
    "meta_conv2d": lambda: meta_conv2d(m, w, 2, 1),
}
for text, function in runs.items():
    print(text)
    for name, kernel in kernels(function).items():
        note = "<- handed over" if "relay" in name else f"{kernel.ms:.2f} ms"
        print("   ", " + ".join(kernel.operators), note)

# %% [markdown] lang="en"
# Jittor *recognised* both patterns and passed them to oneDNN, a library of hand-tuned kernels: `mkl_matmul`, `mkl_conv`. So writing a layer in meta-operators need not be slow. If a pattern is not recognised, **fusion** matters. The distance $\sum_k |a_{ik} - b_{kj}|$ between all rows and columns looks like a matrix product but is not one:

# %% [markdown] lang="zh"
# Jittor *认出*了这两种写法，转交给了 oneDNN（一个精心调优的算子库）：`mkl_matmul`、`mkl_conv`。所以用元算子写层不一定慢。写法认不出来时，就要靠**融合**。下面的距离 $\sum_k |a_{ik} - b_{kj}|$ 样子像矩阵乘法，却不是：


# %%
def distances(a, b):
    """L1 distances between the rows of a [n, k] and the columns of b [k, m]: [n, m]."""
    (n, k), m = a.shape, b.shape[1]
    a = a.broadcast([n, k, m], dims=[2])
    b = b.broadcast([n, k, m], dims=[0])
    return (a - b).abs().sum(1)


theirs = pytorch("torch.cdist(a, b.T.contiguous(), p=1)", a=A, b=B)
ok = cmp("fused  ", distances(jt.array(A), jt.array(B)), theirs)
with jt.flag_scope(no_fuse=1):  # every operator a kernel of its own
    apart = distances(jt.array(A), jt.array(B)).numpy()
ok = cmp("unfused", apart, theirs)

# %% [markdown] lang="en"
# The arrays are larger now. Unfused, each of five operators is a kernel of its own; fused, all five are one. How many times as fast is the fused computation?

# %% [markdown] lang="zh"
# 现在换成更大的数组。不融合时，五个算子各是一个内核；融合后，五个合成一个。融合之后快几倍？

# %%
big_a, big_b = (
    jt.array(rng.standard_normal(s).astype(np.float32)) for s in ((256, 128), (128, 256))
)
guess = ...
classroom.predict("01.p3", guess)

# %%
parts = []
for flag in (1, 0):
    shots = [kernels(lambda: distances(big_a, big_b), no_fuse=flag) for _ in range(8)][1:]
    parts.append([np.median([shot[name].ms for shot in shots]) for name in shots[0]])
    print("no_fuse =", flag, [" + ".join(kernel.operators) for kernel in shots[0].values()])
words = [translated(pair) for pair in (("unfused", "不融合"), ("fused", "融合"))]
figure, ax = plt.subplots(figsize=(8, 1.8))
for row, ms in enumerate(parts):
    ax.barh(row, ms, left=np.cumsum([0, *ms[:-1]]), color=(GREY, BLUE)[row], ec="black")
ax.set(yticks=[0, 1], yticklabels=words, ylim=(1.5, -0.5), xlabel="ms")
ax.set_title(translated(("A black frame is a kernel", "每个黑框是一个内核")))
plt.show()
totals = [sum(ms) for ms in parts]
print(f"unfused {totals[0]:.1f} ms, fused {totals[1]:.1f} ms")
classroom.reveal("01.p3", totals[0] / totals[1])
print(f"one array [n, k, m] has {256 * 128 * 256 * 4 / 1e6:.0f} MB; unfused, four are stored")

# %% [markdown] lang="en" tags=["slide"]
# The results are the same. Unfused, four large arrays are written to memory and read again; fused, each value goes through all five operators while it is in the processor.

# %% [markdown] lang="zh" tags=["slide"]
# 数值一样。不融合，四个大数组要写进内存再读出来；融合之后，每个值在处理器里依次完成五个算子。

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · Gradients ★
#
# Gradients are values that `jt.grad` returns; they do not accumulate in `.grad`. So there is no `zero_grad` to forget:

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 梯度 ★
#
# 梯度是 `jt.grad` 返回的值，不会累积在 `.grad` 里，所以也不会忘了 `zero_grad`：

# %%
theirs = pytorch(
    """
    x.requires_grad_(), y.requires_grad_()
    loss = (x * y).sigmoid().sum()
    loss.backward()
    x.grad, y.grad
    """,
    x=X, y=Y,
)  # fmt: skip

x, y = jt.array(X), jt.array(Y)
loss = (x * y).sigmoid().sum()
gx, gy = jt.grad(loss, [x, y])

cmp("gradient of x", gx, theirs[0])
ok = cmp("gradient of y", gy, theirs[1])

# %% [markdown] lang="en"
# Every float Var requires gradients by default. `loss.backward()` exists but only logs a hint, which JACK's quiet settings hide; `x.grad` raises. A Var that the loss does not depend on gets zeros, where PyTorch returns `None`.
#
# To stop gradients: `x.stop_grad()` changes `x` itself, `x.detach()` returns another Var, and Vars created inside `with jt.no_grad():` do not require gradients.

# %% [markdown] lang="zh"
# 浮点 Var 默认都要求梯度。`loss.backward()` 倒是有，但只往日志里写一句提示（JACK 的安静设置下看不到）；`x.grad` 会报错。损失不依赖的 Var，梯度是零，而 PyTorch 给的是 `None`。
#
# 不要梯度时：`x.stop_grad()` 改变 `x` 自身，`x.detach()` 返回另一个 Var，在 `with jt.no_grad():` 里产生的 Var 都不要求梯度。

# %%
theirs = pytorch(
    """
    x.requires_grad_()
    with torch.no_grad():
        fixed = x * 2
    loss = (x.detach() * x * fixed).sum()
    torch.autograd.grad(loss, x)[0]
    """,
    x=X,
)

x = jt.array(X)
with jt.no_grad():
    fixed = x * 2
loss = (x.detach() * x * fixed).sum()
cmp("detach, no_grad", jt.grad(loss, x), theirs)

try:
    loss.backward()  # no error here ...
    x.grad
except RuntimeError:
    print("x.grad raises RuntimeError")  # ... but here

y = jt.array(Y).stop_grad()
print(
    "takes gradients: x",
    not x.is_stop_grad(),
    "| fixed",
    not fixed.is_stop_grad(),
    "| y",
    not y.is_stop_grad(),
)
print("of a Var that takes none, and of one that loss does not know:",
      jt.grad((y * y).sum(), y).numpy().any(), jt.grad(loss, jt.array(Y)).numpy().any())  # fmt: skip

# %% [markdown] lang="en"
# ### ✎ 01.4 · What is left of the gradient? · analyse ●●○
#
# What is the gradient of `loss` by `a`? Work it out before you try.
#
# ```python
# a = jt.array([2.0])
# b = jt.array([5.0]).stop_grad()
# c = (a * 2).detach()
# with jt.no_grad():
#     d = a * 3
# loss = (a * c + b * d).sum()
# ```

# %% [markdown] lang="zh"
# ### ✎ 01.4 · 梯度还剩多少？ · 分析 ●●○
#
# `loss` 对 `a` 的梯度是多少？先算出来，再去试。
#
# ```python
# a = jt.array([2.0])
# b = jt.array([5.0]).stop_grad()
# c = (a * 2).detach()
# with jt.no_grad():
#     d = a * 3
# loss = (a * c + b * d).sum()
# ```

# %% tags=["exercise"]
gradient = ...
classroom.check("01.4", gradient)

# %% [markdown] lang="en"
# **Second derivatives**: a gradient is a Var like any other; differentiate it again. **A custom gradient**: `jt.Function` has `execute` and `grad` where PyTorch has two static methods and a context; what is needed later is stored in `self`. Here is a rounding that passes gradients through unchanged ("straight through"):

# %% [markdown] lang="zh"
# **二阶导数**：梯度也是普通的 Var，再求一次就行。**自定义梯度**：PyTorch 用两个静态方法加 context，`jt.Function` 用 `execute` 和 `grad`，要留到后面用的存在 `self` 里。下面是一个取整，梯度原样通过（直通估计，straight-through）：

# %%
theirs = pytorch(
    """
    class Round(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.round(x)

        @staticmethod
        def backward(ctx, dy):
            return dy

    x.requires_grad_()
    first = torch.autograd.grad((x ** 4).sum(), x, create_graph=True)[0]
    second = torch.autograd.grad(first.sum(), x)[0]
    straight = torch.autograd.grad((Round.apply(x) * x).sum(), x)[0]
    second, straight
    """,
    x=X,
)


class Round(jt.Function):
    def execute(self, x):
        return x.round()

    def grad(self, dy):
        return dy


x = jt.array(X)
first = jt.grad((x**4).sum(), x)
cmp("second derivative", jt.grad(first.sum(), x), theirs[0])
ok = cmp("straight through ", jt.grad((Round.apply(x) * x).sum(), x), theirs[1])

# %% [markdown] lang="en"
# ### ✎ 01.5 · A gradient of your own · apply ●●○
#
# Port this PyTorch function: the forward pass changes nothing, and in the backward pass the gradient changes its sign and is halved. (It is used to make a network *forget* something, such as who is walking.) `Reverse.apply(x)` should work.
#
# ```python
# class Reverse(torch.autograd.Function):
#     @staticmethod
#     def forward(ctx, x):
#         return x.view_as(x)
#
#     @staticmethod
#     def backward(ctx, dy):
#         return -0.5 * dy
# ```

# %% [markdown] lang="zh"
# ### ✎ 01.5 · 自定义梯度 · 应用 ●●○
#
# 移植下面的 PyTorch 函数：前向什么都不变，反向时梯度变号并减半。（可以用来让网络*忘掉*某种信息，比如走路的人是谁。）要能用 `Reverse.apply(x)` 调用。
#
# ```python
# class Reverse(torch.autograd.Function):
#     @staticmethod
#     def forward(ctx, x):
#         return x.view_as(x)
#
#     @staticmethod
#     def backward(ctx, dy):
#         return -0.5 * dy
# ```


# %% tags=["exercise"]
class Reverse(jt.Function):
    def execute(self, x): ...

    def grad(self, dy): ...


classroom.check("01.5", Reverse)

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · Modules ★
#
# `execute` instead of `forward`; `super().__init__()` is not needed. The same small net in both, with a matrix that must not be trained:

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 模块 ★
#
# 用 `execute` 代替 `forward`，也不必写 `super().__init__()`。同一个小网络，两边各写一遍，其中有一个不该训练的矩阵：

# %%
NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(5, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 3)
        self.register_buffer("links", torch.eye(5) + 0.1)

    def forward(self, x):
        return self.out(torch.relu(self.norm(self.mix(x @ self.links))))

net = Net()
"""
theirs = pytorch(
    NET
    + """
state = {k: v.clone() for k, v in net.state_dict().items()}
state, [k for k, _ in net.named_parameters()], net(x), net.eval()(x)
""",
    x=X,
)
state, trained, in_training, in_evaluation = theirs


class Net(nn.Module):
    def __init__(self):
        self.mix = nn.Linear(5, 8)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 3)
        self.links = jt.array(np.eye(5, dtype=np.float32) + 0.1).stop_grad()

    def execute(self, x):
        return self.out(nn.relu(self.norm(self.mix(x @ self.links))))


net = Net()
print("PyTorch trains:", *trained)
print(
    "in Jittor's parameters():",
    *(f"{k}{' (fixed)' * v.is_stop_grad()}" for k, v in net.named_parameters()),
)

# %% [markdown] lang="en"
# **Every Var that is an attribute is a parameter.** Without `.stop_grad()`, `links` would be trained; BatchNorm's running statistics are in the list, too, marked as fixed. (An attribute whose name begins with `_` is ignored, also by `state_dict`.)
#
# **PyTorch's weights** load by name. Jittor's own `load_state_dict` only logs what does not match; `jacklib.weights.checkpoint.load_weights` raises, and reports:

# %% [markdown] lang="zh"
# **只要是 Var 属性，就是参数。** 没有 `.stop_grad()`，`links` 就会被训练；BatchNorm 的滑动统计量也在列表里，不过已标为固定。（名字以 `_` 开头的属性会被忽略，`state_dict` 里也没有。）
#
# **PyTorch 的权重**按名字加载。Jittor 自带的 `load_state_dict` 遇到对不上的只写日志；`jacklib.weights.checkpoint.load_weights` 会报错，并给出报告：

# %%
from jacklib import ops
from jacklib.weights.checkpoint import load_weights

print(load_weights(net, state))
net.train()
cmp("in training  ", net(jt.array(X)), in_training)
net.eval()
cmp("in evaluation", net(jt.array(X)), in_evaluation)

net.norm = ops.BatchNorm(8)
load_weights(net, state)
net.train()(jt.array(X)).sync()
ok = cmp("with jacklib's BatchNorm", net.eval()(jt.array(X)), in_evaluation)

# %% [markdown] lang="en"
# The second line is `False`: after *one* batch in training mode the running variance differs, because Jittor uses the biased variance. `jacklib.ops.BatchNorm`, which all our networks use, computes it as PyTorch does.
#
# `eval()` does more than in PyTorch: it stops the gradients of all parameters, and `train()` starts them again. And this is the state of a new layer:

# %% [markdown] lang="zh"
# 第二行是 `False`：训练模式下只过*一个*批次，滑动方差就不同了，因为 Jittor 累积的是有偏方差。`jacklib.ops.BatchNorm` 与 PyTorch 一致，我们的网络用的都是它。
#
# `eval()` 做的比 PyTorch 多：它停掉所有参数的梯度，`train()` 再恢复。另外，刚创建的层是什么状态也要留意：


# %%
def trainable():
    return sum(not p.is_stop_grad() for p in net.parameters())


def zeros(layer):
    return int((layer(jt.ones(1000)).numpy() == 0).sum())


print("after eval(),  parameters that take gradients:", trainable())
net.train()
print("after train(), parameters that take gradients:", trainable())
drop = nn.Dropout(0.5)
print("a new Dropout, values dropped of 1000:", zeros(drop))
drop.train()
print("after train(), values dropped of 1000:", zeros(drop))

# %% [markdown] lang="en"
# ### ✎ 01.6 · What does the optimizer change? · analyse ●●○
#
# How many numbers of this net does an optimizer change that is given `net.parameters()`, if all of them get a gradient that is not zero?
#
# ```python
# class Net(nn.Module):
#     def __init__(self):
#         self.mix = nn.Linear(5, 8)
#         self.norm = ops.BatchNorm(8)
#         self.scale = jt.ones(3)
#         self._offset = jt.ones(7)
#         self.links = jt.array(np.eye(5, dtype=np.float32)).stop_grad()
#         self.centre = jt.array(np.zeros(5, np.float32))
# ```

# %% [markdown] lang="zh"
# ### ✎ 01.6 · 优化器会改变多少个数？ · 分析 ●●○
#
# 把 `net.parameters()` 交给优化器，假设每个参数的梯度都不为零。优化器一共会改变这个网络里的多少个数？
#
# ```python
# class Net(nn.Module):
#     def __init__(self):
#         self.mix = nn.Linear(5, 8)
#         self.norm = ops.BatchNorm(8)
#         self.scale = jt.ones(3)
#         self._offset = jt.ones(7)
#         self.links = jt.array(np.eye(5, dtype=np.float32)).stop_grad()
#         self.centre = jt.array(np.zeros(5, np.float32))
# ```

# %% tags=["exercise"]
n_trained = ...
classroom.check("01.6", n_trained)

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · Optimizers ★
#
# `optimizer.step(loss)` clears the gradients, differentiates and updates. Three steps of SGD with momentum, and three of Adam, on a small least squares problem:

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 优化器 ★
#
# `optimizer.step(loss)` 一行做完清零、求导、更新三件事。在一个小的最小二乘问题上，带动量的 SGD 和 Adam 各走三步：

# %%
P = rng.standard_normal((20, 3)).astype(np.float32)  # points
Q = rng.standard_normal((20, 1)).astype(np.float32)  # values
W = np.zeros((3, 1), np.float32)  # where the search begins
theirs = pytorch(
    """
    def fit(make):
        w = start.clone().requires_grad_()
        optimizer = make([w])
        for _ in range(3):
            loss = ((points @ w - values) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return w

    fit(lambda w: torch.optim.SGD(w, lr=0.1, momentum=0.9)), fit(lambda w: torch.optim.Adam(w, lr=0.1))
    """,
    points=P, values=Q, start=W,
)  # fmt: skip

points, values = jt.array(P), jt.array(Q)


def fit(make):
    w = jt.array(W)
    optimizer = make([w])
    for _ in range(3):
        loss = ((points @ w - values) ** 2).mean()
        optimizer.step(loss)
    return w


cmp("SGD ", fit(lambda w: jt.optim.SGD(w, lr=0.1, momentum=0.9)), theirs[0])
ok = cmp("Adam", fit(lambda w: jt.optim.Adam(w, lr=0.1)), theirs[1])

# %% [markdown] lang="en"
# **Clipping** goes between backward and step: `optimizer.backward(loss)`, `clip_grad_norm`, `step()` *without* the loss (with it, the gradients would be computed again, unclipped). **Groups** are dicts, as in PyTorch; a group has its own `lr` only if you set one; otherwise `optimizer.lr` is used.

# %% [markdown] lang="zh"
# **梯度裁剪**放在求导和更新之间：`optimizer.backward(loss)`、`clip_grad_norm`，最后 `step()` *不带*损失（带了就会重新求一遍，裁剪白做）。**参数组**和 PyTorch 一样是字典；组里只有自己给过 `lr` 才有，否则用 `optimizer.lr`。

# %%
theirs = pytorch(
    """
    w, b = start.clone().requires_grad_(), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [w]}, {"params": [b], "lr": 1.0}], lr=0.1)
    for _ in range(3):
        loss = ((points @ w + b - values) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([w, b], 0.5)
        optimizer.step()
    torch.cat([w.flatten(), b])
    """,
    points=P, values=Q, start=W,
)  # fmt: skip

w, b = jt.array(W), jt.zeros(1)
optimizer = jt.optim.SGD([{"params": [w]}, {"params": [b], "lr": 1.0}], lr=0.1)
for _ in range(3):
    loss = ((points @ w + b - values) ** 2).sum()
    optimizer.backward(loss)
    optimizer.clip_grad_norm(0.5)
    optimizer.step()
ok = cmp("clipping, two groups", jt.concat([w.flatten(), b]), theirs)
print(
    "the groups' lr:",
    [group.get("lr") for group in optimizer.param_groups],
    "| optimizer.lr:",
    optimizer.lr,
)

# %% [markdown] lang="en"
# **Accumulating** gradients: several `backward`, one `step`. SGD agrees with PyTorch; Jittor's own Adam does not, since it counts `backward` calls instead of steps. `jacklib.ops.Adam` counts steps:

# %% [markdown] lang="zh"
# **梯度累积**：多次 `backward`，一次 `step`。SGD 与 PyTorch 一致；Jittor 自带的 Adam 不一致，因为它数的是 `backward` 的次数，而不是步数。`jacklib.ops.Adam` 数的是步数：

# %%
theirs = pytorch(
    """
    w = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([w], lr=0.1)
    for part in range(4):
        k = slice(5 * part, 5 * part + 5)
        (((points[k] @ w - values[k]) ** 2).mean() / 4).backward()
    optimizer.step()
    w
    """,
    points=P, values=Q, start=W,
)  # fmt: skip


def accumulate(make):
    w = jt.array(W)
    optimizer = make([w])
    for part in range(4):
        k = slice(5 * part, 5 * part + 5)
        optimizer.backward(((points[k] @ w - values[k]) ** 2).mean() / 4)
    optimizer.step()
    return w


cmp("jt.optim.Adam   ", accumulate(lambda w: jt.optim.Adam(w, lr=0.1)), theirs)
ok = cmp("jacklib.ops.Adam", accumulate(lambda w: ops.Adam(w, lr=0.1)), theirs)

# %% [markdown] lang="en"
# ### ✎ 01.7 · Port a training loop · apply ●●○
#
# Two batches are accumulated, the gradient is clipped to norm 1, then one step is taken; all of this twice. Write Jittor's loop with `jt.optim.SGD`; `train` gets NumPy arrays and returns `w`.
#
# ```python
# w = start.clone().requires_grad_()
# optimizer = torch.optim.SGD([w], lr=0.5)
# for _ in range(2):
#     optimizer.zero_grad()
#     for k in (slice(0, 10), slice(10, 20)):
#         loss = ((points[k] @ w - values[k]) ** 2).sum()
#         loss.backward()
#     torch.nn.utils.clip_grad_norm_([w], 1.0)
#     optimizer.step()
# ```

# %% [markdown] lang="zh"
# ### ✎ 01.7 · 移植训练循环 · 应用 ●●○
#
# 累积两个批次的梯度，裁剪到范数 1，再走一步；共两轮。用 `jt.optim.SGD` 写出 Jittor 的循环；`train` 的参数是 NumPy 数组，返回 `w`。
#
# ```python
# w = start.clone().requires_grad_()
# optimizer = torch.optim.SGD([w], lr=0.5)
# for _ in range(2):
#     optimizer.zero_grad()
#     for k in (slice(0, 10), slice(10, 20)):
#         loss = ((points[k] @ w - values[k]) ** 2).sum()
#         loss.backward()
#     torch.nn.utils.clip_grad_norm_([w], 1.0)
#     optimizer.step()
# ```


# %% tags=["exercise"]
def train(points, values, start):
    """points [20, 3], values [20, 1], start [3, 1] -> w [3, 1] after two steps."""
    ...


classroom.check("01.7", train)

# %% [markdown] lang="en"
# ## 8 · Datasets ☆
#
# Jittor's `Dataset` is PyTorch's `Dataset` and `DataLoader` in one: its length and batch size are set by `set_attrs`, and iterating over it gives batches.

# %% [markdown] lang="zh"
# ## 8 · 数据集 ☆
#
# Jittor 的 `Dataset` 把 PyTorch 的 `Dataset` 和 `DataLoader` 合二为一：用 `set_attrs` 设定总数和批大小，遍历它得到的就是一个个批次。

# %%
theirs = pytorch(
    """
    class Squares(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, k):
            return float(k), float(k * k)

    dataset = Squares()
    loader = torch.utils.data.DataLoader(dataset, batch_size=4)
    len(dataset), len(loader), [(a, b) for a, b in loader]
    """
)


class Squares(jt.dataset.Dataset):
    def __init__(self, **options):
        super().__init__()
        self.set_attrs(total_len=10, num_workers=0, **options)

    def __getitem__(self, k):
        return float(k), float(k * k)


squares = Squares(batch_size=4)
print(f"PyTorch: len(dataset) {theirs[0]}, len(loader) {theirs[1]}")
print(f"Jittor:  len(dataset) {len(squares)}, dataset.total_len {squares.total_len}")
for number, ((a, b), (their_a, their_b)) in enumerate(zip(squares, theirs[2], strict=True)):
    cmp(f"batch {number}", jt.concat([a, b]), np.concatenate([their_a, their_b]))

# %% [markdown] lang="en"
# `len()` counts batches. **Shuffling** uses the data set's own random generator, which starts from 1 whatever the global seed is. That is reproducible, but it also means that three runs "with different seeds" get the data in the same order:

# %% [markdown] lang="zh"
# `len()` 数的是批次。**打乱顺序**用的是数据集自带的随机数发生器，起点固定是 1，与全局种子无关。好处是可复现；坏处是换三个种子跑三次，数据的顺序其实完全相同：

# %%
for seed in (0, 1, 2):
    jt.set_global_seed(seed)
    shuffled = Squares(batch_size=10, shuffle=True)
    print("seed", seed, [[int(k) for k in a.numpy()] for a, b in shuffled])
shuffled = Squares(batch_size=10, shuffle=True)
shuffled._shuffle_rng = np.random.default_rng(7)  # the way out
print("own generator", [[int(k) for k in a.numpy()] for a, b in shuffled])

# %% [markdown] lang="en"
# `num_workers` starts processes, each with a ring buffer of 512 MB of shared memory by default; in notebooks leave it at 0. The default batch size is 16. JACK's own loaders use threads and take a seed.

# %% [markdown] lang="zh"
# `num_workers` 会启动进程，默认每个占 512 MB 共享内存作环形缓冲区；在笔记本里保持 0。默认批大小是 16。JACK 自己的加载器用线程，种子作为参数传入。

# %% [markdown] lang="en"
# ## 9 · Devices ☆
#
# There is no `.to(device)`. One flag sets the device for *everything*:

# %% [markdown] lang="zh"
# ## 9 · 设备 ☆
#
# 没有 `.to(device)`。在哪里算，由一个开关统一决定：

# %%
uses = f"jt.has_cuda: {bool(jt.has_cuda)} | jt.flags.use_cuda: {jt.flags.use_cuda}"
print(f"{uses} | computes on: {runtime.device()}")

# %% [markdown] lang="en"
# With a GPU, `jt.flags.use_cuda = 1` at the top of a program is enough: the same code then generates CUDA kernels, and Vars are copied when they are used. Every kernel is compiled again for the other device. **Nothing in this notebook ran on a GPU** when it was built, so it makes no claim about speed there.

# %% [markdown] lang="zh"
# 有 GPU 时，在程序开头写 `jt.flags.use_cuda = 1` 就够了：同样的代码会生成 CUDA 的算子内核，Var 用到时自动搬运；所有内核都要为新设备重新编译。**构建本笔记本时没有任何一格在 GPU 上运行过**，所以这里不谈 GPU 上的速度。

# %% [markdown] lang="en" tags=["slide"]
# ## 10 · Reliable timing ★
#
# Four ways to time the same computation, `distances` of section 4. Only the last is right:

# %% [markdown] lang="zh" tags=["slide"]
# ## 10 · 可靠地计时 ★
#
# 同一个计算（第 4 节的 `distances`）用四种办法计时，只有最后一种是对的：


# %%
def clock(function):
    jt.sync_all(True)
    start = time.perf_counter()
    function()
    return (time.perf_counter() - start) * 1000


def only_noted():
    global kept
    kept = distances(big_a, big_b)


def thrown_away():
    distances(big_a, big_b)  # the result is not kept
    jt.sync_all(True)


def right():
    held = distances(big_a, big_b)
    jt.sync_all(True)
    return held


ways = {
    "no waiting": [clock(only_noted) for _ in range(15)],
    "waiting, result not held": [clock(thrown_away) for _ in range(15)],
    "one run": [clock(right)],
    "median of 15, after warm-up": [clock(right) for _ in range(15)],
}
for words, times in ways.items():
    middle, low, high = np.median(times), min(times), max(times)
    print(f"{words:28} median {middle:8.3f} ms, from {low:.3f} to {high:.3f}")

# %% [markdown] lang="en"
# - **No waiting** measures recording only.
# - **Result not held**: a Var without references is never computed. The clock is right, but nothing happened.
# - **One run** is one sample from the distribution that the last row shows; and the very first run in a new program includes compiling or loading.
# - So: warm up, keep the result, call `jt.sync_all(True)` before *and* after, several runs; report the median with the range, and what else the machine was doing. `bash script/run.sh bench NETWORK` does it for whole networks.

# %% [markdown] lang="zh"
# - **不等算完**：测到的只是“记录”。
# - **结果没有保留**：没有引用的 Var 不会计算。计时没错，只是什么也没发生。
# - **只跑一次**：只是最后一行那个分布里随便抽的一次；新程序的第一次还含编译或加载的时间。
# - 所以：先热身，保留结果，前后*都*要 `jt.sync_all(True)`，多跑几次，报中位数和范围，并说明机器当时还在忙什么。整个网络的测速用 `bash script/run.sh bench NETWORK`。

# %% [markdown] lang="en"
# ### ✎ 01.8 · A clock of your own · apply ●●○
#
# `median_ms(function, runs)`: call `function` once to warm up, then `runs` times, and return the median in milliseconds. The check counts how often the result was *really* computed.

# %% [markdown] lang="zh"
# ### ✎ 01.8 · 写一个计时函数 · 应用 ●●○
#
# 写出 `median_ms(function, runs)`：先调用一次 `function` 热身，再调用 `runs` 次，返回毫秒数的中位数。检查会数结果*真正*计算了几次。


# %% tags=["exercise"]
def median_ms(function, runs):
    """Milliseconds, the median of `runs` calls that were waited for."""
    ...


classroom.check("01.8", median_ms)

# %% [markdown] lang="en" tags=["slide"]
# ## 11 · The translation table ☆
#
# Every row was run in both frameworks just now; its last two columns come from `cmp`. `F` is `torch.nn.functional`; in Jittor `nn` has the functions as well as the layers. If a PyTorch idiom looks the same but gives a different result, the correct translation is here and the trap in notebook 02.

# %% [markdown] lang="zh" tags=["slide"]
# ## 11 · 对照表 ☆
#
# 每一行都刚刚在两个框架里运行过，最后两列出自 `cmp`。`F` 是 `torch.nn.functional`；Jittor 的 `nn` 里既有层也有函数。有些写法看着一样、结果却不同，这里给的是正确的译法，陷阱留给 02。

# %%
PAIRS = """
x.sum(1)                              | x.sum(1)
x.mean(1, keepdim=True)               | x.mean(1, keepdims=True)
x.max(1).values                       | x.max(1)
x.argmax(1)                           | jt.argmax(x, 1)[0]
x.sort(1).values                      | x.sort(1)[0]
x.argsort(1)                          | jt.argsort(x, dim=1)[0]
x.topk(2).values                      | x.topk(2)[0]
x.softmax(1)                          | nn.softmax(x, dim=1)
x.var(0)                              | jt.var(x, dim=0, unbiased=True)
x.norm()                              | x.sqr().sum().sqrt()
x @ y.T                               | x @ y.transpose()
x.view(2, -1)                         | x.view(2, -1)
x.permute(1, 0)                       | x.permute(1, 0)
x[:, None].expand(4, 3, 5)            | x.unsqueeze(1).expand(4, 3, 5)
torch.cat([x, y], 1)                  | jt.concat([x, y], 1)
torch.stack([x, y])                   | jt.stack([x, y])
torch.where(x > 0, x, y)              | jt.ternary(x > 0, x, y)
x.masked_fill(x < 0, 0)               | x.masked_fill(x < 0, 0)
x.clamp(-1, 1)                        | x.clamp(-1, 1)
x.gather(1, i)                        | jt.gather(x, 1, i)
x.cumsum(1)                           | jt.cumsum(x, 1)
x.flip(0)                             | x.flip(0)
x.size(0)                             | x.size(0)
F.one_hot(t, 5)                       | nn.one_hot(t, 5)
F.cross_entropy(x, t)                 | nn.cross_entropy_loss(x, t)
F.mse_loss(x, y)                      | nn.mse_loss(x, y)
F.conv2d(m, w, padding=1)             | nn.conv2d(m, w, padding=1)
F.max_pool2d(m, 2)                    | nn.max_pool2d(m, 2)
F.adaptive_avg_pool2d(m, 1)           | nn.AdaptiveAvgPool2d(1)(m)
F.interpolate(m, scale_factor=2)      | nn.interpolate(m, scale_factor=2, mode="nearest")
"""
arrays = {
    "x": X, "y": Y, "m": M, "w": K, "t": np.array([0, 3, 1, 4]),
    "i": np.array([[0, 2], [1, 1], [4, 0], [3, 2]]),
}  # fmt: skip
rows = ["| PyTorch | Jittor | exact | approximate | largest difference |", "|---|---|---|---|---|"]
agree = 0
names = {"jt": jt, "nn": nn} | {k: jt.array(v) for k, v in arrays.items()}
for line in PAIRS.strip().splitlines():
    theirs_text, ours_text = (part.strip() for part in line.rsplit(" | ", 1))
    used = {k: v for k, v in arrays.items() if re.search(rf"\b{k}\b", theirs_text)}
    with redirect_stdout(StringIO()) as said:
        agree += cmp("", eval(ours_text, names), pytorch(theirs_text, **used))
    results = [part.split(": ")[-1] for part in said.getvalue().strip().split(" | ")[-3:]]
    rows.append(f"| `{theirs_text}` | `{ours_text}` | " + " | ".join(results) + " |")
print(f"{agree} of {len(rows) - 2} rows agree")
Markdown("\n".join(rows))

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
classroom.quiz("01", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# Jittor records what you write and computes when a value is needed, so errors come late and a clock must wait. For each computation it generates and compiles a kernel that depends on operators, types and numbers of dimensions but not on sizes, and fuses what follows on each other. Gradients are values that `jt.grad` returns or the optimizer holds, and every Var attribute of a module is a parameter.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# Jittor 先记录你写的运算，需要取值时才计算，所以报错来得晚，计时必须等待。它为每种计算生成并编译一个内核，内核取决于算子、类型和维数，与大小无关，前后相连的运算会融合在一起。梯度是 `jt.grad` 返回的值，或由优化器保存；模块的每个 Var 属性都是参数。

# %% [markdown] lang="en"
# ## References
#
# - Hu et al., *Jittor: a novel deep learning framework with meta-operators and unified graph execution*, Science China Information Sciences, 2020.
# - Paszke et al., *PyTorch: an imperative style, high-performance deep learning library*, NeurIPS 2019.
# - Bengio, Léonard and Courville, *Estimating or propagating gradients through stochastic neurons*, 2013: the straight-through estimator of section 5.
# - Ganin and Lempitsky, *Unsupervised domain adaptation by backpropagation*, ICML 2015: the reversed gradient of exercise 01.5.
#
# ## To go on
#
# `02_porting_traps` shows each difference mentioned here with its fix; `03_porting_a_network` ports a real network; `jacklib/networks` has four that are equal to their PyTorch originals.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Hu 等，*Jittor: a novel deep learning framework with meta-operators and unified graph execution*，Science China Information Sciences，2020。
# - Paszke 等，*PyTorch: an imperative style, high-performance deep learning library*，NeurIPS 2019。
# - Bengio、Léonard、Courville，*Estimating or propagating gradients through stochastic neurons*，2013：第 5 节的直通估计。
# - Ganin、Lempitsky，*Unsupervised domain adaptation by backpropagation*，ICML 2015：练习 01.5 的梯度反转。
#
# ## 接下来
#
# `02_porting_traps` 把这里点到的差异逐个讲清楚，并给出对策；`03_porting_a_network` 移植一个真正的网络；`jacklib/networks` 里的四个网络都与 PyTorch 原版数值一致。
