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
# # 02 · Porting traps: where Jittor and PyTorch differ
#
# | | |
# |---|---|
# | **You can afterwards** | predict what ten common lines do in Jittor; tell silent traps from loud ones; infer from a symptom which trap a port has; fix losses, thresholds and constants; write a test that refuses wrong ports |
# | **You should know** | tensors, gradients, batch normalisation, softmax, cross entropy; Jittor's Vars, `jt.grad` and optimizers (notebook 01) |
# | **Minutes** | you 120 · machine 2 (a few more the very first time, while Jittor compiles) |
# | **Core** | sections 1 to 7; extra: 8, 9, 10 |
# | **Needs** | this repository; no GPU, no download, no PyTorch |
#
# Networks have been ported and published with some of these traps in them. They ran and trained, but they were different networks. Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it.

# %% [markdown] lang="zh" tags=["slide"]
# # 02 · 移植陷阱：Jittor 与 PyTorch 哪里不同
#
# | | |
# |---|---|
# | **学完你能** | 预测十行常见代码在 Jittor 里的结果；区分静默型与报错型陷阱；由现象推断移植中了哪个陷阱；修正损失、阈值和常量；写出能拒绝错误移植的测试 |
# | **需要先会** | 张量、梯度、批归一化、softmax、交叉熵；Jittor 的 Var、`jt.grad` 和优化器（笔记本 01） |
# | **用时（分钟）** | 你 120 · 机器 2（第一次运行要编译算子，多几分钟） |
# | **必学** | 第 1 至 7 节；选学：8、9、10 |
# | **运行条件** | 本仓库；不需要 GPU，不用下载，也不用装 PyTorch |
#
# 有些公开发布的移植代码就带着其中几个陷阱。它们能运行、能训练，只是已经不是原来的网络了。可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。仓库里保存的输出是英文版运行时生成的；自己运行一遍，表格、图和提示就会变成中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib import ops  # jacklib comes first: it prepares Jittor
from jacklib.backend import runtime
from jacklib.porting import trap_table
from jacklib.teaching import classroom, show

show.setup(LANG)
trap_table.language(LANG)

import tempfile
import time
from pathlib import Path

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from jittor import nn

from jacklib.porting import check_source, cmp, pytorch
from jacklib.porting.trap_table import plain_jittor, trap, try_it
from jacklib.teaching.show import BLUE, GREY, ORANGE

f32 = np.float32  # PyTorch and Jittor both compute in single precision

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · How to read a trap ★
#
# A port goes wrong in two ways. A **loud** trap stops with an error; you look it up and continue. A **silent** trap gives a different value, and nobody notices until the accuracy is a little lower than in the paper, or never.
#
# Ten traps have a section each, with a **prediction**: read the line, write what you expect of plain Jittor in place of `...`, run the cell, and then the next one. The other forty-three are in a table (section 7), where any of them can be run.
#
# Each result has three parts. `pytorch("...")` runs the original line in a PyTorch process of its own and returns NumPy arrays. (Without PyTorch, as on most laptops, it returns the answer that was stored when this notebook was built.) `plain_jittor("...")` runs the line as a port would have it; an error counts as its answer. The last part is the **fix**. `trap(...)` compares the three, and says which rule of `bash script/run.sh porting check` finds the trap in the source.
#
# `cmp` prints such a comparison in one line. Here is a value on which both frameworks agree:

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 怎样读一个陷阱 ★
#
# 移植出错有两种。**报错型**的陷阱会直接停下来，查一查、改一改就过去了。**静默型**的陷阱只是给出另一个值，往往要到准确率比论文低一点时才有人起疑，也可能永远没人发现。
#
# 有十个陷阱单独成节，每个都先请你**预测**：读那一行代码，把你认为原样的 Jittor 会给出的结果写在 `...` 处，运行这一格，再运行下一格。其余四十三个放在第 7 节的表里，每一个都可以运行。
#
# 结果都有三部分。`pytorch("...")` 在单独的 PyTorch 进程里运行原来的代码，返回 NumPy 数组（没装 PyTorch 也没关系，会给出生成本笔记本时存下的答案）。`plain_jittor("...")` 运行照搬过来的代码，如果报错，错误信息就算它的答案。最后是**修正**后的写法。`trap(...)` 比较三者，并说明 `bash script/run.sh porting check` 的哪条规则能从源码里看出这个陷阱。
#
# `cmp` 用一行打印两个值的比较。先看一个两边一致的例子：

