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
# # 03 · Porting a network: TSL-Net, and a clinic for sick ports
#
# | | |
# |---|---|
# | **Needs** | this repository and `02_porting_traps`; no GPU, no download, no PyTorch |
# | **Takes** | 1 to 3 minutes on two idle CPU cores, longer if PyTorch is installed and has to run; the very first time 5 to 8 minutes, while Jittor compiles its operators |
# | **You will see** | TSL-Net ported from PyTorch to Jittor piece by piece, every piece compared; both files side by side; and twelve small ports with one bug each, which you find, and whose training curves you then study |
# | **Why** | six of these bugs are in published ports of this kit's networks. In four of them the training curve looks normal |
#
# Read and run the cells in order, or choose *Run → Run All Cells*: unfinished exercises do not stop it. If PyTorch is not installed, the results stored when this notebook was built are used.

# %% [markdown] lang="zh"
# # 03 · 移植一个网络：TSL-Net，以及一间移植诊所
#
# | | |
# |---|---|
# | **需要** | 本仓库，并先看过 `02_porting_traps`；不需要 GPU，不用下载，也不用装 PyTorch |
# | **用时** | 双核 CPU 空闲时 1 到 3 分钟，装了 PyTorch 时要实际运行它，会久一些；第一次运行要等 Jittor 编译算子，约 5 到 8 分钟 |
# | **你会看到** | TSL-Net 怎样一块一块从 PyTorch 搬到 Jittor，每一块都当场比对；两个文件并排对照；还有十二个各带一个毛病的小移植，由你来找病因，再看它们的训练曲线 |
# | **为什么** | 其中六个毛病就出在本套件几个网络的公开移植里。有四个从训练曲线上看不出异样 |
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没做的练习不会中断运行。没装 PyTorch 时，用的是生成本笔记本时存下的数值。仓库里保存的输出是英文版运行时生成的；自己运行一遍，控件和提示就会变成中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib import ops  # jacklib comes first: it prepares Jittor
from jacklib.porting import clinic
from jacklib.teaching import classroom

classroom.language(LANG)


import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image, Markdown, display
from jittor import nn

from jacklib.networks import tsl_net
from jacklib.porting import (
    Reference,
    changes,
    check_text,
    cmp,
    compare,
    compare_network,
    count_changes,
    pytorch,
)
from jacklib.porting.picture import comparison_figure, diff_figure, parts, porting_widget
from jacklib.widgets.drawing import png_bytes

plt.rcParams.update({"figure.dpi": 80, "figure.constrained_layout.use": True, "font.size": 9})
BLUE, RED = "#0072B2", "#D55E00"
rng = np.random.default_rng(0)


def normal(*shape):
    """Random numbers, the same on every machine."""
    return rng.standard_normal(shape).astype(np.float32)


# %% [markdown] lang="en"
# ## 1 · Why ports fail silently
#
# A port that crashes gets fixed. A port that runs, and whose loss goes down, gets published. Networks are forgiving: they learn despite a wrong layer, and the accuracy ends a little lower, a little higher, or where it was. It does not show whether the network is the one in the paper.
#
# The public Jittor ports of this kit's four networks ran on earlier versions of Jittor, were trained, and their results were reported. Comparing them with the PyTorch originals, we found, among others (notebook 02 has more):
#
# | port | what differs | patient |
# |---|---|---|
# | VAANet | the loss weights the mean, where each video's own loss should be weighted | G |
# | CTEN | re-sampled clips come with height and width swapped, unlike those of the first pass | F |
# | TSL-Net | every focal weight of the frame loss is multiplied by the same mean, since `BCELoss` returns a single value | H |
# | TSL-Net | logsumexp is written as log(sum(exp)), which overflows | L |
# | Gait | the fixed body graph is trained | J |
# | Gait | the learned graph starts at 1e-6 · A instead of 1e-6 | K |
#
# You will meet each of them below as a small patient. None raises an error. So a port is finished neither when it runs nor when it trains, but when its **numbers** equal the original's. That means the same weights, the same input, and then
#
# 1. the **output of every layer**,
# 2. the **loss** and the **gradient** of every weight,
# 3. what **one optimizer step** changes, and what it does not,
# 4. what training **starts** from.

# %% [markdown] lang="zh"
# ## 1 · 移植为什么会出错却不报错
#
# 一运行就报错的移植会得到修复；能运行、损失也在下降的移植就直接发布了。网络的容错性很强：某一层错了，它仍能学习，最后准确率略低、略高，或者不变。只看准确率，无法判断它是不是论文里的那个网络。
#
# 本套件四个网络的公开 Jittor 移植，在早先的 Jittor 上都能跑、训练过，也报告了结果。与 PyTorch 原版逐行对照，我们发现了这些（更多的见笔记本 02）：
#
# | 移植 | 哪里不同 | 病人 |
# |---|---|---|
# | VAANet | 损失本应逐个视频加权，却变成给平均值加权 | G |
# | CTEN | 重新采样的片段高和宽对调了，第一遍的却没有 | F |
# | TSL-Net | `BCELoss` 只给一个数，帧损失的每个 focal 权重都乘上了同一个平均值 | H |
# | TSL-Net | logsumexp 写成了 log(sum(exp))，会溢出 | L |
# | 步态 | 本该固定的人体图被训练了 | J |
# | 步态 | 可学习的图应从 1e-6 开始，却从 1e-6 · A 开始 | K |
#
# 后面每一个都会作为一个小“病人”出现，没有一个会报错。所以，能跑不算移植完成，能训练也不算；**数值**与原版一致才算。也就是用同样的权重、同样的输入，再比较：
#
# 1. **每一层的输出**；
# 2. **损失**，以及每个权重的**梯度**；
# 3. **优化器走一步**改了什么、没改什么；
# 4. 训练从什么**初值**开始。

# %% [markdown] lang="en"
# ## 2 · TSL-Net, piece by piece
#
# The two files are `jacklib/reference/tsl_net.py` (PyTorch) and `jacklib/networks/tsl_net.py` (Jittor). `piece` shows a class or function of both, line beside line. Grey lines are the same; blue lines (≈) differ in names only, orange ones (≠) in calls; green (+) and red (−) ones exist on one side only. You do not need notebook 06 for this.

