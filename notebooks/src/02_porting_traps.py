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
# # 02 · Porting traps: where Jittor and PyTorch differ
#
# | | |
# |---|---|
# | **Needs** | this repository and `01_jittor_for_pytorch_users`; no GPU, no download, no PyTorch |
# | **Takes** | under two minutes on two idle CPU cores; the very first time a few minutes more, while Jittor compiles its operators |
# | **You will see** | fifty-three cases in which the same line means something else in Jittor 1.3.11 than in PyTorch: both values, the fix, and whether a tool can detect it |
# | **Why** | networks have been ported and published with some of these traps in them. They ran and trained, but they were different networks |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it.

# %% [markdown] lang="zh"
# # 02 · 移植陷阱：Jittor 与 PyTorch 哪里不同
#
# | | |
# |---|---|
# | **需要** | 本仓库，并先看过 `01_jittor_for_pytorch_users`；不需要 GPU，不用下载，也不用装 PyTorch |
# | **用时** | 双核 CPU 空闲时不到两分钟；第一次运行要等 Jittor 编译算子，会多几分钟 |
# | **你会看到** | 五十一处“同一行代码、两种含义”：Jittor 1.3.11 和 PyTorch 各自的结果、修正的写法，以及检查工具能不能提前发现 |
# | **为什么** | 有些公开发布的移植代码就带着其中几个陷阱。它们能跑、能训练，只是已经不是原来的网络了 |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习不会中断运行。仓库里保存的输出是英文版运行时生成的；自己运行一遍，表格、图和提示就会变成中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib import ops  # jacklib comes first: it prepares Jittor
from jacklib.backend import runtime
from jacklib.porting import trap_table
from jacklib.teaching import classroom

classroom.language(LANG)
trap_table.language(LANG)

import tempfile
import time
from pathlib import Path

import jittor as jt
import numpy as np
from jittor import nn

from jacklib.porting import check_source, check_text, cmp, pytorch
from jacklib.porting.trap_table import plain_jittor, trap

f32 = np.float32  # PyTorch and Jittor both compute in single precision

# %% [markdown] lang="en"
# ## 1 · How to read a trap
#
# A port goes wrong in two ways. A **loud** trap stops with an error; you look it up and continue. A **silent** trap gives a different value, and nobody notices until the accuracy is a little lower than in the paper, or never.
#
# Every cell below has three parts. `pytorch("...")` runs the original line in a PyTorch process of its own and returns NumPy arrays. (Without PyTorch, as on most laptops, it returns the answer that was stored when this notebook was built.) `plain_jittor("...")` runs the line as a port would have it; an error counts as its answer. The last part is the **fix**. `trap(...)` compares the three and stores them for the table in section 8. It also reports which rule of `bash script/run.sh porting check` finds the trap in the source.
#
# `cmp` prints such a comparison in one line. Here is a value on which both frameworks agree:

# %% [markdown] lang="zh"
# ## 1 · 怎样读一个陷阱
#
# 移植出错有两种。**报错型**的陷阱会直接停下来，查一查、改一改就过去了。**静默型**的陷阱只是悄悄给出另一个数，往往要到准确率比论文低一点时才有人起疑，也可能永远没人发现。
#
# 下面每一格都有三部分。`pytorch("...")` 在单独的 PyTorch 进程里运行原来的代码，返回 NumPy 数组（没装 PyTorch 也没关系，会给出生成本笔记本时存下的答案）。`plain_jittor("...")` 运行照搬过来的代码，如果报错，错误信息就算它的答案。最后是**修正**后的写法。`trap(...)` 比较三者并记下来，第 8 节汇总成表；它还会说明 `bash script/run.sh porting check` 的哪条规则能从源码里看出这个陷阱。
#
# `cmp` 用一行打印两个值的比较。先看一个两边一致的例子：

# %%
x = f32([[1, 2, 3], [4, 5, 9]])
theirs = pytorch("x.softmax(dim=1)", x=x)
ok = cmp("softmax along dim 1", nn.softmax(jt.array(x), dim=1), theirs)

# %% [markdown] lang="en"
# ## 2 · Layers

# %% [markdown] lang="zh"
# ## 2 · 层

# %% [markdown] lang="en"
# ### 1 · average pooling over the whole map
#
# Many networks end in an average over the whole map, written as `AvgPool2d(8)`. On Jittor 1.3.11 the public ports of VAANet, CTEN and TSL-Net stop here before they train. (Its check requires a map *larger* than the kernel; earlier versions gave an empty result where the kernel was larger still, issue [463](https://github.com/Jittor/jittor/issues/463).)

# %% [markdown] lang="zh"
# ### 1 · 对整张特征图做平均池化
#
# 很多网络的最后一步是对整张特征图求平均，写成 `AvgPool2d(8)` 之类。在 Jittor 1.3.11 上，VAANet、CTEN、TSL-Net 的公开移植还没开始训练就停在这里。（它要求特征图必须*大于*池化核；更早的版本在核比图还大时会返回空张量，见 issue [463](https://github.com/Jittor/jittor/issues/463)。）

# %%
x = np.arange(16, dtype=f32).reshape(1, 1, 4, 4)
theirs = pytorch("nn.AvgPool2d(4)(x)", x=x)
plain = plain_jittor("nn.AvgPool2d(4)(x)", x=x)
ours = ops.avg_pool2d(jt.array(x), 4)
trap(
    "1 · average pooling over the whole map",
    pytorch=theirs,
    jittor=plain,
    fixed=ours,
    port="VAANet, CTEN, TSL-Net",
)

# %% [markdown] lang="en"
# ### 2 · max pooling over the whole map
#
# It has the same check, and padding does not help. So do `AvgPool3d` and `MaxPool3d`.

# %% [markdown] lang="zh"
# ### 2 · 对整张特征图做最大池化
#
# 同样的检查，加填充也没用；`AvgPool3d`、`MaxPool3d` 也一样。