# %%
x = f32([[1, 2, 3], [4, 5, 9]])
theirs = pytorch("x.softmax(dim=1)", x=x)
ok = cmp("softmax along dim 1", nn.softmax(jt.array(x), dim=1), theirs)

# %% [markdown] lang="en"
# ## 2 · Layers ★
#
# ### 1 · average pooling over the whole map
#
# Many networks end in an average over the whole map. On a map of 4 × 4, in both frameworks:
#
# ```python
# nn.AvgPool2d(4)(x)
# ```
#
# PyTorch returns the mean of all sixteen values.

# %% [markdown] lang="zh"
# ## 2 · 层 ★
#
# ### 1 · 对整张特征图做平均池化
#
# 很多网络的最后一步是对整张特征图求平均。特征图是 4 × 4，两个框架的写法相同：
#
# ```python
# nn.AvgPool2d(4)(x)
# ```
#
# PyTorch 返回全部十六个值的平均。

# %%
guess = ...
classroom.predict("02.p1", guess)

# %%
x = np.arange(16, dtype=f32).reshape(1, 1, 4, 4)
theirs = pytorch("nn.AvgPool2d(4)(x)", x=x)
plain = plain_jittor("nn.AvgPool2d(4)(x)", x=x)
ours = ops.avg_pool2d(jt.array(x), 4)
trap(1, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p1", "error" if isinstance(plain.value, str) else float(plain.value))

# %% [markdown] lang="en"
# Jittor's check requires a map *larger* than the kernel; earlier versions gave an empty result where the kernel was larger still (issue [463](https://github.com/Jittor/jittor/issues/463)). On Jittor 1.3.11 the public ports of VAANet, CTEN and TSL-Net stop here before they train.
#
# ### 5 · the running variance of BatchNorm
#
# A batch normalisation keeps running statistics for evaluation: a tenth of each batch's variance is added to nine tenths of the old value, which is 1 at first. One channel, ten values, 0 to 9:
#
# ```python
# bn = nn.BatchNorm1d(1)
# bn(x)
# bn.running_var
# ```

# %% [markdown] lang="zh"
# Jittor 的检查要求特征图*大于*池化核；更早的版本在核比图还大时会返回空张量（issue [463](https://github.com/Jittor/jittor/issues/463)）。在 Jittor 1.3.11 上，VAANet、CTEN、TSL-Net 的公开移植还没开始训练就停在这里。
#
# ### 5 · 批归一化的滑动方差
#
# 批归一化为评估保存滑动统计量：旧值（最初是 1）占十分之九，本批的方差占十分之一。一个通道，十个值，0 到 9：
#
# ```python
# bn = nn.BatchNorm1d(1)
# bn(x)
# bn.running_var
# ```

# %%
guess = ...
classroom.predict("02.p2", guess)

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
trap(5, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p2", float(plain.value[0]))

# %% [markdown] lang="en" tags=["slide"]
# PyTorch accumulates the *unbiased* variance of the batches for evaluation, Jittor the biased one. With 10 values per channel the batch's variance is 10% too small; the smaller the batch, the more evaluation deviates.

# %% [markdown] lang="zh" tags=["slide"]
# 评估时用的滑动方差，PyTorch 累积的是*无偏*方差，Jittor 累积的是有偏方差。每个通道十个值时，本批的方差偏小 10%；批越小，评估结果偏得越多。

# %% [markdown] lang="en"
# ### ✎ 02.1 · What does Jittor store? · apply ●○○
#
# Write what plain Jittor's `BatchNorm1d(1)` stores as running variance after a first batch `values` (a NumPy array of one channel), in NumPy alone.

# %% [markdown] lang="zh"
# ### ✎ 02.1 · Jittor 存下的是多少？ · 应用 ●○○
#
# 只用 NumPy 写出：原样的 Jittor 的 `BatchNorm1d(1)` 见过第一批 `values`（一个通道的 NumPy 数组）之后，存下的滑动方差是多少。


# %% tags=["exercise"]
def stored(values):
    """The running variance after this batch; it was 1 before."""
    ...


classroom.check("02.1", stored)

# %% [markdown] lang="en"
# ## 3 · Values ★
#
# ### 13 · max(dim) returns one value
#
# CTEN erases the moments whose attention exceeds a threshold, which is made of a video's largest attention. The rows of `m` are two videos, [1, 5, 2] and [9, 3, 4]:
#
# ```python
# m.max(dim=1)[0]
# ```
#
# In PyTorch `max(dim=1)` is a pair (values, indices), and `[0]` takes the values.

# %% [markdown] lang="zh"
# ## 3 · 数值 ★
#
# ### 13 · max(dim) 只返回一个值
#
# CTEN 擦除注意力超过阈值的时刻，阈值由该视频最大的注意力算出。`m` 的两行是两段视频，[1, 5, 2] 和 [9, 3, 4]：
#
# ```python
# m.max(dim=1)[0]
# ```
#
# 在 PyTorch 里，`max(dim=1)` 是一对 (值, 下标)，`[0]` 取出值。

# %%
guess = ...
classroom.predict("02.p3", guess)

# %%
m = f32([[1, 5, 2], [9, 3, 4]])
theirs = pytorch("m.max(dim=1)[0]", m=m)
plain = plain_jittor("m.max(dim=1)[0]", m=m)
ours = jt.array(m).max(dim=1)
trap(13, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p3", float(np.ravel(plain.value)[0]))

# %% [markdown] lang="en" tags=["slide"]
# Jittor's `max` returns the values alone, and `[0]` is the value *of the first row*. In the public port of CTEN every video of a batch is erased at the first video's threshold. (`argmax` is the reverse: Jittor returns a pair, PyTorch the index; trap 12.)

# %% [markdown] lang="zh" tags=["slide"]
# Jittor 的 `max` 直接就是值，再加 `[0]` 取到的是*第一行的*值。CTEN 的公开移植因此把整批视频都按第一段视频的阈值来擦除。（`argmax` 正好相反：Jittor 返回一对，PyTorch 只返回下标，见陷阱 12。）

# %% [markdown] lang="en"
# ### ✎ 02.2 · CTEN's threshold · apply ●○○
#
# For each video (row) of `gamma`, 0.7 times its own largest attention plus 0.3 times its smallest. The function gets a NumPy array [B, S] and returns a Var [B].

# %% [markdown] lang="zh"
# ### ✎ 02.2 · CTEN 的阈值 · 应用 ●○○
#
# 对 `gamma` 的每段视频（每一行），取它自己最大注意力的 0.7 倍，加上最小注意力的 0.3 倍。函数的输入是 NumPy 数组 [B, S]，返回形状 [B] 的 Var。


# %% tags=["exercise"]
def threshold(gamma):
    """[B, S] -> a Var [B]."""
    ...


classroom.check("02.2", threshold)

# %% [markdown] lang="en"
# ## 4 · Losses ★
#
# Silent traps do the most harm here: the network is right, but the loss that trains it is not.
#
# ### 28 · weights times a mean
#
# A focal loss weights each element by how wrong it is. The original takes the cross entropies one by one:
#
# ```python
# (w * F.binary_cross_entropy(p, y, reduction="none")).sum()
# ```
#
# Jittor's `BCELoss` has no `reduction="none"`. A port that leaves it out still runs:
#
# ```python
# (w * nn.BCELoss()(p, y)).sum()
# ```
#
# Here `w` is [0.1, 0.1, 2]: the third element is the hard one.

# %% [markdown] lang="zh"
# ## 4 · 损失 ★
#
# 静默的陷阱在这里代价最大：网络没错，训练它的损失却错了。
#
# ### 28 · 用权重去乘一个平均值
#
# 聚焦损失按错误的程度给每个元素加权。原版逐个元素计算交叉熵：
#
# ```python
# (w * F.binary_cross_entropy(p, y, reduction="none")).sum()
# ```
#
# Jittor 的 `BCELoss` 没有 `reduction="none"`。去掉这个选项，移植照样能运行：
#
# ```python
# (w * nn.BCELoss()(p, y)).sum()
# ```
#
# 这里 `w` 是 [0.1, 0.1, 2]，第三个元素是难的那个。

# %%
guess = ...
classroom.predict("02.p4", guess)

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
trap(28, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p4", float(np.sum(plain.value)))

# %% [markdown] lang="en"
# Each weight multiplied *the mean of all elements*. All three focal losses of TSL-Net's public port are such sums, so hard and easy snippets get the same weight.
#
# ### 29 · a weight per video
#
# VAANet's loss weights a video by 1.5 if its predicted class has the wrong polarity. Two videos, the second one misjudged: `w` is [1, 1.5].
#
# ```python
# (w * F.cross_entropy(logits, y, reduction="none")).mean()    # the original
# (w * nn.CrossEntropyLoss()(logits, y)).mean()                # the port
# ```

# %% [markdown] lang="zh"
# 每个权重乘的都是*全体元素的平均值*。TSL-Net 公开移植的三个聚焦损失都是这样算的，难的片段和容易的片段没了区别。
#
# ### 29 · 每段视频一个权重
#
# VAANet 的损失里，极性判反的视频按 1.5 倍计。两段视频，第二段判反了：`w` 是 [1, 1.5]。
#
# ```python
# (w * F.cross_entropy(logits, y, reduction="none")).mean()    # 原版
# (w * nn.CrossEntropyLoss()(logits, y)).mean()                # 移植版
# ```

# %%
guess = ...
classroom.predict("02.p5", guess)

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
trap(29, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p5", float(np.sum(plain.value) / each.mean().item()))

# %% [markdown] lang="en" tags=["slide"]
# The weights multiply the mean over the batch, so the loss of correctly classified videos is scaled up as well, and that of the misjudged ones too little.

# %% [markdown] lang="zh" tags=["slide"]
# 权重乘的是整批的平均损失：判对的视频的损失也按整批的平均权重被放大，判反的视频则加重得不够。

# %% [markdown] lang="en"
# ### ✎ 02.3 · A focal loss · apply ●○○
#
# Binary cross entropy of `p` with `y`, each element weighted with `(y - p) ** 2`, then summed. The arguments are NumPy arrays.

# %% [markdown] lang="zh"
# ### ✎ 02.3 · 聚焦损失 · 应用 ●○○
#
# `p` 与 `y` 的二元交叉熵，逐元素乘以权重 `(y - p) ** 2`，再求和。参数是 NumPy 数组。


# %% tags=["exercise"]
def focal_loss(p, y):
    """[n] each -> a Var of one element."""
    ...


classroom.check("02.3", focal_loss)

# %% [markdown] lang="en"
# ### ✎ 02.4 · Inputs that hide the trap · create ●●●
#
# A friend tests the port of trap 28 with four elements and finds the same loss as PyTorch's. Find such inputs: `hidden()` returns `p`, `y` and `w`, four elements each, for which `(w * BCELoss()(p, y)).sum()` is right although neither all weights nor all losses are equal. (p in 0.05 to 0.95, y 0 or 1, w positive.)

# %% [markdown] lang="zh"
# ### ✎ 02.4 · 让陷阱隐身的输入 · 创造 ●●●
#
# 有位同学用四个元素测试陷阱 28 的移植，得到的损失与 PyTorch 相同。请找出这样的输入：`hidden()` 返回各有四个元素的 `p`、`y`、`w`，权重不全相等、损失也不全相等，`(w * BCELoss()(p, y)).sum()` 却是对的。（p 在 0.05 到 0.95 之间，y 为 0 或 1，w 为正。）


# %% tags=["exercise"]
def hidden():
    """p, y and w on which the wrong port is right."""
    ...


classroom.check("02.4", hidden)

# %% [markdown] lang="en"
# ## 5 · Training ★
#
# ### 36 · a constant that is trained
#
# A skeleton's graph is a fixed matrix. Here it is the identity of size 2, and the loss is the sum of `A @ w`, with `w` full of ones. One step of SGD at a rate of 0.1:
#
# ```python
# self.register_buffer("A", torch.eye(2))            # the original
# self.A = jt.array(np.eye(2, dtype=np.float32))     # the port
# ```

# %% [markdown] lang="zh"
# ## 5 · 训练 ★
#
# ### 36 · 本应固定的常量参与了训练
#
# 骨架图是固定的矩阵。这里取 2 阶单位阵，损失是 `A @ w` 各元素之和，`w` 全为 1。用 SGD 走一步，学习率 0.1：
#
# ```python
# self.register_buffer("A", torch.eye(2))            # 原版
# self.A = jt.array(np.eye(2, dtype=np.float32))     # 移植版
# ```

# %%
guess = ...
classroom.predict("02.p6", guess)

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
trap(36, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p6", float(plain.value[0, 1]))

# %% [markdown] lang="en" tags=["slide"]
# Every Var attribute of a Jittor module is a parameter, and is trained. PyTorch has *buffers*; in Jittor `stop_grad()` keeps a constant fixed. The public port of the gait network trains its skeleton's graph.

# %% [markdown] lang="zh" tags=["slide"]
# Jittor 模块的每个 Var 属性都是参数，都会被训练。PyTorch 有 *buffer*；Jittor 里用 `stop_grad()` 固定常量。步态网络的公开移植就训练了骨架图。

# %% [markdown] lang="en"
# ### ✎ 02.5 · Which line? · analyse ●○○
#
# One of these twelve lines is a silent trap. Give its number; the first line, `import`, is number 1.
#
# ```python
# import jittor as jt
# from jittor import nn
#
#
# class Head(nn.Module):
#     def __init__(self, n_joints):
#         self.fc = nn.Linear(n_joints, 4)
#         self._scale = jt.array([0.5])
#         self.centre = jt.array([0.1] * n_joints)
#
#     def execute(self, x):
#         return self.fc(x - self.centre) * self._scale
# ```

# %% [markdown] lang="zh"
# ### ✎ 02.5 · 是哪一行？ · 分析 ●○○
#
# 下面十二行里，有一行是静默的陷阱。写出它的行号；第一行 `import` 是第 1 行。
#
# ```python
# import jittor as jt
# from jittor import nn
#
#
# class Head(nn.Module):
#     def __init__(self, n_joints):
#         self.fc = nn.Linear(n_joints, 4)
#         self._scale = jt.array([0.5])
#         self.centre = jt.array([0.1] * n_joints)
#
#     def execute(self, x):
#         return self.fc(x - self.centre) * self._scale
# ```

# %% tags=["exercise"]
line = ...
classroom.check("02.5", line)

# %% [markdown] lang="en"
# ### 38 · eval() freezes permanently
#
# Fine-tuning often keeps the statistics of a backbone's batch normalisations fixed: the backbone is set to `eval()`, and the whole network to `train()` afterwards. The net has two linear layers, `part` and `head`, with a weight and a bias each:
#
# ```python
# net.part.eval()
# net.train()
# ```
#
# Which parameters still get gradients?

# %% [markdown] lang="zh"
# ### 38 · eval() 会永久冻结
#
# 微调时常常固定骨干网络里批归一化的统计量：先对骨干网络调用 `eval()`，再对整个网络调用 `train()`。这个网络有 `part` 和 `head` 两个线性层，各有权重和偏置：
#
# ```python
# net.part.eval()
# net.train()
# ```
#
# 哪些参数还有梯度？

# %%
guess = ...
classroom.predict("02.p7", guess)

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
trap(38, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p7", sum(plain.value))

# %% [markdown] lang="en"
# Jittor's `eval()` also stops the gradients of the parameters below it, and `train()` of the *whole* network does not restore them in a part that was set to `eval()` separately. The usual way to freeze a backbone's BatchNorm freezes its weights with it. The fix sets the mode alone: `part.is_train = False`.
#
# ### 44 · clipping that clips nothing
#
# The loss is 10 · w, so the gradient is 10; it is to be clipped to norm 1, and the rate is 0.1. `w` starts at 1.
#
# ```python
# optimizer.clip_grad_norm(1.0)
# optimizer.step((10 * w).sum())
# ```

# %% [markdown] lang="zh"
# Jittor 的 `eval()` 还会停掉它下面所有参数的梯度，之后对*整个网络*调用 `train()`，也不会把单独 `eval()` 过的部分恢复。常见的“冻结骨干网络 BatchNorm”的写法，会连权重一起冻住。修正办法是只改模式：`part.is_train = False`。
#
# ### 44 · 不起作用的梯度裁剪
#
# 损失是 10 · w，梯度就是 10；要裁剪到范数 1，学习率 0.1，`w` 从 1 开始。
#
# ```python
# optimizer.clip_grad_norm(1.0)
# optimizer.step((10 * w).sum())
# ```

# %%
guess = ...
classroom.predict("02.p8", guess)

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
trap(44, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p8", float(plain.value[0]))

# %% [markdown] lang="en" tags=["slide"]
# `optimizer.step(loss)` computes the gradients itself, so a `clip_grad_norm` before it finds none and returns silently. Three lines are needed: `backward(loss)`, clip, `step()` without a loss.

# %% [markdown] lang="zh" tags=["slide"]
# `optimizer.step(loss)` 自己会求梯度，写在它前面的 `clip_grad_norm` 找不到梯度，不给任何提示就返回。正确的是三行：`backward(loss)`、裁剪、不带损失的 `step()`。

# %% [markdown] lang="en"
# ## 6 · Weights and seeds ★
#
# ### 47 · weights of another shape
#
# A `Linear(2, 3)` has a weight of shape [3, 2]. It is given one of shape [3, 5]:
#
# ```python
# net.load_state_dict({"weight": ..., "bias": ...})
# ```

# %% [markdown] lang="zh"
# ## 6 · 权重与种子 ★
#
# ### 47 · 形状不符的权重
#
# `Linear(2, 3)` 的权重形状是 [3, 2]，现在给它一个 [3, 5] 的：
#
# ```python
# net.load_state_dict({"weight": ..., "bias": ...})
# ```

# %%
guess = ...
classroom.predict("02.p9", guess)

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
trap(47, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p9", plain.value)

# %% [markdown] lang="en"
# Jittor logs a line and continues with the present weights: random ones. `jacklib.weights.checkpoint.load_weights` raises an error, as PyTorch does, and lists what does not match.
#
# ### 50 · seeds 0 and 1 are the same
#
# Repeated runs need different seeds. Do seeds 0 and 1 draw the same numbers?
#
# ```python
# jt.set_global_seed(seed)
# jt.rand(4)
# ```

# %% [markdown] lang="zh"
# Jittor 只打一行日志，继续用手头的权重，也就是随机的那些。`jacklib.weights.checkpoint.load_weights` 和 PyTorch 一样会报错，并列出对不上的条目。
#
# ### 50 · 种子 0 就是种子 1
#
# 重复实验要用不同的种子。种子 0 和种子 1 抽到的数相同吗？
#
# ```python
# jt.set_global_seed(seed)
# jt.rand(4)
# ```

# %%
guess = ...
classroom.predict("02.p10", guess)

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
trap(50, pytorch=theirs, jittor=plain, fixed=ours)
classroom.reveal("02.p10", plain.value)

# %% [markdown] lang="en" tags=["slide"]
# On the CPU Jittor's generator takes seed 0 for 1. Other small seeds begin alike, too (the first number drawn from seed $s$ is about $8\cdot10^{-6}\,s$). `runtime.seed` spreads all seeds but 0.

# %% [markdown] lang="zh" tags=["slide"]
# 在 CPU 上，Jittor 的随机数发生器把种子 0 当作 1。其他较小的种子，开头的数也彼此相近（种子 $s$ 的第一个数约为 $8\cdot10^{-6}\,s$）。除 0 以外的种子，`runtime.seed` 都会先打散。

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · All traps in one table ★
#
# The cell below runs the other forty-three and lists all. A star marks the ten that you know; open any other to read why the two differ. Type into the field to search: `softmax`, `losses silent`, `raises`, `Gait`. The search works without a kernel.
#
# The project's tests run every trap: when a new Jittor has fixed one, a test fails and names the one to remove.

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 全部陷阱一张表 ★
#
# 下面这一格运行其余四十三个，并列出全部。★ 是你已经认识的十个；其他的可以展开，看两边为什么不同。在输入框里键入文字即可搜索：`softmax`、`损失 静默`、`报错`、`Gait`。搜索不需要内核。
#
# 项目的测试会运行每一个陷阱：哪天新版 Jittor 修好了某一处，就会有测试失败，并说明该删掉哪一条。

# %%
everything = trap_table.run_all()
trap_table.table()

# %% [markdown] lang="en"
# `try_it` runs one of them again and shows its code: PyTorch, plain Jittor, and the fix. Change the number.

# %% [markdown] lang="zh"
# `try_it` 重新运行其中一个，并把代码并排显示：PyTorch、原样的 Jittor、修正后的写法。换个编号试试。

# %%
try_it(24)  # an image divided by 255

# %%
try_it(3)  # adaptive pooling

# %%
try_it(41)  # the scheduler

# %% [markdown] lang="en"
# How can they be found? A trap that raises finds you. Of the silent ones `porting check` sees some in the source; all others show in values alone.

# %% [markdown] lang="zh"
# 怎样才能发现它们？报错型的会自己找上门。静默型的，`porting check` 能从源码里看出一部分；其余的只有比较数值才能发现。

# %% tags=["slide"]
themes, ways, counts = trap_table.found_how()
loud, seen, unseen = counts.sum(0)
figure, ax = plt.subplots(figsize=(8, 2.4))
left = np.zeros(len(themes))
for way, values, colour in zip(ways, counts.T, (GREY, BLUE, ORANGE), strict=True):
    ax.barh(themes, values, left=left, color=colour, label=way)
    left += values
ax.invert_yaxis()
ax.legend(loc="lower right")
plt.show()
classroom.say(
    f"Of {counts.sum()} traps {loud} raise an error, {seen} silent ones are seen in the source, "
    f"and {unseen} only by comparing values.",
    f"{counts.sum()} 个陷阱中，{loud} 个会报错，{seen} 个静默的能从源码看出，{unseen} 个只有比较数值才能发现。",
)

# %% [markdown] lang="en"
# ### ✎ 02.6 · Which lengths give it away? · analyse ●●○
#
# Trap 3: `nn.AdaptiveAvgPool2d((1, 3))` takes other windows in Jittor. For which lengths L from 3 to 12 do the two frameworks really give different values? Answer with a list in ascending order. (`ops.adaptive_avg_pool` gives PyTorch's values.) Predict first, then try.

# %% [markdown] lang="zh"
# ### ✎ 02.6 · 哪些长度会暴露它？ · 分析 ●●○
#
# 陷阱 3：`nn.AdaptiveAvgPool2d((1, 3))` 在 Jittor 里取的窗口不同。长度 L 从 3 到 12，哪些长度下两个框架的结果真的不同？按从小到大写成列表。（`ops.adaptive_avg_pool` 给出的就是 PyTorch 的值。）先预测，再试。

# %% tags=["exercise"]
lengths = ...
classroom.check("02.6", lengths)

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 02.7 · Four symptoms · analyse ●●○
#
# Four ports, one symptom each. Which trap of the table explains it best? Answer with a list of four numbers, for a, b, c and d.
#
# - a: The loss falls as in the original, but the accuracy that the training loop prints stays at 0.
# - b: Training is right in every step. Evaluation is worse than the original's, a lot with batches of 4 and hardly with batches of 64.
# - c: Runs with seeds 0 and 1 begin with the same weights, so they end almost alike.
# - d: The log says that gradients are clipped to norm 1. A reader computes the norm after the step: it is 40.

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 02.7 · 四种症状 · 分析 ●●○
#
# 四个移植，各有一种症状。表中哪个陷阱最能解释它？写成四个编号的列表，依次对应 a、b、c、d。
#
# - a：损失和原版一样下降，训练循环打印的准确率却一直是 0。
# - b：训练的每一步都对。评估比原版差，批大小为 4 时差很多，为 64 时几乎看不出。
# - c：种子 0 和种子 1 的两次运行，初始权重相同，结果也几乎一样。
# - d：日志说梯度已裁剪到范数 1。有人在走完一步后计算范数，得到 40。

# %% tags=["exercise"]
traps = ...
classroom.check("02.7", traps)

# %% [markdown] lang="en"
# ### ✎ 02.8 · A schedule · apply ●○○
#
# With `lr=0.8` and `jt.lr_scheduler.StepLR(optimizer, 1, 0.5)`, what are the learning rates of the first four epochs in plain Jittor, if the scheduler steps at the end of each? Answer with a list. (Trap 41.)

# %% [markdown] lang="zh"
# ### ✎ 02.8 · 学习率表 · 应用 ●○○
#
# `lr=0.8`，调度器是 `jt.lr_scheduler.StepLR(optimizer, 1, 0.5)`，每个 epoch 结束时走一步。在原样的 Jittor 里，前四个 epoch 的学习率各是多少？写成列表。（陷阱 41。）

# %% tags=["exercise"]
rates = ...
classroom.check("02.8", rates)

# %% [markdown] lang="en" tags=["slide"]
# ## 8 · Which port was caught in what ☆
#
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

# %% [markdown] lang="zh" tags=["slide"]
# ## 8 · 哪个移植中了哪些陷阱 ☆
#
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
# ## 9 · Searching the source, and testing ☆
#
# `check_source` (on the command line `bash script/run.sh porting check FILE`) reads a file's syntax without running it. Here is a small port with some traps planted:

# %% [markdown] lang="zh"
# ## 9 · 在源码里搜索，以及怎样测试 ☆
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
# It finds what is in a single file and looks wrong by itself: a loss that became a mean, a constant that becomes a parameter, a layer that Jittor computes in another way. It cannot check values: a division of negative numbers, an image in 8 bits, a sum that wraps. So a clean check is the beginning of a comparison, not its end. The comparison is a test, and a test has to be good enough to fail:

# %% [markdown] lang="zh"
# 它能看出的，是单个文件里本身就可疑的写法：变成平均值的损失、变成参数的常量、计图算法不同的层。它看不到数值：负数的整除、8 位的图像、溢出的求和。所以检查通过只是比较的开始，不是结束。而比较就是测试，测试要足够好，才会在该失败的时候失败：

# %% [markdown] lang="en"
# ### ✎ 02.9 · A test that refuses wrong ports · create ●●○
#
# Write `is_wrong(port)`. It gets a port of CTEN's threshold (exercise 02.2; here NumPy [B, S] in, NumPy [B] out) and returns True if the port is wrong. It is tried on right and on wrong ports that you do not see.

# %% [markdown] lang="zh"
# ### ✎ 02.9 · 能拒绝错误移植的测试 · 创造 ●●○
#
# 写 `is_wrong(port)`：参数是 CTEN 阈值的一个移植（见练习 02.2；这里输入 NumPy [B, S]，输出 NumPy [B]），移植有错就返回 True。检查会拿你看不到的正确和错误的移植来试。


# %% tags=["exercise"]
def is_wrong(port):
    """Whether this port computes other thresholds than 0.7 max + 0.3 min of each row."""
    ...


classroom.check("02.9", is_wrong)

# %% [markdown] lang="en"
# ## 10 · Time and size ☆
#
# Jittor is **lazy**: an operation is only recorded, and executed when its values are needed (trap 51). A clock read right after the call measures the time for recording, which hardly depends on the network. The *forward time* in the public port of TSL-Net is measured in this way.
#
# Some layers are correct but slow. **`Conv3d`** is the one that matters here: Jittor passes 2-D convolutions to oneDNN, but computes 3-D ones in its own loops. `jacklib.ops.Conv3d` passes them to oneDNN too. The cell below times both, with a warm-up and waiting before each reading:

# %% [markdown] lang="zh"
# ## 10 · 时间与大小 ☆
#
# Jittor 是**惰性**的：写下一个运算时只是记录下来，直到需要取值时才真正执行（陷阱 51）。调用之后马上计时，测到的是“记录”的时间，和网络大小几乎无关。TSL-Net 公开移植报告的*前向时间*就是这样量的。
#
# 有些层数值没错，只是太慢。这里最要紧的是 **`Conv3d`**：Jittor 把二维卷积交给 oneDNN，三维卷积却用自己的循环来算。`jacklib.ops.Conv3d` 会把三维的也交给 oneDNN。下面对两者计时：先热身，每次看表之前都等待：


# %%
def milliseconds(layer, x, times=4):
    """The shortest of some runs; the first one compiles the operator."""
    taken = []
    for _ in range(times):
        jt.sync_all(True)
        start = time.perf_counter()
        held = layer(x)  # a Var that nobody holds is never computed
        jt.sync_all(True)
        taken.append(1000 * (time.perf_counter() - start))
        del held
    return min(taken[1:])


runtime.seed(0)
clip = jt.rand(1, 32, 8, 28, 28)
theirs_layer, our_layer = nn.Conv3d(32, 32, 3, padding=1), ops.Conv3d(32, 32, 3, padding=1)
our_layer.load_state_dict(theirs_layer.state_dict())
ok = cmp("Conv3d, the two layers", our_layer(clip), theirs_layer(clip).numpy())
slow, fast = (milliseconds(layer, clip) for layer in (theirs_layer, our_layer))
print(f"jittor.nn.Conv3d {slow:.1f} ms, jacklib.ops.Conv3d {fast:.1f} ms: {slow / fast:.0f} times")

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
# ## Quiz
#
# One letter for each question; run the cell again to read what there is to say.

# %% [markdown] lang="zh"
# ## 小测验
#
# 每题填一个字母，再运行一次，就能看到对你的选择的说明。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("02", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# The same line can mean something else in Jittor, and most such lines raise no error. The source shows some of them; the others show only when values are compared, on inputs that do not hide them. A loss, a threshold or a schedule that is slightly another one still trains, which is why a falling loss proves nothing.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 同一行代码在 Jittor 里可能是另一个意思，而且大多不报错。有些从源码就能看出，其余的只有用不会掩盖它们的输入比较数值才能发现。损失、阈值或学习率表稍有不同，网络照样能训练，所以损失下降什么也证明不了。

# %% [markdown] lang="en"
# ## References
#
# - Hu et al., *Jittor: a novel deep learning framework with meta-operators and unified graph execution*, Science China Information Sciences, 2020.
# - Ioffe and Szegedy, *Batch Normalization*, ICML 2015. (Its algorithm 2 uses the unbiased variance for inference.)
# - Kingma and Ba, *Adam*, ICLR 2015.
# - The issues of Jittor that are linked above.
#
# ## To go on
#
# Run `porting check` on a port of your own; if you find a new trap, add it to `jacklib/porting/traps.yaml`. Then **03_porting_a_network**: from one line to a whole network, compared layer by layer.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Hu 等，*Jittor: a novel deep learning framework with meta-operators and unified graph execution*，Science China Information Sciences，2020。
# - Ioffe、Szegedy，*Batch Normalization*，ICML 2015。（其算法 2 在推理时使用无偏方差。）
# - Kingma、Ba，*Adam*，ICLR 2015。
# - 上文链接的各个 Jittor issue。
#
# ## 接下来
#
# 用 `porting check` 检查自己的移植；发现新的陷阱，就加进 `jacklib/porting/traps.yaml`。接下来是 **03_porting_a_network**：从一行代码到一整个网络，逐层比较。