# %% [markdown] lang="zh"
# ## 2 · 一块一块移植 TSL-Net
#
# 两个文件分别是 `jacklib/reference/tsl_net.py`（PyTorch）和 `jacklib/networks/tsl_net.py`（Jittor）。`piece` 把两边同一个类或函数逐行并排显示：灰色表示相同；蓝色（≈）只是名字不同，橙色（≠）换了调用；绿色（+）、红色（−）只有一边有。不需要先看 06 里对网络的讲解。


# %%
def piece(name, texts=None):
    """Show a class or function of both files."""
    texts = texts or changes.sources("tsl")
    rows = changes.side_by_side(*texts)
    part = next(p for p in parts(rows, *texts) if p.name == name)
    figure = diff_figure(rows[part.start : part.end], count=80, title=name, lang=LANG)
    display(Image(png_bytes(figure)))


piece("audio_extractor")

# %% [markdown] lang="en"
# **Piece 1, the audio extractor.** Only names seem to change: `nn.Conv2d` became `Conv2d`. But the names without `nn.` are from `jacklib.ops`, and three of them matter. Jittor's own `AvgPool2d((4, 3))` raises on a map of 4 × 3 (trap 1 of notebook 02); its `BatchNorm` keeps the biased variance for evaluation (trap 5), silently. `ops.Conv2d` is there for speed: its results are the same.
#
# `compare` builds the PyTorch piece in a process of its own, gives both the same weights, runs both, and takes one step of SGD. (The last column is the gradient of a layer's own weights.)

# %% [markdown] lang="zh"
# **第 1 块：音频特征提取器。** 看上去只是换了名字：`nn.Conv2d` 变成 `Conv2d`。但去掉 `nn.` 的名字来自 `jacklib.ops`，其中几处很重要：Jittor 自带的 `AvgPool2d((4, 3))` 遇到 4 × 3 的特征图会报错（02 的陷阱 1）；它的 `BatchNorm` 评估时用的是有偏方差（陷阱 5），而且不报错。`ops.Conv2d` 则是为了速度，数值一样。
#
# `compare` 在单独的进程里建起 PyTorch 的那一块，给两边同样的权重，各跑一遍，再各用 SGD 走一步。（最后一列是该层自身权重的梯度。）

# %%
sound = normal(2, 1, 96, 60)
found = compare(
    tsl_net.audio_extractor(8), Reference("jacklib.reference.tsl_net:audio_extractor", {"d": 8}),
    [sound], training=True,
)  # fmt: skip
print(found)

# %% [markdown] lang="en"
# **Piece 2, the neighbours.** The audio of each snippet is combined with that of the snippets before and after it, in a circle. Jittor accepts PyTorch's `roll` unchanged, so only the name `torch.` differs. Functions without weights need no `compare`: `pytorch` runs the reference's own function, and `cmp` compares the two results. Rolling left instead of right gives the same shape, so look at values, not shapes.

# %% [markdown] lang="zh"
# **第 2 块：相邻小段。** 每个小段的音频要与前一段和后一段拼接，首尾相接。Jittor 直接接受 PyTorch 的 `roll`，所以只有 `torch.` 换了名字。没有权重的函数用不着 `compare`：`pytorch` 直接运行参考实现的函数，`cmp` 比较两边的结果。左移写成右移，形状也一样，所以要看数值，不能只看形状。

# %%
piece("with_neighbours")
a = normal(1, 5, 2, 3)
theirs = pytorch(
    "from jacklib.reference.tsl_net import with_neighbours\nwith_neighbours(a)", a=a
)  # fmt: skip
ok = cmp("with_neighbours", tsl_net.with_neighbours(jt.array(a)), theirs)
swapped = jt.concat([jt.array(np.roll(a, -1, 1)), jt.array(a), jt.array(np.roll(a, 1, 1))], dim=2)
ok = cmp("the wrong way round", swapped, theirs)

# %% [markdown] lang="en"
# **Piece 3, reverse mapping.** `clamp(min=...)`, `.T`, `square()` and a safe `logsumexp` have other names or none in Jittor. For the first three both files use a form that both frameworks accept: `clamp(1e-24)`, `transpose(0, 1)`, `x * x`. `logsumexp` comes from `jacklib.ops`. The public port wrote it as `log(sum(exp(x)))`: mathematically the same, but a different value once an exponential overflows. The inputs here are cosines, which are at most 1, so on *this* network the two agree. The formula is a trap all the same: patient L has larger values.

# %% [markdown] lang="zh"
# **第 3 块：反向映射。** `clamp(min=...)`、`.T`、`square()` 和不会溢出的 `logsumexp`，在 Jittor 里要么换了名字，要么没有。前三个，两个文件都改用两个框架都接受的写法：`clamp(1e-24)`、`transpose(0, 1)`、`x * x`；`logsumexp` 来自 `jacklib.ops`。公开移植把它写成 `log(sum(exp(x)))`：数学上相同，可指数一旦溢出，得到的就是另一个数。这里输入的是余弦，最大为 1，所以在*这个*网络上两种写法一致；但它仍是个陷阱，病人 L 里的数就大得多。

# %%
piece("unit")
piece("ReverseMapping")
fused, own = normal(1, 16, 6), normal(1, 6, 8)
found = compare(
    tsl_net.ReverseMapping(8, 16),
    Reference("jacklib.reference.tsl_net:ReverseMapping", {"d": 8, "n": 16}),
    [fused, own],
)  # fmt: skip
print(found)
cosines, hot = np.float32([[0.3, 0.9, -0.2]]), np.float32([[30, 90, -20]])
for name, x in (("cosines", cosines), ("hundred times as large", hot)):
    theirs = pytorch("torch.logsumexp(x, dim=1)", x=x)
    ok = cmp(f"{name}: ops.logsumexp", ops.logsumexp(jt.array(x), 1), theirs)
    ok = cmp(f"{name}: log(sum(exp))", jt.array(x).exp().sum(1).log(), theirs)