# %%
theirs = pytorch("nn.MaxPool2d(4)(x)", x=x)
plain = plain_jittor("nn.MaxPool2d(4)(x)", x=x)
ours = ops.max_pool2d(jt.array(x), 4)
trap("2 · max pooling over the whole map", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 3 · adaptive pooling into parts that do not divide
#
# Five values into three parts: PyTorch lets the parts overlap, Jittor takes windows of one fixed size and step. Any map whose size is not a multiple of the output's is affected, silently.

# %% [markdown] lang="zh"
# ### 3 · 不能整除的自适应池化
#
# 把 5 个值分成 3 段：PyTorch 让相邻的段重叠，Jittor 用固定大小、固定步长的窗口。只要尺寸不能整除，结果就会不同，却不报错。

# %%
x = np.arange(5, dtype=f32).reshape(1, 1, 1, 5)
theirs = pytorch("nn.AdaptiveAvgPool2d((1, 3))(x)", x=x)
plain = plain_jittor("nn.AdaptiveAvgPool2d((1, 3))(x)", x=x)
ours = ops.adaptive_avg_pool(jt.array(x), (1, 3))
trap("3 · adaptive pooling into parts that do not divide", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 4 · a fresh Dropout drops nothing
#
# PyTorch's layers start in training mode; Jittor's `Dropout` starts with `is_train = False`. Without `net.train()` before the first step, a network trains without dropout.

# %% [markdown] lang="zh"
# ### 4 · 刚建好的 Dropout 不起作用
#
# PyTorch 的层一建好就处于训练模式；Jittor 的 `Dropout` 初始 `is_train = False`。第一步之前不调用 `net.train()`，整个训练就等于没有 dropout。

# %%
theirs = pytorch("bool((nn.Dropout(0.5)(torch.ones(1000)) == 0).any())")
plain = plain_jittor("bool((nn.Dropout(0.5)(jt.ones(1000)) == 0).numpy().any())")
dropout = nn.Dropout(0.5)
dropout.train()
ours = bool((dropout(jt.ones(1000)) == 0).numpy().any())
trap("4 · a fresh Dropout drops nothing", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 5 · the running variance of BatchNorm
#
# PyTorch accumulates the *unbiased* variance of the batches for evaluation, Jittor the biased one. With 10 values per channel the batch's variance is 10% too small; the smaller the batch, the more evaluation deviates.

# %% [markdown] lang="zh"
# ### 5 · 批归一化的滑动方差
#
# 评估时用的滑动方差，PyTorch 累积的是*无偏*方差，Jittor 累积的是有偏方差。每个通道十个值时，相差十分之一；批越小，评估结果偏得越多。

# %%
x = np.arange(10, dtype=f32).reshape(10, 1)
theirs = pytorch(
    """
bn = nn.BatchNorm1d(1)
bn(x)
bn.running_var
""",
    x=x,
)
plain = plain_jittor(
    """
bn = nn.BatchNorm1d(1)
bn(x)
bn.running_var
""",
    x=x,
)
bn = ops.BatchNorm(1)
bn(jt.array(x))
ours = bn.running_var
trap("5 · the running variance of BatchNorm", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 6 · BatchNorm of large values
#
# Jittor computes the variance as E[x²] − E[x]². If the mean is much larger than the standard deviation, all digits cancel in single precision. (PyTorch computes in double precision here, to give the exact answer.)

# %% [markdown] lang="zh"
# ### 6 · 数值很大时的批归一化
#
# Jittor 用 E[x²] − E[x]² 求方差。均值远大于波动时，单精度下有效数字全部抵消。（这里的 PyTorch 用双精度计算，给出准确答案。）

# %%
x = f32([[10000], [10001], [10002], [10003]])
theirs = pytorch("nn.BatchNorm1d(1).double()(x.double())", x=x)
plain = plain_jittor("nn.BatchNorm1d(1)(x)", x=x)
ours = ops.BatchNorm(1)(jt.array(x))
trap("6 · BatchNorm of large values", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 7 · ReLU swallows NaN
#
# Something went wrong, the features are NaN, and so is PyTorch's loss. Jittor's ReLU turns NaN into 0 and training continues with a dead network: check the gradients too (`jacklib.training.loop` does).

# %% [markdown] lang="zh"
# ### 7 · ReLU 会吞掉 NaN
#
# 中间出了错，特征变成 NaN，PyTorch 的损失马上也是 NaN。Jittor 的 ReLU 却把 NaN 变成 0，训练照常进行，网络其实已经坏了：所以还要检查梯度（`jacklib.training.loop` 会查）。

# %%
x = f32([[np.nan, -1, 2]])
theirs = pytorch("F.relu(x)", x=x)
plain = plain_jittor("nn.relu(x)", x=x)
ours = ops.relu(jt.array(x))
trap("7 · ReLU swallows NaN", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 8 · max() does not see NaN
#
# For the same reason: operators are compiled with *fast math*, which assumes that there is no NaN. Even `x == x`, the usual test, returns True. `jt.isfinite` works.

# %% [markdown] lang="zh"
# ### 8 · max() 看不见 NaN
#
# 原因相同：算子编译时开了 *fast math*，编译器因而假定不会出现 NaN。就连常用的判断 `x == x` 也返回 True。`jt.isfinite` 是可靠的。

# %%
x = f32([np.nan, -1, 2])
theirs = pytorch("x.max()", x=x)
plain = plain_jittor("x.max()", x=x)
v = jt.array(x)
ours = v.max() if jt.isfinite(v).all().item() else jt.array(np.nan)
trap("8 · max() does not see NaN", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 9 · interpolation of sequences
#
# `interpolate` accepts images [N, C, H, W] only; PyTorch also interpolates sequences [N, C, L], such as scores over time.

# %% [markdown] lang="zh"
# ### 9 · 序列的插值
#
# `interpolate` 只接受图像 [N, C, H, W]；PyTorch 还能拉伸序列 [N, C, L]，随时间变化的得分正需要它。

# %%
x = f32([[[0, 1, 2, 3]]])
theirs = pytorch('F.interpolate(x, scale_factor=2, mode="linear")', x=x)
plain = plain_jittor('nn.interpolate(x, scale_factor=2, mode="linear")', x=x)
ours = ops.interpolate_linear(jt.array(x), 2)
trap("9 · interpolation of sequences", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 10 · padding_mode
#
# Convolutions have zero padding only. Pad first, then convolve without padding.

# %% [markdown] lang="zh"
# ### 10 · padding_mode 选项
#
# 卷积层只会补零。先自己填充，再做不带填充的卷积。

# %%
x = f32([[[[1, 2, 3, 4]]]])
theirs = pytorch(
    """
conv = nn.Conv2d(1, 1, (1, 3), padding=(0, 1), padding_mode="circular", bias=False)
nn.init.constant_(conv.weight, 1.0)
conv(x)
""",
    x=x,
)
plain = plain_jittor(
    """
conv = nn.Conv2d(1, 1, (1, 3), padding=(0, 1), padding_mode="circular", bias=False)
jt.init.constant_(conv.weight, 1.0)
conv(x)
""",
    x=x,
)
padded = nn.pad(jt.array(x), (1, 1, 0, 0), mode="circular")
ours = nn.conv2d(padded, jt.ones((1, 1, 1, 3)))
trap("10 · padding_mode", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 11 · missing layers
#
# `jittor.nn` has no AvgPool1d, MaxPool1d, AdaptiveAvgPool1d, NLLLoss or LogSoftmax; MultiheadAttention is in `jittor.attention`. The 2-D layer with a height of 1 does the same.

# %% [markdown] lang="zh"
# ### 11 · 缺少的层
#
# `jittor.nn` 没有 AvgPool1d、MaxPool1d、AdaptiveAvgPool1d、NLLLoss、LogSoftmax；MultiheadAttention 在 `jittor.attention` 里。一维池化可以用高度为 1 的二维池化代替。

# %%
x = f32([[[0, 2, 4, 6]]])
theirs = pytorch("nn.AvgPool1d(2)(x)", x=x)
plain = plain_jittor("nn.AvgPool1d(2)(x)", x=x)
ours = ops.avg_pool2d(jt.array(x).unsqueeze(2), (1, 2)).squeeze(2)
trap("11 · missing layers", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ## 3 · Numbers and shapes

# %% [markdown] lang="zh"
# ## 3 · 数值与形状

# %% [markdown] lang="en"
# ### 12 · argmax returns two values
#
# Jittor's `argmax(dim)` is a pair, (index, value). A pair is never equal to a label: the public port of the gait network computes its training accuracy from such a pair.

# %% [markdown] lang="zh"
# ### 12 · argmax 返回两个值
#
# Jittor 的 `argmax(dim)` 返回一对 (下标, 值)。拿这一对去和标签比较，永远不会相等：步态网络的公开移植就是这样统计训练准确率的。

# %%
m = f32([[1, 5, 2], [9, 3, 4]])
theirs = pytorch("m.argmax(dim=1)", m=m)
plain = plain_jittor("m.argmax(dim=1)", m=m)
ours = jt.array(m).argmax(dim=1)[0]
trap("12 · argmax returns two values", pytorch=theirs, jittor=plain, fixed=ours, port="Gait")

# %% [markdown] lang="en"
# ### 13 · max(dim) returns one value
#
# The reverse: PyTorch's `max(dim=1)[0]` takes the values out of a pair; Jittor's `max` returns the values alone, and `[0]` is the value *of the first row*. In the public port of CTEN every video of a batch is erased at the first video's threshold.

# %% [markdown] lang="zh"
# ### 13 · max(dim) 只返回一个值
#
# 正好反过来：PyTorch 的 `max(dim=1)[0]` 是从 (值, 下标) 里取值，Jittor 的 `max` 直接就是值，再加 `[0]` 取到的是*第一行的*值。CTEN 的公开移植因此把整批视频都按第一段视频的阈值来擦除。

# %%
theirs = pytorch("m.max(dim=1)[0]", m=m)
plain = plain_jittor("m.max(dim=1)[0]", m=m)
ours = jt.array(m).max(dim=1)
trap("13 · max(dim) returns one value", pytorch=theirs, jittor=plain, fixed=ours, port="CTEN")

# %% [markdown] lang="en"
# ### 14 · argsort returns two values
#
# Again a pair, (index, value), where PyTorch returns the index.

# %% [markdown] lang="zh"
# ### 14 · argsort 也返回两个值
#
# 又是一对 (下标, 值)，而 PyTorch 只返回下标。

# %%
theirs = pytorch("m.argsort(dim=1)", m=m)
plain = plain_jittor("m.argsort(dim=1)", m=m)
ours = jt.array(m).argsort(dim=1)[0]
trap("14 · argsort returns two values", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 15 · var() is biased
#
# PyTorch divides by n − 1, Jittor by n by default. (`std()` does divide by n − 1.)

# %% [markdown] lang="zh"
# ### 15 · var() 是有偏的
#
# PyTorch 除以 n − 1，Jittor 默认除以 n。（`std()` 却是除以 n − 1。）

# %%
v = f32([1, 2, 3, 4])
theirs = pytorch("v.var()", v=v)
plain = plain_jittor("v.var()", v=v)
ours = jt.var(jt.array(v), unbiased=True)
trap("15 · var() is biased", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 16 · std() is never below 0.001
#
# The standard deviation of constant values is 0, but Jittor returns 0.001. Normalising them then gives 0 instead of the NaN that would have warned you.

# %% [markdown] lang="zh"
# ### 16 · std() 不会小于 0.001
#
# 常数序列的标准差是 0，Jittor 却给出 0.001；于是对常数做归一化得到 0，而 PyTorch 得到 NaN，一眼就能看出来。

# %%
v = f32([2, 2, 2])
theirs = pytorch("v.std()", v=v)
plain = plain_jittor("v.std()", v=v)
w = jt.array(v)
ours = (((w - w.mean()) ** 2).sum() / (len(v) - 1)).sqrt()
trap("16 · std() is never below 0.001", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 17 · norm() reduces the last axis only
#
# Without `dim` PyTorch returns the norm of the whole tensor, Jittor one value per row.

# %% [markdown] lang="zh"
# ### 17 · norm() 只沿最后一维
#
# 不写 `dim` 时，PyTorch 求整个张量的范数，Jittor 每行给一个。

# %%
theirs = pytorch("m.norm()", m=m)
plain = plain_jittor("m.norm()", m=m)
ours = jt.array(m).reshape(-1).norm()
trap("17 · norm() reduces the last axis only", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 18 · softmax without dim
#
# PyTorch guesses an axis (and warns); Jittor normalises over all elements together, so no row sums to 1.

# %% [markdown] lang="zh"
# ### 18 · 不写 dim 的 softmax
#
# PyTorch 会猜一个维度（并警告）；Jittor 把所有元素放在一起算，该等于 1 的和都不等于 1。

# %%
theirs = pytorch(
    """
import warnings
warnings.simplefilter("ignore")
F.softmax(m)
""",
    m=m,
)
plain = plain_jittor("nn.softmax(m)", m=m)
ours = nn.softmax(jt.array(m), dim=1)
trap("18 · softmax without dim", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 19 · a scalar is a Var of one element
#
# Jittor has no zero-dimensional Vars: a sum or a loss has shape [1]. `.item()` returns a Python number in both.

# %% [markdown] lang="zh"
# ### 19 · 一个数也是长度为 1 的数组
#
# Jittor 没有零维数组：求和、损失的形状都是 [1]。两边都可以用 `.item()` 取出数来。

# %%
theirs = pytorch("tuple(m.sum().shape)", m=m)
plain = plain_jittor("tuple(m.sum().shape)", m=m)
ours = np.shape(jt.array(m).sum().item())
trap("19 · a scalar is a Var of one element", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 20 · rounding halves
#
# PyTorch (and NumPy) round a half to the even neighbour, Jittor away from zero.

# %% [markdown] lang="zh"
# ### 20 · 恰为 .5 时的取整
#
# 遇到 .5，PyTorch（和 NumPy）取偶数，Jittor 一律远离零取整。

# %%
v = f32([0.5, 1.5, 2.5])
theirs = pytorch("v.round()", v=v)
plain = plain_jittor("v.round()", v=v)
ours = jt.array(np.round(v))
trap("20 · rounding halves", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 21 · integer division of negative numbers
#
# PyTorch's `//` rounds down, as Python's does; Jittor's truncates, as C's does. It matters for frame indices around zero.

# %% [markdown] lang="zh"
# ### 21 · 负整数的整除
#
# PyTorch 的 `//` 和 Python 一样向下取整；Jittor 和 C 一样向零截断。在 0 附近换算帧号时最容易出错。

# %%
i = np.int32([-7, 7])
theirs = pytorch("[i // 2, i % 3]", i=i)
plain = plain_jittor("[i // 2, i % 3]", i=i)
ours = [jt.array(i // 2), jt.array(i % 3)]
trap("21 · integer division of negative numbers", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 22 · large integers
#
# `jt.array` silently converts int64 to int32. Seeds, file offsets and hashes overflow.

# %% [markdown] lang="zh"
# ### 22 · 大整数
#
# `jt.array` 会把 int64 变成 int32，而且不给任何提示。种子、文件偏移、哈希值都会溢出。

# %%
i = np.int64([3_000_000_000])
theirs = pytorch("i + 1", i=i)
plain = plain_jittor("i + 1", i=i)
ours = jt.array(i, dtype="int64") + 1
trap("22 · large integers", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 23 · double precision
#
# Likewise float64 becomes float32, which has seven digits.

# %% [markdown] lang="zh"
# ### 23 · 双精度
#
# 同样，float64 会变成 float32，只剩七位有效数字。

# %%
d = np.float64([16777217])
theirs = pytorch("d - 16777216", d=d)
plain = plain_jittor("d - 16777216", d=d)
ours = jt.array(d, dtype="float64") - 16777216
trap("23 · double precision", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 24 · an image divided by 255
#
# A uint8 Var divided by a number becomes **float16**, with three digits. Every visual network here begins with such a line.

# %% [markdown] lang="zh"
# ### 24 · 图像除以 255
#
# uint8 的 Var 除以一个数，结果是 **float16**，只有三位有效数字。这里的每个视觉网络开头都有这样一行。

# %%
u = np.uint8([50, 200, 255])
theirs = pytorch("u / 255.0", u=u)
plain = plain_jittor("u / 255.0", u=u)
ours = jt.array(u).float32() / 255.0
trap("24 · an image divided by 255", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 25 · stacking images
#
# `jt.stack` of uint8 gives int8, and bright pixels become negative (reported in issue [580](https://github.com/Jittor/jittor/issues/580)).

# %% [markdown] lang="zh"
# ### 25 · 堆叠图像
#
# `jt.stack` 把 uint8 变成 int8，亮的像素成了负数（issue [580](https://github.com/Jittor/jittor/issues/580) 报告过）。

# %%
theirs = pytorch("torch.stack([u, u])", u=u)
plain = plain_jittor("jt.stack([u, u])", u=u)
ours = jt.stack([jt.array(u).int32(), jt.array(u).int32()])
trap("25 · stacking images", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 26 · a row is a copy: writing
#
# `x[0]` is a view in PyTorch and a copy in Jittor: in-place operations on it are lost (issue [367](https://github.com/Jittor/jittor/issues/367), with `jt.init`). Assigning to `x[0]` works.

# %% [markdown] lang="zh"
# ### 26 · 写入一行：写的是副本
#
# `x[0]` 在 PyTorch 里是视图，在 Jittor 里是副本：对它的原地操作全都丢失（issue [367](https://github.com/Jittor/jittor/issues/367) 里是 `jt.init`）。直接给 `x[0]` 赋值则没问题。

# %%
theirs = pytorch(
    """
x = torch.zeros(2, 2)
x[0].fill_(1)
x
"""
)
plain = plain_jittor(
    """
x = jt.zeros((2, 2))
x[0].assign(jt.ones(2))
x
"""
)
ours = jt.zeros((2, 2))
ours[0] = 1
trap("26 · a row is a copy: writing", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 27 · a row is a copy: adding
#
# With a variable in between, the tool cannot detect it either.

# %% [markdown] lang="zh"
# ### 27 · 一行上累加：加的是副本
#
# 中间再隔一个变量名，检查工具也看不出来。

# %%
theirs = pytorch(
    """
x = torch.zeros(2, 2)
first = x[:1]
first += 1
x
"""
)
plain = plain_jittor(
    """
x = jt.zeros((2, 2))
first = x[:1]
first += 1
x
"""
)
ours = jt.zeros((2, 2))
ours[:1] += 1
trap("27 · a row is a copy: adding", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ## 4 · Losses
#
# Silent traps do the most harm here: the network is right, but the loss that trains it is not.

# %% [markdown] lang="zh"
# ## 4 · 损失
#
# 静默的陷阱在这里代价最大：网络没错，训练它的损失却错了。

# %% [markdown] lang="en"
# ### 28 · weights times a mean
#
# Jittor's `BCELoss` has no `reduction="none"`. Without it the line still runs: each weight now multiplies *the mean of all elements*. All three focal losses of TSL-Net's public port are such sums, so hard and easy snippets get the same weight.

# %% [markdown] lang="zh"
# ### 28 · 用权重去乘一个平均值
#
# Jittor 的 `BCELoss` 没有 `reduction="none"`。去掉这个选项，代码照样能跑，只是每个权重乘的都是*全体元素的平均值*。TSL-Net 公开移植的三个聚焦损失都是这样算的，难的片段和容易的片段没了区别。

# %%
p, y, w = f32([0.9, 0.2, 0.6]), f32([1, 0, 0]), f32([0.1, 0.1, 2])
theirs = pytorch('(w * F.binary_cross_entropy(p, y, reduction="none")).sum()', p=p, y=y, w=w)
plain = plain_jittor(
    """
class Loss(nn.Module):
    def __init__(self):
        self.bce = nn.BCELoss()

    def execute(self, p, y, w):
        return (w * self.bce(p, y)).sum()

Loss()(p, y, w)
""",
    p=p,
    y=y,
    w=w,
)
each = ops.binary_cross_entropy(jt.array(p), jt.array(y), reduction="none")
ours = (jt.array(w) * each).sum()
trap("28 · weights times a mean", pytorch=theirs, jittor=plain, fixed=ours, port="TSL-Net")

# %% [markdown] lang="en"
# ### 29 · a weight per video
#
# VAANet's loss weights a video by 1.5 if its predicted class has the wrong polarity. In the public port the weights multiply the mean over the batch, so the loss of correctly classified videos is scaled up as well.

# %% [markdown] lang="zh"
# ### 29 · 每段视频一个权重
#
# VAANet 的损失里，极性判反的视频按 1.5 倍计。公开移植里，权重乘的是整批的平均损失，判对的视频的损失也按整批的平均权重被放大。

# %%
logits, y, w = f32([[2, 0, 0], [0, 1, 3]]), np.int64([0, 1]), f32([1, 1.5])
theirs = pytorch(
    '(w * F.cross_entropy(logits, y, reduction="none")).mean()', logits=logits, y=y, w=w
)
plain = plain_jittor(
    """
class Loss(nn.Module):
    def __init__(self):
        self.ce = nn.CrossEntropyLoss()

    def execute(self, logits, y, w):
        return (w * self.ce(logits, y)).mean()

Loss()(logits, y, w)
""",
    logits=logits,
    y=y,
    w=w,
)
each = ops.cross_entropy(jt.array(logits), jt.array(y), "none")
ours = (jt.array(w) * each).mean()
trap("29 · a weight per video", pytorch=theirs, jittor=plain, fixed=ours, port="VAANet")

# %% [markdown] lang="en"
# ### 30 · the logarithm of zero in BCELoss
#
# PyTorch clamps the logarithm at −100; Jittor adds a small value to the probability instead, and the logarithm ends at −46.

# %% [markdown] lang="zh"
# ### 30 · BCELoss 里 0 的对数
#
# PyTorch 把对数限制在 −100 以上；Jittor 则给概率加一个极小的数，对数最低只到 −46。

# %%
p, y = f32([0.0, 0.5]), f32([1, 1])
theirs = pytorch("nn.BCELoss()(p, y)", p=p, y=y)
plain = plain_jittor("nn.BCELoss()(p, y)", p=p, y=y)
ours = ops.binary_cross_entropy(jt.array(p), jt.array(y))
trap("30 · the logarithm of zero in BCELoss", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 31 · KL divergence of a zero
#
# 0 · log 0 is 0; Jittor's `KLDivLoss` returns NaN. TSL-Net's public port therefore adds a small value to every target, and its distribution is no longer the annotated one.

# %% [markdown] lang="zh"
# ### 31 · KL 散度遇到 0
#
# 0 · log 0 应当是 0；Jittor 的 `KLDivLoss` 给出 NaN。TSL-Net 的公开移植为此给每个目标加了一点点，分布也就不再是标注的那个了。

# %%
p, q = f32([[0.5, 0.5]]), f32([[1, 0]])
theirs = pytorch('nn.KLDivLoss(reduction="sum")(p.log(), q)', p=p, q=q)
plain = plain_jittor('nn.KLDivLoss(reduction="sum")(p.log(), q)', p=p, q=q)
ours = ops.kl_div(jt.array(p).log(), jt.array(q), "sum")
trap("31 · KL divergence of a zero", pytorch=theirs, jittor=plain, fixed=ours, port="TSL-Net")

# %% [markdown] lang="en"
# ### 32 · logsumexp spelled out
#
# exp overflows above 88. `torch.logsumexp` subtracts the largest value first; TSL-Net's public port writes out the formula.

# %% [markdown] lang="zh"
# ### 32 · 展开写的 logsumexp
#
# exp 的自变量超过 88 就会溢出。`torch.logsumexp` 会先减去最大值；TSL-Net 的公开移植则是照公式展开写的。

# %%
x = f32([[100, 100]])
theirs = pytorch("torch.logsumexp(x, dim=1)", x=x)
plain = plain_jittor(
    """
def log_sum(x):
    return jt.log(jt.sum(jt.exp(x), dim=1))

log_sum(x)
""",
    x=x,
)
ours = ops.logsumexp(jt.array(x), dim=1)
trap("32 · logsumexp spelled out", pytorch=theirs, jittor=plain, fixed=ours, port="TSL-Net")

# %% [markdown] lang="en"
# ### 33 · cross entropy along a sequence
#
# Logits [N, C, L] with labels [N, L] stop with a message about shapes. (With a batch of one they happen to work.)

# %% [markdown] lang="zh"
# ### 33 · 序列上的交叉熵
#
# logits 为 [N, C, L]、标签为 [N, L] 时，会报一条关于形状的错误。（N 为 1 时碰巧能算对。）

# %%
logits, y = np.arange(24, dtype=f32).reshape(2, 3, 4) % 5, np.int64([[0, 1, 2, 0], [1, 1, 0, 2]])
theirs = pytorch("F.cross_entropy(logits, y)", logits=logits, y=y)
plain = plain_jittor("nn.cross_entropy_loss(logits, y)", logits=logits, y=y)
ours = ops.cross_entropy(jt.array(logits), jt.array(y))
trap("33 · cross entropy along a sequence", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 34 · soft targets
#
# Jittor's cross entropy does not accept a distribution as target either. With a batch of one, as here, it truncates the values to class 0 and still returns a loss; with more it raises an error.

# %% [markdown] lang="zh"
# ### 34 · 软标签
#
# Jittor 的交叉熵也不接受用分布作目标。像这里只有一个样本时，它把小数截成类别 0，照样给出一个损失；样本多于一个才会报错。

# %%
logits, q = f32([[2, 0, 1]]), f32([[0.2, 0.3, 0.5]])
theirs = pytorch("F.cross_entropy(logits, q)", logits=logits, q=q)
plain = plain_jittor("nn.cross_entropy_loss(logits, q)", logits=logits, q=q)
ours = -(jt.array(q) * ops.log_softmax(jt.array(logits), 1)).sum(1).mean()
trap("34 · soft targets", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 35 · label smoothing
#
# There is no such option. It is a soft target, so the same fix works.

# %% [markdown] lang="zh"
# ### 35 · 标签平滑
#
# 没有这个选项。它其实就是一种软标签，用同样的办法修正。

# %%
y = np.int64([1])
theirs = pytorch("F.cross_entropy(logits, y, label_smoothing=0.3)", logits=logits, y=y)
plain = plain_jittor("nn.cross_entropy_loss(logits, y, label_smoothing=0.3)", logits=logits, y=y)
smooth = jt.array(f32([[0.1, 0.8, 0.1]]))  # 0.7 for the class, 0.3 shared by all three
ours = -(smooth * ops.log_softmax(jt.array(logits), 1)).sum(1).mean()
trap("35 · label smoothing", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ## 5 · Training

# %% [markdown] lang="zh"
# ## 5 · 训练

# %% [markdown] lang="en"
# ### 36 · a constant that is trained
#
# Every Var attribute of a Jittor module is a parameter. A fixed matrix, such as the skeleton's graph in the public port of the gait network, is trained. PyTorch has *buffers*; in Jittor `stop_grad()` keeps it fixed.

# %% [markdown] lang="zh"
# ### 36 · 本应固定的常量参与了训练
#
# Jittor 模块的每个 Var 属性都是参数。本该固定的矩阵也会被训练，步态网络公开移植里的骨架图 A 就是这样。PyTorch 里用 *buffer*；Jittor 里要加 `stop_grad()`。

# %%
theirs = pytorch(
    """
class Graph(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("A", torch.eye(2))
        self.w = nn.Parameter(torch.ones(2, 2))

net = Graph()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
(net.A @ net.w).sum().backward()
optimizer.step()
net.A
"""
)
plain = plain_jittor(
    """
class Graph(nn.Module):
    def __init__(self):
        self.A = jt.array(np.eye(2, dtype=np.float32))
        self.w = nn.Parameter(jt.ones((2, 2)))

net = Graph()
optimizer = nn.SGD(net.parameters(), lr=0.1)
optimizer.step((net.A @ net.w).sum())
net.A
"""
)


class Graph(nn.Module):
    def __init__(self):
        self.A = jt.array(np.eye(2, dtype=np.float32)).stop_grad()
        self.w = nn.Parameter(jt.ones((2, 2)))


net = Graph()
ops.SGD(net.parameters(), lr=0.1).step((net.A @ net.w).sum())
ours = net.A
trap("36 · a constant that is trained", pytorch=theirs, jittor=plain, fixed=ours, port="Gait")

# %% [markdown] lang="en"
# ### 37 · layers that keep their default initialisation
#
# Not Jittor's fault, but a slip in the public port of the gait network: `children()` stops at the first level, so convolutions in a `ModuleList` keep Jittor's default weights, whereas the original initialises them all. (Its learned graph, too, starts as 10⁻⁶·A, whereas the original fills it with 10⁻⁶.)

# %% [markdown] lang="zh"
# ### 37 · 没有被初始化的子层
#
# 这不是 Jittor 的问题，而是步态网络公开移植的疏忽：`children()` 只走一层，放在 `ModuleList` 里的卷积保留了 Jittor 的默认初值，而原版会把它们全部初始化。（可训练的图也一样：移植从 10⁻⁶·A 开始，原版是全部填 10⁻⁶。）

# %%
theirs = pytorch(
    """
net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1)))
for m in net.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.constant_(m.weight, 3.0)
net[0][0].weight
"""
)
plain = plain_jittor(
    """
net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1)))
for m in net.children():
    if isinstance(m, nn.Conv2d):
        jt.init.constant_(m.weight, 3.0)
net[0][0].weight
"""
)
net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 1, 1)))
for m in net.modules():
    if isinstance(m, nn.Conv2d):
        jt.init.constant_(m.weight, 3.0)
ours = net[0][0].weight
trap(
    "37 · layers that keep their default initialisation",
    pytorch=theirs,
    jittor=plain,
    fixed=ours,
    port="Gait",
)

# %% [markdown] lang="en"
# ### 38 · eval() freezes permanently
#
# `eval()` also stops the gradients of the parameters below it, and calling `train()` on the *whole* network does not restore them in a part that was set to `eval()` separately. The usual way to freeze a backbone's BatchNorm freezes its weights with it. Below: does each parameter get a gradient?

# %% [markdown] lang="zh"
# ### 38 · eval() 会永久冻结
#
# `eval()` 还会停掉它下面所有参数的梯度，之后对*整个网络*调用 `train()`，也不会把单独 `eval()` 过的部分恢复。常见的“冻结骨干网络 BatchNorm”的写法，会连权重一起冻住。下面看每个参数是否还有梯度。

# %%
theirs = pytorch(
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.part, self.head = nn.Linear(2, 2), nn.Linear(2, 1)

    def freeze_statistics(self):
        self.part.eval()

net = Net()
net.freeze_statistics()
net.train()
[p.requires_grad for p in net.parameters()]
"""
)
plain = plain_jittor(
    """
class Net(nn.Module):
    def __init__(self):
        self.part, self.head = nn.Linear(2, 2), nn.Linear(2, 1)

    def freeze_statistics(self):
        self.part.eval()

net = Net()
net.freeze_statistics()
net.train()
[not p.is_stop_grad() for p in net.parameters()]
"""
)
net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
net.train()
net[0].is_train = False  # the mode alone; gradients stay
ours = [not p.is_stop_grad() for p in net.parameters()]
trap("38 · eval() freezes permanently", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 39 · Adam and accumulated gradients
#
# Jittor counts `backward` calls where Adam's formula counts steps. If you accumulate four batches before a step (TSL-Net accumulates sixteen), the first steps are smaller than in PyTorch.

# %% [markdown] lang="zh"
# ### 39 · Adam 与梯度累加
#
# Adam 公式里数的是步数，Jittor 数的是 `backward` 的次数。像 TSL-Net 那样累加十六批（这里是四批）再走一步，最初几步就比 PyTorch 小。

# %%
theirs = pytorch(
    """
w = torch.ones(1, requires_grad=True)
optimizer = torch.optim.Adam([w], lr=0.1)
for _ in range(4):
    (2 * w).sum().backward()
optimizer.step()
w
"""
)
plain = plain_jittor(
    """
w = jt.ones(1)
optimizer = nn.Adam([w], lr=0.1)
for _ in range(4):
    optimizer.backward((2 * w).sum())
optimizer.step()
w
"""
)
w = jt.ones(1)
optimizer = ops.Adam([w], lr=0.1)
for _ in range(4):
    optimizer.backward((2 * w).sum())
optimizer.step()
ours = w
trap("39 · Adam and accumulated gradients", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 40 · weight decay of unused weights
#
# A parameter that the loss does not depend on has no gradient in PyTorch and does not change. In Jittor it has a gradient of zero, and weight decay shrinks it at every step.

# %% [markdown] lang="zh"
# ### 40 · 没用到的权重也会衰减
#
# 损失没有用到的参数，在 PyTorch 里没有梯度，不会动；在 Jittor 里梯度为零，权重衰减每一步都会让它变小。

# %%
theirs = pytorch(
    """
used, unused = torch.ones(1, requires_grad=True), torch.ones(2, requires_grad=True)
optimizer = torch.optim.SGD([used, unused], lr=0.1, weight_decay=0.5)
used.sum().backward()
optimizer.step()
unused
"""
)
plain = plain_jittor(
    """
used, unused = jt.ones(1), jt.ones(2)
optimizer = nn.SGD([used, unused], lr=0.1, weight_decay=0.5)
optimizer.step(used.sum())
unused
"""
)
used, unused = jt.ones(1), jt.ones(2)
ops.SGD([used, unused], lr=0.1, weight_decay=0.5).step(used.sum())
ours = unused
trap("40 · weight decay of unused weights", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 41 · the scheduler is one step late
#
# The first `step()` of a scheduler changes nothing. Below: four epochs, with a factor of 0.1 after each:

# %% [markdown] lang="zh"
# ### 41 · 学习率调度晚一步
#
# 调度器的第一次 `step()` 什么也不做。下面四个 epoch，每个之后学习率应当降为十分之一：

# %%
theirs = pytorch(
    """
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
rates = []
for epoch in range(4):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
rates
"""
)
plain = plain_jittor(
    """
optimizer = nn.SGD([jt.ones(1)], lr=0.1)
scheduler = jt.lr_scheduler.StepLR(optimizer, 1, 0.1)
rates = []
for epoch in range(4):
    rates.append(optimizer.lr)
    scheduler.step()
rates
"""
)
optimizer, ours = nn.SGD([jt.ones(1)], lr=0.1), []
for epoch in range(4):
    optimizer.lr = 0.1 * 0.1**epoch
    ours.append(optimizer.lr)
trap("41 · the scheduler is one step late", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 42 · the learning rate of a group
#
# `param_groups` have no `lr` until you set one; reading it fails, writing it works.

# %% [markdown] lang="zh"
# ### 42 · 参数组的学习率
#
# `param_groups` 里一开始没有 `lr`：读会报错，写没问题。

# %%
theirs = pytorch(
    """
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
optimizer.param_groups[0]["lr"]
"""
)
plain = plain_jittor(
    """
optimizer = nn.SGD([jt.ones(1)], lr=0.1)
optimizer.param_groups[0]["lr"]
"""
)
ours = nn.SGD([jt.ones(1)], lr=0.1).lr
trap("42 · the learning rate of a group", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 43 · dampening at the first step
#
# In PyTorch the first momentum is the full gradient; Jittor dampens that too.

# %% [markdown] lang="zh"
# ### 43 · 第一步的 dampening
#
# PyTorch 第一步的动量就是完整的梯度；Jittor 在第一步就乘以折扣系数。

# %%
theirs = pytorch(
    """
w = torch.ones(1, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9, dampening=0.5)
w.sum().backward()
optimizer.step()
w
"""
)
plain = plain_jittor(
    """
w = jt.ones(1)
nn.SGD([w], lr=0.1, momentum=0.9, dampening=0.5).step(w.sum())
w
"""
)
ours = jt.ones(1)
optimizer = nn.SGD([ours], lr=0.1, momentum=0.9)  # the first step without,
optimizer.step(ours.sum())
optimizer.dampening = 0.5  # all others with it
trap("43 · dampening at the first step", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 44 · clipping that clips nothing
#
# `optimizer.step(loss)` computes the gradients itself, so a `clip_grad_norm` before it finds none and returns silently. Three lines are needed: `backward(loss)`, clip, `step()` without a loss.

# %% [markdown] lang="zh"
# ### 44 · 不起作用的梯度裁剪
#
# `optimizer.step(loss)` 自己会求梯度，写在它前面的 `clip_grad_norm` 找不到梯度，不给任何提示就返回。正确的是三行：`backward(loss)`、裁剪、不带损失的 `step()`。

# %%
theirs = pytorch(
    """
w = torch.ones(1, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
(10 * w).sum().backward()
torch.nn.utils.clip_grad_norm_([w], 1.0)
optimizer.step()
w
"""
)
plain = plain_jittor(
    """
w = jt.ones(1)
optimizer = nn.SGD([w], lr=0.1)
optimizer.clip_grad_norm(1.0)
optimizer.step((10 * w).sum())
w
"""
)
ours = jt.ones(1)
optimizer = nn.SGD([ours], lr=0.1)
optimizer.backward((10 * ours).sum())
optimizer.clip_grad_norm(1.0)
optimizer.step()
trap("44 · clipping that clips nothing", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 45 · loss.backward()
#
# It exists, but only logs a hint, and `.grad` then fails.

# %% [markdown] lang="zh"
# ### 45 · loss.backward()
#
# 这个方法有，却只打印一条提示；之后再读 `.grad` 就会报错。

# %%
theirs = pytorch(
    """
w = torch.ones(1, requires_grad=True)
loss = (3 * w).sum()
loss.backward()
w.grad
"""
)
plain = plain_jittor(
    """
w = jt.ones(1)
loss = (3 * w).sum()
loss.backward()
w.grad
"""
)
w = jt.ones(1)
ours = jt.grad((3 * w).sum(), w)
trap("45 · loss.backward()", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 46 · forward
#
# Jittor calls `execute`.

# %% [markdown] lang="zh"
# ### 46 · forward
#
# Jittor 调用的是 `execute`。

# %%
x = f32([1, 2])
theirs = pytorch(
    """
class Double(nn.Module):
    def forward(self, x):
        return 2 * x

Double()(x)
""",
    x=x,
)
plain = plain_jittor(
    """
class Double(nn.Module):
    def forward(self, x):
        return 2 * x

Double()(x)
""",
    x=x,
)


class Double(nn.Module):
    def execute(self, x):
        return 2 * x


ours = Double()(jt.array(x))
trap("46 · forward", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ## 6 · Weights and data

# %% [markdown] lang="zh"
# ## 6 · 权重与数据

# %% [markdown] lang="en"
# ### 47 · weights of another shape
#
# PyTorch raises an error. Jittor logs a line and continues with the present weights: random ones. `jacklib.weights.checkpoint.load_weights` raises an error too, and lists what does not match.

# %% [markdown] lang="zh"
# ### 47 · 形状不符的权重
#
# PyTorch 会拒绝。Jittor 只打一行日志，继续用手头的权重，也就是随机的那些。`jacklib.weights.checkpoint.load_weights` 也会拒绝，并列出对不上的条目。

# %%
theirs = pytorch(
    """
try:
    nn.Linear(2, 3).load_state_dict({"weight": torch.ones(3, 5), "bias": torch.ones(3)})
    answer = "loaded"
except RuntimeError:
    answer = "refused"
answer
"""
)
plain = plain_jittor(
    """
try:
    net = nn.Linear(2, 3)
    net.load_state_dict({"weight": np.ones((3, 5), np.float32), "bias": np.ones(3, np.float32)})
    answer = "loaded"
except Exception:
    answer = "refused"
answer
"""
)
from jacklib.errors import DataError
from jacklib.weights.checkpoint import load_weights

try:
    load_weights(nn.Linear(2, 3), {"weight": np.ones((3, 5), f32), "bias": np.ones(3, f32)})
    ours = "loaded"
except DataError as error:
    ours = "refused"
    print(error)
trap("47 · weights of another shape", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 48 · the same shuffle whatever the seed
#
# Jittor's `Dataset` shuffles with a generator of its own, seeded with 1: two runs with two seeds get the data in the same order, so the spread between them is less informative than it seems. Is the order the same under seed 1 and seed 2?

# %% [markdown] lang="zh"
# ### 48 · 换了种子，顺序照旧
#
# Jittor 的 `Dataset` 用自己的随机数发生器打乱，种子固定为 1：换了种子再跑，数据顺序还是一样，重复实验之间的差异也就不能说明问题。种子 1 和种子 2 的顺序相同吗？

# %%
theirs = pytorch(
    """
def order(seed):
    torch.manual_seed(seed)
    return [int(i) for i in torch.utils.data.DataLoader(range(10), batch_size=None, shuffle=True)]

order(1) == order(2)
"""
)
plain = plain_jittor(
    """
from jittor.dataset import Dataset

class Numbers(Dataset):
    def __init__(self):
        super().__init__(batch_size=10, shuffle=True)
        self.set_attrs(total_len=10)

    def __getitem__(self, i):
        return i

def order(seed):
    jt.set_global_seed(seed)
    return [batch.numpy().tolist() for batch in Numbers()]

order(1) == order(2)
"""
)


def order(seed):
    return np.random.default_rng(seed).permutation(10).tolist()


ours = order(1) == order(2)
trap(
    "48 · the same shuffle whatever the seed", pytorch=theirs, jittor=plain, fixed=ours, port="Gait"
)

# %% [markdown] lang="en"
# ### 49 · the length of a data set
#
# `len()` counts batches, not items, and the default batch size is 16. (Each worker also takes 512 MB for its ring of batches.)

# %% [markdown] lang="zh"
# ### 49 · 数据集的长度
#
# `len()` 数的是批数，不是样本数；而且不写 batch_size，默认就是 16。（每个 worker 还要占 512 MB 的缓冲区。）

# %%
theirs = pytorch("len(torch.utils.data.TensorDataset(torch.zeros(40)))")
plain = plain_jittor(
    """
from jittor.dataset import Dataset

class Numbers(Dataset):
    def __init__(self):
        super().__init__()
        self.set_attrs(total_len=40)

len(Numbers())
"""
)
from jittor.dataset import Dataset

dataset = Dataset().set_attrs(total_len=40)
ours = dataset.total_len
trap("49 · the length of a data set", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 50 · seeds 0 and 1 are the same
#
# On the CPU Jittor's generator takes seed 0 for 1: two runs "with different seeds" begin with the same weights. Other small seeds begin alike, too (the first number drawn from seed $s$ is about $8\cdot10^{-6}\,s$). `runtime.seed` spreads all seeds but 0. Do seeds 0 and 1 draw the same numbers?

# %% [markdown] lang="zh"
# ### 50 · 种子 0 就是种子 1
#
# 在 CPU 上，Jittor 的随机数发生器把种子 0 当作 1：两次“不同种子”的运行，初始权重完全相同。其他较小的种子，开头的数也彼此相近（种子 $s$ 的第一个数约为 $8\cdot10^{-6}\,s$）。除 0 以外的种子，`runtime.seed` 都会先打散。种子 0 和种子 1 抽到的数相同吗？

# %%
theirs = pytorch(
    """
def draw(seed):
    torch.manual_seed(seed)
    return torch.rand(4).tolist()

draw(0) == draw(1)
"""
)
plain = plain_jittor(
    """
def draw(seed):
    jt.set_global_seed(seed)
    return jt.rand(4).numpy().tolist()

draw(0) == draw(1)
"""
)


def draw(seed):
    runtime.seed(seed)
    return jt.rand(4).numpy().tolist()


ours = draw(0) == draw(1)
trap("50 · seeds 0 and 1 are the same", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ## 7 · Time and size
#
# Jittor is **lazy**: an operation is only recorded, and executed when its values are needed. A clock read right after the call measures the time for recording, which hardly depends on the network. The *forward time* in the public port of TSL-Net is measured in this way.

# %% [markdown] lang="zh"
# ## 7 · 时间与大小
#
# Jittor 是**惰性**的：写下一个运算时只是记录下来，直到需要取值时才真正执行。调用之后马上计时，测到的是“记录”的时间，和网络大小几乎无关。TSL-Net 公开移植报告的*前向时间*就是这样量的。

# %% [markdown] lang="en"
# ### 51 · when is it computed?
#
# The operation below records whether it has run: after the call, and again after its value was read.

# %% [markdown] lang="zh"
# ### 51 · 什么时候才真正计算？
#
# 用一个会记录自己是否运行过的运算来看：调用之后它运行了吗？取值之后呢？

# %%
theirs = pytorch(
    """
ran = []

class Copy(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        ran.append(1)
        return x.clone()

y = Copy.apply(torch.ones(3))
after_call = len(ran)
y.tolist()
[after_call, len(ran)]
"""
)
plain = plain_jittor(
    """
ran = []

def copy(np, data):
    ran.append(1)
    np.copyto(data["outputs"][0], data["inputs"][0])

y = jt.numpy_code([3], "float32", [jt.ones(3)], copy)
after_call = len(ran)
y.numpy()
[after_call, len(ran)]
"""
)
ran = []


def copy(np, data):
    ran.append(1)
    np.copyto(data["outputs"][0], data["inputs"][0])


y = jt.numpy_code([3], "float32", [jt.ones(3)], copy)
jt.sync_all(True)  # before each reading of the clock
after_call = len(ran)
y.numpy()
ours = [after_call, len(ran)]
trap("51 · when is it computed?", pytorch=theirs, jittor=plain, fixed=ours, port="TSL-Net")

# %% [markdown] lang="en"
# ### 52 · the mean of many numbers
#
# Jittor adds float32 numbers one after another, and a mean adds $x / n$. Beside a large sum small numbers are lost; PyTorch adds in pieces. The mean of an image full of ones is off by 0.4% (issue [342](https://github.com/Jittor/jittor/issues/342)), and a metric that is built on it, SSIM for instance, is wrong without a word. `ops.mean`, `ops.total` and `ops.variance` add in double precision, and so do the losses of `ops`.

# %% [markdown] lang="zh"
# ### 52 · 很多数的平均
#
# Jittor 把 float32 的数一个接一个地累加，求平均时加的是 $x / n$；和已经很大时，小的数就被舍掉了。PyTorch 分段求和，没有这个问题。一张全是 1 的图像，平均值会差 0.4%（issue [342](https://github.com/Jittor/jittor/issues/342)），建立在平均值上的指标（例如 SSIM）也就悄悄错了。`ops.mean`、`ops.total`、`ops.variance` 用双精度累加，`ops` 里的损失也一样。

# %%
theirs = pytorch("torch.ones(1, 3, 321, 481).mean()")
plain = plain_jittor("jt.ones((1, 3, 321, 481)).mean()")
ours = ops.mean(jt.ones((1, 3, 321, 481)))
trap("52 · the mean of many numbers", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# ### 53 · sums of whole numbers
#
# PyTorch adds whole numbers as int64. Jittor keeps their type, and the sum wraps: 300 pixels of an 8-bit mask add up to 44. Cast first (`.int64().sum()`), or take `ops.total`. Never call `.item()` on an 8-bit Var: it reads eight bytes where the Var has one, so the answer changes from run to run; `.numpy()` is right.

# %% [markdown] lang="zh"
# ### 53 · 整数求和
#
# PyTorch 用 int64 累加整数；Jittor 保持原来的类型，和会溢出、从头数起：8 位掩码的 300 个像素加起来是 44。请先转换（`.int64().sum()`），或者用 `ops.total`。另外，不要对 8 位的 Var 调用 `.item()`：它只有一个字节，`.item()` 却读八个，每次运行结果都可能不同；`.numpy()` 是对的。

# %%
theirs = pytorch(
    "[int(torch.ones(300, dtype=torch.uint8).sum()), int(torch.full((3000,), 10**6, dtype=torch.int32).sum())]"
)
plain = plain_jittor(
    "[int(jt.array(np.ones(300, np.uint8)).sum().numpy()), int(jt.array(np.full(3000, 10**6, np.int32)).sum().numpy())]"
)
ours = [
    ops.total(jt.array(values)).item()
    for values in (np.ones(300, np.uint8), np.full(3000, 10**6, np.int32))
]
trap("53 · sums of whole numbers", pytorch=theirs, jittor=plain, fixed=ours)

# %% [markdown] lang="en"
# Some layers are correct but slow. **`Conv3d`** is the one that matters here: Jittor passes 2-D convolutions to oneDNN, but computes 3-D ones in its own loops. `jacklib.ops.Conv3d` passes them to oneDNN too. The cell below times both, with a warm-up and with `sync_all` before each reading:

# %% [markdown] lang="zh"
# 有些层数值没错，只是太慢。这里最要紧的是 **`Conv3d`**：Jittor 把二维卷积交给 oneDNN，三维卷积却用自己的循环来算。`jacklib.ops.Conv3d` 会把三维的也交给 oneDNN。下面对两者计时：先热身，每次看表之前都 `sync_all`：


# %%
def seconds(layer, x, times=3):
    layer(x).sync()  # warm-up: compiles the operator
    best = np.inf
    for _ in range(times):
        jt.sync_all(True)
        start = time.perf_counter()
        layer(x).sync()
        jt.sync_all(True)
        best = min(best, time.perf_counter() - start)
    return best


runtime.seed(0)
clip = jt.rand(1, 32, 8, 28, 28)
theirs_layer, our_layer = nn.Conv3d(32, 32, 3, padding=1), ops.Conv3d(32, 32, 3, padding=1)
our_layer.load_state_dict(theirs_layer.state_dict())
ok = cmp("Conv3d, the two layers", our_layer(clip), theirs_layer(clip).numpy())
slow, fast = seconds(theirs_layer, clip), seconds(our_layer, clip)
print(
    f"jittor.nn.Conv3d {slow * 1000:.1f} ms, jacklib.ops.Conv3d {fast * 1000:.1f} ms: {slow / fast:.0f} times"
)

# %% [markdown] lang="en"
# Five more traps that no value reveals:
#
# * **Two frameworks in one process.** PyTorch and Jittor both bring their own copies of the same libraries; importing both can crash (issues [60](https://github.com/Jittor/jittor/issues/60), [126](https://github.com/Jittor/jittor/issues/126), [223](https://github.com/Jittor/jittor/issues/223)). Compare in two processes, as this notebook does.
# * **Many small operators.** Each has a fixed cost, however little it computes, and each kind is compiled at its first use. A loop over joints or snippets pays it in every iteration; `jacklib.ops.graph` takes all joints in one operator instead.
# * **No output in a notebook.** In Jupyter, Jittor's first compilation prints nothing for minutes. `import jacklib` compiles in a process of its own and shows a line of progress.
# * **Several compilers at once.** Jittor compiles operators in several threads which change shared lists without a lock; this occasionally crashes or hangs. jacklib sets `use_parallel_op_compiler=0`.
# * **Ctrl-C.** Jittor installs handlers that end the whole process, the notebook's kernel included. jacklib puts Python's back after the import.

# %% [markdown] lang="zh"
# 还有五个没有数值可比：
#
# * **两个框架放进同一个进程。** PyTorch 和 Jittor 各自带着同样的底层库，同时导入可能崩溃（issue [60](https://github.com/Jittor/jittor/issues/60)、[126](https://github.com/Jittor/jittor/issues/126)、[223](https://github.com/Jittor/jittor/issues/223)）。要比较，就像本笔记本这样分成两个进程。
# * **零碎的小算子太多。** 每个算子不管算多少，都有固定的开销，每种第一次用到时还要编译。逐个关节、逐个小段地循环，每一轮都要付一次；`jacklib.ops.graph` 则用一个算子处理全部关节。
# * **笔记本里没有输出。** 在 Jupyter 里，Jittor 第一次编译时几分钟都不输出任何东西。`import jacklib` 会在单独的进程里编译，并显示一行进度。
# * **几个算子同时编译。** Jittor 用多个线程编译算子，线程之间不加锁地改同一份列表，偶尔会崩溃或卡死。jacklib 设置了 `use_parallel_op_compiler=0`。
# * **Ctrl-C。** Jittor 的信号处理会直接结束整个进程，笔记本的内核也一起没了。jacklib 在导入之后把 Python 自己的处理函数换了回来。

# %% [markdown] lang="en"
# ## 8 · All traps at a glance
#
# The table shows for each trap whether this Jittor still has it, whether the fix agrees with PyTorch, which rule of `porting check` finds it, and which public port it affected. The project's tests run these very cells: when a new Jittor has fixed a trap, a test fails and names the one to remove.

# %% [markdown] lang="zh"
# ## 8 · 全部陷阱一览
#
# 表里列出每个陷阱：这一版 Jittor 是否还有，修正后是否与 PyTorch 一致，`porting check` 的哪条规则能发现，哪个公开移植受到影响。项目的测试运行的就是上面这些格子：哪天新版 Jittor 修好了某一处，就会有测试失败，并说明该删掉哪一条。

# %%
trap_table.table()

# %%
everything = trap_table.rows()
loud = [row for row in everything if row.loud]
seen = [row for row in everything if row.rules]
caught = [row for row in everything if row.port]
print(
    f"{len(everything)} traps: {len(loud)} raise an error, {len(everything) - len(loud)} are silent"
)
print(f"porting check sees {len(seen)}, of them {sum(not row.loud for row in seen)} silent ones")
print(
    f"public ports were caught by {len(caught)}, of them {sum(not row.loud for row in caught)} silent ones"
)

# %% [markdown] lang="en"
# How wrong is a silent trap? The figure sorts them by the difference between Jittor's answer and PyTorch's. A large difference would at least be noticed by a careful reader; those at the bottom of the blue bars look like rounding.

# %% [markdown] lang="zh"
# 静默的陷阱造成多大的误差？下图按 Jittor 与 PyTorch 的差异排序。差得远的，留心看还能发现；蓝条最下面的那些，很容易被当成舍入误差放过去。

# %%
trap_table.picture()

# %% [markdown] lang="en"
# Now by network: which traps was each public port caught in?
#
# | public port | trap | what it changed |
# |---|---|---|
# | VAANet | a weight per video | the loss: correctly classified videos are weighted like wrong ones |
# | CTEN | max(dim) returns one value | the erasing: one threshold for the whole batch |
# | TSL-Net | weights times a mean; KL of a zero; logsumexp (harmless at its values); lazy timing | all three focal terms and the target of a fourth; the reported forward time |
# | Gait | a trained constant; default initialisation; argmax; shuffle | the graph, its start, the training accuracy, repeated runs |
#
# None of these raises an error. Only comparing values finds them: notebook `03_porting_a_network` compares a port with its original layer by layer.

# %% [markdown] lang="zh"
# 再按网络来看：各个公开移植分别有哪些陷阱？
#
# | 公开移植 | 陷阱 | 改变了什么 |
# |---|---|---|
# | VAANet | 每段视频一个权重 | 损失：判对的视频与判错的一样加权 |
# | CTEN | max(dim) 只返回一个值 | 擦除：整批视频共用一个阈值 |
# | TSL-Net | 用权重去乘平均值；KL 遇到 0；logsumexp（在它的取值范围内无害）；惰性计时 | 三个聚焦项和第四项的目标；报告的前向时间 |
# | Gait | 本应固定的常量参与了训练；子层初值；argmax；打乱顺序 | 骨架图及其起点、训练准确率、重复实验 |
#
# 这些没有一个会报错，只有比较数值才能发现：笔记本 `03_porting_a_network` 会把移植与原版逐层对比。

# %% [markdown] lang="en"
# ## 9 · Searching the source
#
# `check_source` (on the command line `bash script/run.sh porting check FILE`) reads a file's syntax without running it. Here is a small port with some traps planted:

# %% [markdown] lang="zh"
# ## 9 · 在源码里搜一遍
#
# `check_source`（命令行里是 `bash script/run.sh porting check FILE`）只看语法，不运行代码。下面是一份埋了几个陷阱的小移植：

# %%
PORT = """import time

import jittor as jt
from jittor import nn


class Attention(nn.Module):
    def __init__(self):
        self.position = jt.arange(16)
        self.fc = nn.Linear(16, 16)
        self.pool = nn.AvgPool2d((8, 2))

    def forward(self, x):
        weights = nn.softmax(self.fc(x + self.position))
        return jt.max(weights, dim=1)[0]


def train(net, optimizer, x, y):
    start = time.time()
    loss = nn.KLDivLoss()(net(x), y)
    loss.backward()
    print("forward and backward", time.time() - start)
"""
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "port.py"
    file.write_text(PORT, encoding="utf-8")
    found = check_source(file)
for one in found:
    print(f"line {one.line:2}: {one.rule}\n         {one.reason}. Fix: {one.fix}.")

# %% [markdown] lang="en"
# It finds what is in a single file and looks wrong by itself: a loss that became a mean, a constant that becomes a parameter. It cannot check values: an adaptive pooling that does not divide, a data set's order. So a clean check is the beginning of a comparison, not its end.

# %% [markdown] lang="zh"
# 它能看出的，是单个文件里本身就可疑的写法：变成平均值的损失、变成参数的常量。它看不到数值：不能整除的自适应池化、数据集的顺序。所以检查通过只是比较的开始，不是结束。

# %% [markdown] lang="en"
# ## 10 · Exercises
#
# Write below `your answer here` and run the cell: ✓ right, ✗ wrong with a hint, ○ not done yet.
#
# **Exercise 1.** What does plain Jittor return for `jt.array([2.0, 4.0, 6.0]).var()`? Work it out before you try.

# %% [markdown] lang="zh"
# ## 10 · 练习
#
# 在“在这里作答”处写下答案，运行该格：✓ 对，✗ 错（附提示），○ 还没做。
#
# **练习 1。** `jt.array([2.0, 4.0, 6.0]).var()` 在原样的 Jittor 里是多少？先算出来，再去试。

# %%
variance = ...
### BEGIN SOLUTION
variance = ((2 - 4) ** 2 + 0 + (6 - 4) ** 2) / 3
### END SOLUTION
ok = classroom.check_value(
    "1 var", variance, jt.array([2.0, 4.0, 6.0]).var().item(), tolerance=1e-4,
    hint="The mean is 4; divide the sum of squares by n, not by n - 1.",
    hint_zh="均值是 4；平方和除以 n，而不是 n - 1。",
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 2.** Which line of these twelve is a silent trap? (One is; the first line, `import`, is number 1.)

# %% [markdown] lang="zh"
# **练习 2。** 下面十二行里，哪一行是静默的陷阱？（只有一行；第一行 `import` 是第 1 行。）

# %%
TWELVE = """import jittor as jt
from jittor import nn


class Head(nn.Module):
    def __init__(self, n_joints):
        self.fc = nn.Linear(n_joints, 4)
        self._scale = jt.array([0.5])
        self.centre = jt.array([0.1] * n_joints)

    def execute(self, x):
        return self.fc(x - self.centre) * self._scale"""
for number, text in enumerate(TWELVE.splitlines(), start=1):
    print(f"{number:2}  {text}")

# %%
line = ...
### BEGIN SOLUTION
line = 9
### END SOLUTION
ok = classroom.check_value(
    "2 line", line, check_text(TWELVE)[0].line,
    hint="Two attributes are constants. What will the optimizer do with each of them?",
    hint_zh="有两个属性是常量。优化器会怎样对待它们？",
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 3.** Fix the threshold of CTEN's erasing: for each video (row) of `gamma`, 0.7 times its own largest attention plus 0.3 times its smallest. The function gets a NumPy array and returns a Var [B].

# %% [markdown] lang="zh"
# **练习 3。** 修正 CTEN 擦除用的阈值：对 `gamma` 的每段视频（每一行），取自己最大注意力的 0.7 倍，加上最小注意力的 0.3 倍。函数的输入是 NumPy 数组，返回形状 [B] 的 Var。


# %%
def threshold(gamma):
    gamma = jt.array(gamma)
    ### BEGIN SOLUTION
    return gamma.max(dim=1) * 0.7 + gamma.min(dim=1) * 0.3
    ### END SOLUTION


gamma = f32([[0.0, 1.0, 0.5], [2.0, 4.0, 3.0]])
wanted = pytorch("gamma.max(dim=1)[0] * 0.7 + gamma.min(dim=1)[0] * 0.3", gamma=gamma)
ok = classroom.check_function(
    "3 threshold", threshold, [((gamma,), wanted)], tolerance=1e-5,
    hint="Jittor's max(dim=1) gives the values themselves: no [0].",
    hint_zh="Jittor 的 max(dim=1) 直接就是值，不要再加 [0]。",
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 4.** Fix a small loss: binary cross entropy of `p` with `y`, each element weighted with `(y - p) ** 2`, then summed. (`jacklib.ops.binary_cross_entropy` can do it per element.)

# %% [markdown] lang="zh"
# **练习 4。** 修正一个小损失：`p` 与 `y` 的二元交叉熵，逐元素乘以权重 `(y - p) ** 2`，再求和。（`jacklib.ops.binary_cross_entropy` 可以逐元素计算。）


# %%
def focal_loss(p, y):
    p, y = jt.array(p), jt.array(y)
    ### BEGIN SOLUTION
    each = ops.binary_cross_entropy(p, y, reduction="none")
    return ((y - p) ** 2 * each).sum()
    ### END SOLUTION


p, y = f32([0.9, 0.3, 0.6]), f32([1, 0, 1])
wanted = pytorch('((y - p) ** 2 * F.binary_cross_entropy(p, y, reduction="none")).sum()', p=p, y=y)
ok = classroom.check_function(
    "4 focal loss", focal_loss, [((p, y), [float(wanted)])], tolerance=1e-5,
    hint='reduction="none" first, then the weights, then the sum.',
    hint_zh='先用 reduction="none"，再乘权重，最后求和。',
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 5.** With `lr=0.8` and `jt.lr_scheduler.StepLR(optimizer, 1, 0.5)`, what are the learning rates of the first four epochs in plain Jittor, if the scheduler steps at the end of each?

# %% [markdown] lang="zh"
# **练习 5。** `lr=0.8`，调度器是 `jt.lr_scheduler.StepLR(optimizer, 1, 0.5)`，每个 epoch 结束时走一步。在原样的 Jittor 里，前四个 epoch 的学习率各是多少？

# %%
rates = ...
### BEGIN SOLUTION
rates = [0.8, 0.8, 0.4, 0.2]
### END SOLUTION
optimizer, wanted = nn.SGD([jt.ones(1)], lr=0.8), []
scheduler = jt.lr_scheduler.StepLR(optimizer, 1, 0.5)
for _ in range(4):
    wanted.append(optimizer.lr)
    scheduler.step()
ok = classroom.check_value(
    "5 rates", rates, wanted,
    hint="The scheduler comes a step late: its first step changes nothing.",
    hint_zh="调度器慢一拍：第一次 step 什么也不变。",
)  # fmt: skip

# %%
solved, total = classroom.summary()

# %% [markdown] lang="en"
# **To go on:** run `porting check` on a port of your own; if you find a new trap, add a cell for it. Then **03_porting_a_network**: from one line to a whole network, compared layer by layer.

# %% [markdown] lang="zh"
# **还可以试试：** 用 `porting check` 检查自己的移植；发现新的陷阱，就照样加一格。接下来是 **03_porting_a_network**：从一行代码到一整个网络，逐层比较。