# %% [markdown] lang="en"
# **Piece 4, both modalities and the neck.** Hardly any line changes by more than a name. Ports often change far more: `transpose(1, 2)` becomes `transpose(0, 2, 1)`, `cat` becomes `concat`. Does any of that *have* to change? The next cell tries PyTorch idioms unchanged in Jittor.

# %% [markdown] lang="zh"
# **第 4 块：两种模态与 neck。** 几乎每一行都最多换个名字。许多移植改得多得多：`transpose(1, 2)` 变成 `transpose(0, 2, 1)`，`cat` 变成 `concat`。这些*必须改*吗？下一格在 Jittor 里把 PyTorch 的写法原样试一遍。

# %%
piece("ClipNet.forward")
x = jt.array(normal(1, 4, 6))
for idiom in (
    "x.transpose(1, 2)", "x.flatten(0, 1)", "x.roll(1, dims=1)", "x.split(3, dim=1)[1]",
    "x.view(4, 6)", "x.sum(dim=1)", "x.square()", "x.sum(dim=1, keepdim=True)",
    "x @ x.transpose(1, 2)", "x[0].T", "x.clamp(min=0.5)", "x.amax(dim=1)",
    "x.topk(2, dim=1).values", "jt.logsumexp(x, dim=1)", "jt.cat([x, x], dim=2)",
    "x.double().dtype",
):  # fmt: skip
    try:
        answer = eval(idiom)
        print(f"{idiom:28} takes it: {list(getattr(answer, 'shape', [])) or answer}")
    except Exception as error:
        print(f"{idiom:28} raises {type(error).__name__}: {str(error).splitlines()[-1][:60]}")

# %% [markdown] lang="en"
# Idioms that Jittor accepts usually give the right numbers; those it does not accept usually raise an error. The risk of a port lies in neither, but in lines that run and mean something else.
#
# **Piece 5, the mean of the best clips.** PyTorch's `topk` returns a named tuple (`.values`), Jittor's a plain tuple; `[0]` is the values in both. Beware of similar functions: Jittor's `argsort` returns (index, value) where PyTorch's returns the index alone. The gradient matters as well: it must flow to the chosen snippets and to no other.

# %% [markdown] lang="zh"
# Jittor 接受的写法，数值大多正确；不接受的大多会报错。风险不在这两种里，而在那些能运行、含义却变了的行里。
#
# **第 5 块：最好的几个小段的平均。** PyTorch 的 `topk` 返回带名字的一对值（`.values`），Jittor 的只是普通元组；`[0]` 在两边都是数值。同类的函数却要小心：Jittor 的 `argsort` 返回（下标，值），PyTorch 的只返回下标。梯度也要查：只能传给选中的小段，不能传给别的。

# %%
piece("top_mean")
x, weight = normal(1, 6, 2), normal(1, 2)
theirs, gradient = pytorch(
    """
    from jacklib.reference.tsl_net import top_mean
    x = x.requires_grad_()
    y = top_mean(x, 2)
    (y * weight).sum().backward()
    y.detach(), x.grad
    """,
    x=x, weight=weight,
)  # fmt: skip
var = jt.array(x)
ours = tsl_net.top_mean(var, 2)
ok = cmp("top_mean", ours, theirs)
ok = cmp("its gradient", jt.grad((ours * jt.array(weight)).sum(), var), gradient)

# %% [markdown] lang="en"
# **Piece 6, scores.** Sigmoids and slices. The one green line is convenience: the port also accepts NumPy arrays and converts them to Vars (`as_floats`).

# %% [markdown] lang="zh"
# **第 6 块：得分。** 无非是 sigmoid 和切片。唯一一行绿色的只为方便：移植版也接受 NumPy 数组，自己转成 Var（`as_floats`）。

# %%
piece("TSLNet.forward")

# %% [markdown] lang="en"
# **Piece 7, the loss.** It is in `losses.py`. Each element's cross entropy is weighted by how wrong its score is, so the elements are needed one by one: `reduction="none"`. Jittor's `BCELoss` has mean and sum only, and the public port used the mean. The result:

# %% [markdown] lang="zh"
# **第 7 块：损失。** 它在 `losses.py` 里。每个元素的交叉熵要按它错得多厉害来加权，所以必须逐个元素算：`reduction="none"`。Jittor 的 `BCELoss` 只会求平均或求和，公开移植就用了它的平均值。结果会怎样：

# %%
PACKAGE = changes.FOLDER
losses = tuple((PACKAGE / name).read_text(encoding="utf-8") for name in
               ("reference/losses.py", "networks/losses.py"))  # fmt: skip
piece("_focal", losses)
scores = np.float32([[[0.9, 0.1, 0.2], [0.2, 0.3, 0.6]]])
target = np.float32([[[0.9, 0.1, 0.1], [0.9, 0.1, 0.1]]])
weight = np.ones((1, 2, 1), np.float32)
theirs = pytorch(
    """
    from jacklib.reference.losses import _focal
    _focal(scores, target, target, 1 - target, weight)
    """,
    scores=scores, target=target, weight=weight,
)  # fmt: skip
from jacklib.networks.losses import _focal

s, t = jt.array(scores), jt.array(target)
ok = cmp("the port", _focal(s, target, target, 1 - target, weight), theirs)
distance = (1 - s) * t + s * (1 - t)
lost = (distance.sqr() * nn.BCELoss()(s, t)).sum() / 2
ok = cmp("reduction lost", lost, theirs)

# %% [markdown] lang="en"
# ### All of it, side by side
#
# Choose a part from the menu, move over the lines, or tick *only what changes*. (On a page without a running kernel, such as GitHub, only the first figure is shown.)

# %% [markdown] lang="zh"
# ### 整个文件并排看
#
# 从菜单里选一部分，拖动滑块翻看各行，或者勾选*只看改动*。（在 GitHub 这类没有内核运行的页面上，只能看到第一张图。）

# %%
explorer = porting_widget("tsl", lang=LANG)
explorer.choose("ReverseMapping.forward")
explorer

# %%
every = porting_widget("vaanet", lang=LANG)
every.only.value = True
every

# %% [markdown] lang="en"
# ## 3 · How many lines does a port change?
#
# About ten lines are said to have changed in the port of TSL-Net. Let us count; comments, docstrings and blank lines are left out.

# %% [markdown] lang="zh"
# ## 3 · 移植要改多少行？
#
# 有人说 TSL-Net 只要改十来行。我们数一数；注释、文档字符串和空行都不算。

# %%
counts = count_changes()
display(Markdown(changes.table(counts)))
tsl = counts["tsl"]
print(f"TSL-Net: {tsl['total']} of {tsl['lines']} lines differ; only in the port: {tsl['port']}")

# %% [markdown] lang="en"
# Ten is right, and so is fifty: it depends on what you count.
#
# - **name**: the same line once `torch.` reads `jt.`, `forward` reads `execute` and `Tensor` annotations are gone. Search and replace does these, so they hardly count as work. TSL-Net has the most of them.
# - **call**: the same meaning in another call. TSL-Net has three: an array becomes a Var, a list of parameters is one already, and the signature is shorter.
# - **port**, **reference**: lines that exist on one side only. TSL-Net has one of the port, the convenience of piece 6, and two of the reference, the rest of that signature. All that is not a name or an import comes to six lines here.
# - **import**: four lines, and the most important of all. `from jacklib.ops import AvgPool2d, BatchNorm, ...` brings in the fixed operators. They are in another file, which is not counted here at all.
#
# Gait needs most: its port keeps the channels last, because many small operators cost time in Jittor, and takes the graph convolution that the reference spells out (17 of its 19 lines are that and the convolution) from `jacklib.ops.graph`, as one operator. A small count shows that the frameworks are alike. It does not show that the port is right: two bugs of the public port of TSL-Net are one line each.

# %% [markdown] lang="zh"
# 说十行没错，说五十行也没错，要看数的是什么：
#
# - **name**（换名字）：把 `torch.` 换成 `jt.`、`forward` 换成 `execute`、去掉 `Tensor` 标注，就是同一行。查找替换就能完成，算不上工作量。TSL-Net 里这种最多。
# - **call**（换调用）：意思相同，写法不同。TSL-Net 有三行：数组变成 Var；参数列表本来就是列表；函数签名短一些。
# - **port**、**reference**（只在一边）：TSL-Net 只在移植版的有一行，就是第 6 块里图方便的转换；只在参考版的有两行，是那个签名余下的部分。除去名字和导入，这里一共六行。
# - **import**（导入）：四行，却最重要。修复过的算子就是从 `from jacklib.ops import AvgPool2d, BatchNorm, ...` 进来的；那是另一个文件，这里根本没有数进去。
#
# 步态网络改得最多：Jittor 里零碎的小算子很费时间，移植版就把通道放到最后一维，并把参考版逐行写出的图卷积换成 `jacklib.ops.graph` 里的一个算子（只在参考版的 19 行里，17 行是它和卷积）。改动少，只说明两个框架相像，不说明移植正确：TSL-Net 公开移植里就有两个毛病，各自都只有一行。

# %% [markdown] lang="en"
# ## 4 · The whole network, and one step
#
# Now everything together, with the training loss: one video of 24 snippets, the classroom's size, batch statistics as in training. `compare_network("tsl")` is `compare` with these inputs.

# %% [markdown] lang="zh"
# ## 4 · 整个网络，再走一步
#
# 现在把所有部分合起来，连同训练用的损失：一段 24 个小段的视频，课堂版的规模，像训练时一样使用批统计量。`compare_network("tsl")` 就是用这些输入做 `compare`。

# %%
whole = compare_network("tsl")
print(whole)

# %%
display(Image(png_bytes(comparison_figure(whole, LANG))))

# %% [markdown] lang="en"
# Read the figure from top to bottom, in the order of the data flow. Differences of 1e-6 are rounding: both frameworks add in single precision, each in its own order. They grow slowly along the way, about tenfold at most, and stay far below the limit; a slightly wrong layer would raise the difference of everything after it. The dashed lines are `compare`'s limits for outputs and gradients; with a bug, a layer and everything after it usually lie far to the right of them. So the **first** layer to cross the line is the one to look at, and `compare` reports it.
#
# The last line of the table is the optimizer step: both networks updated their weights with their own gradients, and both have the same loss afterwards. Many ports skip this test.

# %% [markdown] lang="zh"
# 图从上往下看，就是数据流经网络的顺序。1e-6 左右的差异只是舍入误差：两边都用单精度，求和的次序各不相同。一路上它们增长得很慢，最多十倍左右，离界限还很远；要是哪一层有点错，它后面的各层都会被抬高。虚线是 `compare` 给输出和梯度划的界限。真有毛病，通常会远远落到线的右边，它后面的各层也是如此。所以要看**最先**越线的那一层，`compare` 报告的也正是它。
#
# 表的最后一行是优化器的一步：两个网络各按自己的梯度更新权重，之后的损失仍然相同。很多移植都漏了这项检查。

# %% [markdown] lang="en"
# ## 5 · First exercise: a port of your own
#
# Each exercise checks itself: ✓ right, ✗ wrong with a hint, ○ not done yet. Write your answer below `your answer here` and run the cell again.
#
# **Exercise 1.** Port this head of TSL-Net. The layers are given; write `execute`. The check is `compare`: outputs, gradients, step.

# %% [markdown] lang="zh"
# ## 5 · 第一个练习：自己动手移植
#
# 每个练习都会自己检查：✓ 对，✗ 错（附提示），○ 还没做。在注明“在这里作答”的地方写代码，再运行一次该格。
#
# **练习 1。** 移植 TSL-Net 的这个输出头。层已经建好，请写出 `execute`。检查用的就是 `compare`：输出、梯度、走一步。

# %%
HEAD = """
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.neck = nn.Conv1d(6, 8, 3, padding=1)
        self.classifier = nn.Conv1d(8, 3, 1, bias=False)

    def forward(self, x):  # [B, T, 6] -> [B, 2], the video's score
        x = torch.relu(self.neck(x.transpose(1, 2)))
        each = torch.sigmoid(self.classifier(x)).transpose(1, 2)  # [B, T, 3]
        classes, background = each[:, :, :-1], each[:, :, -1:]
        fused = classes * (1 - background)
        return fused.topk(2, dim=1).values.mean(dim=1)
"""


class Head(nn.Module):
    def __init__(self):
        self.neck = ops.Conv1d(6, 8, 3, padding=1)
        self.classifier = ops.Conv1d(8, 3, 1, bias=False)

    def execute(self, x):
        ### BEGIN SOLUTION
        x = ops.relu(self.neck(x.transpose(0, 2, 1)))
        each = jt.sigmoid(self.classifier(x)).transpose(0, 2, 1)
        classes, background = each[:, :, :-1], each[:, :, -1:]
        return tsl_net.top_mean(classes * (1 - background), 2)
        ### END SOLUTION


head_input = np.random.default_rng(1).standard_normal((2, 5, 6)).astype(np.float32)


def head_agrees():
    try:
        found = compare(Head(), Reference("Head", code=HEAD), [head_input])
    except Exception:
        if Head()(jt.array(head_input)) is None:
            return ...
        raise
    print(found.verdict)
    return found.ok


ok = classroom.check_value(
    "1 a port of your own", head_agrees, True,
    hint="Go line by line; tsl_net.top_mean(fused, 2) is piece 5.",
    hint_zh="逐行来写；tsl_net.top_mean(fused, 2) 就是第 5 块。",
)  # fmt: skip

# %% [markdown] lang="en"
# ## 6 · The clinic
#
# Twelve patients, A to L. Each is a small network in the style of one of the four, with its PyTorch code, and a port with **one** bug. `clinic.show("A")` prints both versions; `clinic.patient("A")` returns everything that `compare` needs. Try to find the bug by reading first, as a reviewer would; then run `compare`.

# %% [markdown] lang="zh"
# ## 6 · 诊所
#
# 十二位病人，A 到 L。每位都是一个小网络，风格取自四个网络之一，附 PyTorch 代码和一个**只有一处**毛病的移植。`clinic.show("A")` 打印两边的代码，`clinic.patient("A")` 给出 `compare` 需要的一切。先像审稿人那样读代码找找看，再问 `compare`。

# %%
clinic.show("A")

# %%
sick = clinic.patient("A")
found = compare(
    sick.port, sick.reference, sick.inputs, loss=sick.loss, targets=sick.targets,
    training=sick.training, optimizer="SGD(lr=0.1)",
)  # fmt: skip
print(found)
display(Image(png_bytes(comparison_figure(found, LANG))))

# %% [markdown] lang="en"
# The four layers in `first` agree with the reference's, but `first` itself does not: so its own code is wrong, after or between these four. Everything after it differs as well, which tells nothing more. Can you find the line?
#
# For the other patients, `clinic.patient("B").compare()` does the same in one call. Here are the verdicts:

# %% [markdown] lang="zh"
# `first` 里面的四层与参考版一致，`first` 自己却不一致：错就在它自己的代码里，在这四层之后或之间。它后面的也都不同，但那说明不了什么。看出是哪一行了吗？
#
# 其他病人用 `clinic.patient("B").compare()` 一步完成。这是它们的诊断结果：

# %%
comparisons = {letter: clinic.patient(letter).compare() for letter in clinic.LETTERS}
for letter, found in comparisons.items():
    print(f"{letter} ({clinic.patient(letter).title})\n{found.verdict}\n")

# %% [markdown] lang="en"
# **Exercise 2 — outputs.** (a) For A, B, C, D and F: at which module do the outputs differ first? (b) Patient E lacks four parameters. How many different convolutions does its port really have? (c) Two axes are swapped in one patient. Which one? Read its code with `clinic.show` and find the line.

# %% [markdown] lang="zh"
# **练习 2——输出。** (a) 对 A、B、C、D、F：数值最先在哪个模块分开？(b) 病人 E 缺四个参数，它的移植里其实有几个不同的卷积？(c) 有一位病人的两个轴对调了，是哪一位？用 `clinic.show` 读它的代码，找到那一行。

# %%
modules = ...  # {"A": "first", "B": ..., "C": ..., "D": ..., "F": ...}
convolutions = ...
swapped_axes = ...  # a letter
### BEGIN SOLUTION
modules = {letter: comparisons[letter].first_layer for letter in "ABCDF"}
convolutions = 1
swapped_axes = "F"
### END SOLUTION
ok = classroom.check_value(
    "2a modules", modules, {letter: comparisons[letter].first_layer for letter in "ABCDF"},
    hint='The line "outputs" of each verdict names it, without "(call 2)"; comparisons["B"].first_layer too.',
    hint_zh='每份诊断的 "outputs" 一行写着（不带 "(call 2)"）；也可以看 comparisons["B"].first_layer。',
)  # fmt: skip
ok = classroom.check_value(
    "2b convolutions", convolutions, 1,
    hint="[layer] * 3 is a list that holds one object three times.",
    hint_zh="[layer] * 3 得到的列表里，是同一个对象放了三次。",
)  # fmt: skip
ok = classroom.check_value(
    "2c axes", swapped_axes, "F",
    hint='Look for "axes" in the verdicts above.', hint_zh='在上面的诊断里找 "axes"。',
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 3 — the loss.** For G and H every layer agrees but the loss does not. Both are missing the same keyword. (a) Which one? (b) By hand, as G intends: three videos have losses 1, 2 and 3, and the first has weight 1.5. What is the mean of the weighted losses? (c) And what does the faulty port compute, which weights the mean?

# %% [markdown] lang="zh"
# **练习 3——损失。** G 和 H 的各层都一致，损失却不一致。两者丢了同一个关键字参数。(a) 是哪一个？(b) 按 G 的本意手算：三个视频的损失是 1、2、3，第一个按 1.5 倍计。先加权再平均，损失是多少？(c) 有毛病的移植先平均再加权，得到多少？

# %%
keyword = ...  # a text
meant, computed = ..., ...
### BEGIN SOLUTION
keyword = "reduction"
meant, computed = (1.5 * 1 + 2 + 3) / 3, 2 * (1.5 + 1 + 1) / 3
### END SOLUTION
ok = classroom.check_value(
    "3a keyword", keyword, "reduction",
    hint='clinic.show("G"): what does the PyTorch loss have that the port\'s does not?',
    hint_zh='clinic.show("G")：PyTorch 的损失写了什么，移植里没有？',
)  # fmt: skip
ok = classroom.check_value(
    "3b meant", meant, 6.5 / 3, hint="(1.5 * 1 + 2 + 3) / 3", hint_zh="(1.5 * 1 + 2 + 3) / 3"
)
ok = classroom.check_value(
    "3c computed", computed, 7 / 3,
    hint="The mean of the losses, 2, times the mean of the weights.",
    hint_zh="损失的平均值 2，乘以权重的平均值。",
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 4 — one step.** For I and J outputs, loss and gradients agree. Only the step reveals something. (a) What changes differently in I, and what changes in J that should not? (Full names.) (b) I's batch has four samples. By which factor is the batch variance that the port computes smaller than PyTorch's?

# %% [markdown] lang="zh"
# **练习 4——走一步。** I 和 J 的输出、损失、梯度都一致，只有走一步才能看出来。(a) I 里什么的变化不同？J 里什么不该变却变了？（写全名。）(b) I 的一批有四个样本。移植从一批里统计出的方差，是 PyTorch 的几倍？

# %%
moves = ...  # {"I": ..., "J": ...}
factor = ...
### BEGIN SOLUTION
moves = {"I": "norm.running_var", "J": "graph.A"}
factor = 3 / 4
### END SOLUTION
ok = classroom.check_value(
    "4a what moves", moves, {"I": "norm.running_var", "J": "graph.A"},
    hint='The line "one step" of each verdict; comparisons["J"].trained.',
    hint_zh='看每份诊断的 "one step" 一行；也可以看 comparisons["J"].trained。',
)  # fmt: skip
ok = classroom.check_value(
    "4b factor", factor, 0.75,
    hint="The biased variance divides by n, the unbiased one by n - 1.",
    hint_zh="有偏方差除以 n，无偏方差除以 n - 1。",
)  # fmt: skip

# %% [markdown] lang="en"
# **Exercise 5 — what `compare` does not see.** K and L are reported as equal: `comparisons["K"].ok` is true. Something else reveals them (for K a line with `!` in the verdict above, for L nothing there). Try `comparisons["K"].starts` and `check_text(clinic.patient("L").port_code)`, and answer for each with one word of `clinic.KINDS`: `"weights"`, `"outputs"`, `"loss"`, `"step"`, `"start"` or `"source"`.

# %% [markdown] lang="zh"
# **练习 5——`compare` 看不见的。** K 和 L 都算一致：`comparisons["K"].ok` 为真。能看出问题的是别的地方（K 是上面结论里带 `!` 的那一行，L 在那里什么都没有）。试试 `comparisons["K"].starts` 和 `check_text(clinic.patient("L").port_code)`，各用 `clinic.KINDS` 里的一个词作答：`"weights"`、`"outputs"`、`"loss"`、`"step"`、`"start"` 或 `"source"`。

# %%
seen_in = ...  # {"K": ..., "L": ...}
### BEGIN SOLUTION
seen_in = {"K": "start", "L": "source"}
### END SOLUTION
ok = classroom.check_value(
    "5 seen in", seen_in, {letter: clinic.FILES[letter].finding.kind for letter in "KL"},
    hint="K: the values that training begins with. L: only a reader of the source, or check_text.",
    hint_zh="K：训练开始时的初值。L：只有读源码的人，或 check_text，才看得出。",
)  # fmt: skip

# %% [markdown] lang="en"
# K passes because `compare` gives both networks the *same* weights and compares what they compute; their initial weights are compared separately. L passes because nothing overflows on these inputs. **A comparison holds only for the inputs it was made with.** Larger inputs would have revealed the bug, and so would reading the source.
#
# **Exercise 6 — fix a patient.** Write H's `criterion` so that the port is equal.

# %% [markdown] lang="zh"
# K 能通过，是因为 `compare` 给两个网络*同样*的权重，只比它们拿权重做了什么；它们各自的初值另外比较。L 能通过，是因为这些输入没有造成溢出。**比较的结论只对所用的输入成立。** 输入大一些就会暴露，读源码也能看出来。
#
# **练习 6——治好一位病人。** 改写 H 的 `criterion`，让移植与原版一致。


# %%
def criterion(scores, target):
    """[B, T, 3] each -> a loss."""
    ### BEGIN SOLUTION
    distance = (1 - scores) * target + scores * (1 - target)
    each = ops.binary_cross_entropy(scores, target, reduction="none")
    return (distance.sqr() * each).sum(2).mean()
    ### END SOLUTION


def healed():
    sick = clinic.patient("H")
    sick.loss = criterion
    if criterion(jt.array(sick.targets[0]) * 0.9, jt.array(sick.targets[0])) is None:
        return ...
    found = sick.compare()
    print(found.verdict)
    return found.ok


ok = classroom.check_value(
    "6 heal H", healed, True,
    hint='ops.binary_cross_entropy(scores, target, reduction="none") gives the elements.',
    hint_zh='ops.binary_cross_entropy(scores, target, reduction="none") 逐个元素给出结果。',
)  # fmt: skip

# %% [markdown] lang="en"
# ### The diagnoses
#
# All twelve. Lines with − are from the faulty port, lines with + from the fixed one; six are from published ports. `porting check` reads the source only: its findings are in brackets.

# %% [markdown] lang="zh"
# ### 诊断书
#
# 十二位都在这里。− 是有毛病的行，+ 是改好的行；其中六个来自公开的移植。`porting check` 只读源码，它对每一位说了什么，写在方括号里。

# %%
for letter in clinic.LETTERS:
    clinic.diagnosis(letter)
    rules = [trap.rule for trap in check_text(clinic.patient(letter).port_code)]
    print(f"  [{', '.join(rules) or 'porting check sees nothing'}]\n")

# %% [markdown] lang="en"
# ## 7 · What a bug does to a training curve
#
# Most people check a port by training it. So let us train: each patient and its fixed port, five seeds each, with the same data, batches and first weights per seed. The lines are means over the seeds, the bands reach from the lowest to the highest. Upper rows: the loss *as each port computes it*, since that is what its author sees. Lower rows: the accuracy on new samples.

# %% [markdown] lang="zh"
# ## 7 · 毛病会怎样影响训练曲线
#
# 多数人靠训练来检验移植。那就来训练：每位病人和它治好后的移植各用五个种子，同一个种子的数据、批次和初始权重都相同。线是各种子的平均，色带从最低到最高。上面一行是*各自算出的*损失，移植的作者看到的就是它；下面一行是新样本上的正确率。

# %%
curves = {
    letter: (
        clinic.train(letter, healthy=True, seeds=range(5)),
        clinic.train(letter, seeds=range(5)),
    )
    for letter in clinic.LETTERS
}


# %%
def smooth(rows, width=10):
    """Means of `width` steps; a step that is no number leaves a gap."""
    return rows.reshape(len(rows), -1, width).mean(2)


def band(ax, x, rows, colour, style, label):
    ax.fill_between(x, rows.min(0), rows.max(0), color=colour, alpha=0.18, lw=0)
    ax.plot(x, rows.mean(0), style, color=colour, lw=1.5, label=label)


figure, axes = plt.subplots(6, 4, figsize=(11, 12.5))
for i, letter in enumerate(clinic.LETTERS):
    top, bottom = axes[2 * (i // 4)][i % 4], axes[2 * (i // 4) + 1][i % 4]
    for runs, colour, style, label in zip(
        curves[letter], (BLUE, RED), ("-", "--"), ("healthy", "sick"), strict=True
    ):
        loss = smooth(runs.loss)
        band(top, 10 * np.arange(loss.shape[1]) + 5, loss, colour, style, label)
        band(bottom, runs.checked, runs.score, colour, style, label)
        if not np.isfinite(runs.loss).all():
            when = [int(np.argmin(np.isfinite(r))) for r in runs.loss if not np.isfinite(r).all()]
            words = f"{len(when)} of {len(runs.loss)} runs: no\nnumber from step {min(when)}-{max(when)} on"
            top.text(0.98, 0.95, words, transform=top.transAxes, ha="right", va="top", color=RED)
    top.set_title(f"{letter} · {clinic.FILES[letter].brief}", fontsize=8.5, loc="left")
    top.set(ylabel="own loss", ylim=(0, None))
    bottom.set(ylabel="right, new samples", xlabel="step", ylim=(0, 1.03))
axes[0][0].legend(frameon=False)
plt.show()

# %% [markdown] lang="en"
# Curves can deceive, so look at the numbers. For each seed the two runs are a pair. The table has the final accuracy (mean of the last two evaluations), and the difference sick − healthy of the five pairs. "seen" means that all five pairs differ in the same direction by more than a point.

# %% [markdown] lang="zh"
# 曲线可能误导，再看数字。同一个种子的两次训练是一对。表里是训练结束时的正确率（最后两次检查的平均），以及五对“有病 − 健康”的差。“seen” 表示五对的差方向相同，而且都超过一个百分点。

# %%
visible = {}
print(f"   {'kind':8} {'healthy':>8} {'sick':>6}   difference of the five pairs")
for letter, (healthy, sick) in curves.items():
    ends = healthy.score[:, -2:].mean(1), sick.score[:, -2:].mean(1)
    pairs = ends[1] - ends[0]
    seen = (pairs > 0.01).all() or (pairs < -0.01).all()
    print(
        f"{letter}  {clinic.FILES[letter].finding.kind:8} {ends[0].mean():8.3f} {ends[1].mean():6.3f}   "
        + " ".join(f"{p:+.3f}" for p in pairs) + ("   seen" if seen else "")
    )  # fmt: skip
    visible[letter] = seen
caught = [letter for letter, seen in visible.items() if seen]
classroom.say(
    f"Seen by their curves: {len(caught)} of {len(visible)} ({', '.join(caught)}).",
    f"从曲线“看见”的：{len(visible)} 位里有 {len(caught)} 位（{'、'.join(caught)}）。",
)

# %% [markdown] lang="en"
# Look at those that were seen, and then at the others. The notes below are of a run on 2026-11-26; compare them with your table. (Five pairs that agree are what tossed coins do in 6% of cases, see *How to compare runs* in notebook 04; hence the second condition, a point at least.)
#
# - **B** does not learn, and its curve would make anyone look for the bug. **F** learns colours and not directions. (In this clinic half of the label is whether stripes are horizontal or vertical, so swapped axes do the most harm; in films they do less.) **C** loses some points. Without the healthy curve next to it, that would simply be taken for the network's accuracy.
# - **L** is fine for 60 steps or more, and then fails completely. With a smaller learning rate it may never happen, until somebody trains longer.
# - **A** and **E** are different networks, and learn about as well. **D** is even the same network, with its weight stored transposed: trained from scratch, no curve can show it. With released weights it is wrong at once.
# - **G** and **H** reach the same accuracy. Their own loss is *lower* than the healthy one's, because it is a different quantity. Compared with the original's log it looks like progress.
# - **I**: the losses are the same in every step. Only evaluation uses the running variance, and there the scores differ by half a point or so.
# - **J** does *better* in all five pairs, though in two of them by less than a point. It has more parameters to train; whether that is the reason we have not tested. Who would look for a bug then? (The public port of Gait reports 91.15%, the paper 90.37% for the same network. We do not know whether this bug contributes to the difference.)
# - **K** makes no difference to three decimals: 1e-6 is close to zero here. It is still a bug, but a harmless one. That, too, is known only after measuring.
#
# So of the six bugs of published ports, four (G, H, J, K) cannot be seen in training: nothing drops, nothing breaks. The tasks are tiny and their data simple, so the sizes of these effects do not carry over to the papers' data sets; that a training curve is a weak test does. `compare` finds F, G, H and J with one step of two or four samples, and K by its initial values; L is visible only in the source, or with larger inputs.

# %% [markdown] lang="zh"
# 先看被“看见”的，再看其余的。下面的说明出自 2026-11-26 的一次运行，请与你的表对照。（五对同号，抛硬币也有 6% 的机会，见 04 的“怎样比较两次运行”；所以还要求每对至少差一个百分点。）
#
# - **B** 根本学不会，谁看到这条曲线都会去找毛病。**F** 学会了颜色，学不会方向（这间诊所里，一半答案取决于条纹是横是竖，轴对调的打击最重；换成影片，影响会小些）。**C** 丢了几个百分点，要是旁边没有健康的曲线，人们只会认为这就是该网络的准确率。
# - **L** 前 60 多步一切正常，然后完全失效。学习率小一些，也许一直不出现，直到有人训练得更久。
# - **A** 和 **E** 成了别的网络，学得却差不多。**D** 甚至就是同一个网络，只是权重以转置形式存储：从零训练，任何曲线都看不出来；一旦加载别人发布的权重，立刻就错。
# - **G** 和 **H** 的正确率一样。它们自己的损失还比健康的*低*，因为那已经是另一个量。与原版的日志相比，反而像是有了进步。
# - **I** 每一步的损失都相同。只有评估时才用滑动方差，正确率差了半个百分点左右。
# - **J** 五对里都*更好*，不过有两对相差不到一个百分点。它可训练的参数更多；是不是这个原因，我们没有检验过。这时谁还会去找毛病？（步态网络的公开移植报告 91.15%，论文中同样的网络是 90.37%。这个差别是否与该毛病有关，我们不知道。）
# - **K** 到小数点后三位都没有差别：1e-6 在这里几乎等于零。它仍然是毛病，只是无害。而这一点，也要测过才知道。
#
# 所以，公开移植的六个毛病里，有四个（G、H、J、K）在训练中看不出异样：没有下降，也没有崩溃。这里的任务很小，数据也简单，效应的大小说明不了论文数据集上的情形；但训练曲线是个很弱的检验，这一点到哪里都一样。而 `compare` 用两到四个样本、走一步，就找出了 F、G、H 和 J，K 从初值看得出来；L 只有看源码，或者换更大的输入才看得出。

# %% [markdown] lang="en"
# ## 8 · Your own network: a checklist
#
# 1. Keep the PyTorch file's names and order. State dicts then map by name, and two files can be read side by side.
# 2. `bash script/run.sh porting check my_port.py`: traps that are visible in the source.
# 3. Fix what `jacklib.ops` fixes: pooling, batch normalisation, losses with `reduction="none"`, logsumexp, optimizers.
# 4. `compare(port, Reference("my_file.py:Net", options), inputs)`: outputs, layer by layer. Begin with the pieces. Use sizes that are all different (batch 2, 3 channels, 5 frames, 7 × 9 pixels): a square frame hides swapped axes, a batch of one hides a softmax over the batch.
# 5. The same with `loss=` and `targets=`, with `training=True`, and with your `optimizer=`: loss, gradients, one step. Read `starts` as well.
# 6. Load the released weights with `jacklib.weights.checkpoint.load_weights`, and reproduce a released *number*, not a curve.
# 7. Then train. If the curve differs, you know that it is not the port.
#
# From the command line, with PyTorch in an environment of its own (`JACK_TORCH_PYTHON` names its Python):

# %% [markdown] lang="zh"
# ## 8 · 移植自己的网络：检查清单
#
# 1. 名字和次序与 PyTorch 文件保持一致。这样 state dict 能按名字对上，两个文件也能并排读。
# 2. `bash script/run.sh porting check my_port.py`：找出源码里看得见的陷阱。
# 3. 换用 `jacklib.ops` 里修好的：池化、批归一化、带 `reduction="none"` 的损失、logsumexp、优化器。
# 4. `compare(port, Reference("my_file.py:Net", options), inputs)`：逐层比输出。先比各个部分。各维的大小都取不同的数（批 2、通道 3、帧数 5、画面 7 × 9）：方形画面会掩盖轴的对调，批大小为 1 会掩盖跨批的 softmax。
# 5. 再加上 `loss=`、`targets=`、`training=True` 和你用的 `optimizer=`：比损失、梯度和走一步。别忘了看 `starts`。
# 6. 用 `jacklib.weights.checkpoint.load_weights` 加载作者发布的权重，复现一个公布的*数值*，而不是一条曲线。
# 7. 最后才训练。这时曲线再有不同，你就知道问题不在移植。
#
# 在命令行里（PyTorch 装在单独的环境中，用 `JACK_TORCH_PYTHON` 指明它的 Python）：

# %%
print("""
bash script/run.sh porting check my_port.py            # traps in the source
bash script/run.sh porting compare tsl                 # this notebook's section 4
bash script/run.sh porting compare gait --all --picture gait.png --json gait.json
bash script/run.sh porting changes                     # section 3
bash script/run.sh porting changes tsl                 # and the lines themselves
""")

# %% [markdown] lang="en"
# **To go on:** plant a bug of your own in a port of section 2 and see whether `compare` locates it; give patient L inputs on which `compare` sees it (`patient.inputs = ...`; this needs PyTorch); compare a network of yours.

# %% [markdown] lang="zh"
# **还可以试试：** 在第 2 节的某一块里自己埋一个毛病，看 `compare` 能不能指出位置；给病人 L 换一组能让 `compare` 看出问题的输入（`patient.inputs = ...`，需要 PyTorch）；比较你自己的网络。

# %%
solved, total = classroom.summary()
