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
# # 03 · Porting a network: TSL-Net, and a clinic for sick ports
#
# | | |
# |---|---|
# | **You can afterwards** | port a network piece by piece and prove that it is equal; read a comparison of two networks and name the guilty module; diagnose a port by reading it; find inputs that hide a bug; judge what a training curve proves |
# | **You should know** | convolution, attention, batch normalisation, residual connections, cross entropy; the traps of notebook 02. What TSL-Net is for stands in section 2; notebook 06 explains it |
# | **Minutes** | you 170 · machine 4 (longer if PyTorch is installed and has to run; the very first time 5 to 8 more, while Jittor compiles) |
# | **Core** | sections 1, 2, 4 to 9; extra: 3, 10 |
# | **Needs** | this repository; no GPU, no download, no PyTorch (without it, the results stored when this notebook was built are used) |
# | **Paper** | Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 |
#
# Two lessons: sections 1 to 4 port a network, sections 5 to 9 are the clinic. Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it.

# %% [markdown] lang="zh" tags=["slide"]
# # 03 · 移植一个网络：TSL-Net，以及一间移植诊所
#
# | | |
# |---|---|
# | **学完你能** | 一块一块地移植网络，并证明它与原版一致；读懂两个网络的比较结果，指出出错的模块；靠读代码诊断移植；找出会掩盖毛病的输入；判断一条训练曲线能证明什么 |
# | **需要先会** | 卷积、注意力、批归一化、残差连接、交叉熵；笔记本 02 的陷阱。TSL-Net 的用途见第 2 节，详细讲解在笔记本 06 |
# | **用时（分钟）** | 你 170 · 机器 4（装了 PyTorch 时要实际运行它，会久一些；第一次运行要编译算子，再多 5 到 8 分钟） |
# | **必学** | 第 1、2 节，第 4 至 9 节；选学：3、10 |
# | **运行条件** | 本仓库；不需要 GPU，不用下载，也不用装 PyTorch（没有时使用生成本笔记本时存下的数值） |
# | **论文** | Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022 |
#
# 分两次课：第 1 至 4 节移植一个网络，第 5 至 9 节是诊所。可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。仓库里保存的输出是英文版运行时生成的；自己运行一遍，控件和提示就会变成中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib import ops  # jacklib comes first: it prepares Jittor
from jacklib.porting import clinic
from jacklib.teaching import classroom, show

show.setup(LANG)
clinic.language(LANG)

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Image, Markdown, display
from jittor import nn

from jacklib.networks import tsl_net
from jacklib.networks.losses import _focal
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
from jacklib.teaching.show import BLUE, ORANGE, translated
from jacklib.widgets.drawing import png_bytes

rng = np.random.default_rng(0)


def normal(*shape):
    """Random numbers, the same on every machine."""
    return rng.standard_normal(shape).astype(np.float32)


# %% [markdown] lang="en" tags=["slide"]
# ## 1 · Why ports fail silently ★
#
# A port that crashes gets fixed. A port that runs, and whose loss goes down, gets published. Networks are forgiving: they learn despite a wrong layer, and the accuracy ends a little lower, a little higher, or where it was. It does not show whether the network is the one in the paper.
#
# The public Jittor ports of this kit's four networks ran on earlier versions of Jittor, were trained, and their results were reported. Comparing them with the PyTorch originals, we found differences in all four. You will meet six of them in the clinic below, as small patients, without being told which. None raises an error. So a port is finished neither when it runs nor when it trains, but when its **numbers** equal the original's. That means the same weights, the same input, and then
#
# 1. the **output of every layer**,
# 2. the **loss** and the **gradient** of every weight,
# 3. what **one optimizer step** changes, and what it does not,
# 4. what training **starts** from.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 移植为什么会出错却不报错 ★
#
# 一运行就报错的移植会得到修复；能运行、损失也在下降的移植就直接发布了。网络的容错性很强：某一层错了，它仍能学习，最后准确率略低、略高，或者不变。只看准确率，无法判断它是不是论文里的那个网络。
#
# 本套件四个网络的公开 Jittor 移植，在早先的 Jittor 上都能运行、训练过，也报告了结果。与 PyTorch 原版逐行对照，四个都有不同之处。其中六处会作为小“病人”出现在后面的诊所里，不过不会事先告诉你是哪几位。没有一个会报错。所以，能运行不算移植完成，能训练也不算；**数值**与原版一致才算。也就是用同样的权重、同样的输入，再比较：
#
# 1. **每一层的输出**；
# 2. **损失**，以及每个权重的**梯度**；
# 3. **优化器走一步**改了什么、没改什么；
# 4. 训练从什么**初值**开始。

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · TSL-Net, piece by piece ★
#
# **TSL-Net in four sentences.** A long video is cut into short snippets, each with image features and the log-mel spectrogram of its sound. Each modality has layers of its own; the neck, a convolution over time, joins both and connects neighbouring snippets. Each snippet gets a score for positive, negative and background. In training, a *reverse mapping* turns the joined features back into each modality's and compares the two.
#
# The two files are `jacklib/reference/tsl_net.py` (PyTorch) and `jacklib/networks/tsl_net.py` (Jittor). `piece` shows a class or function of both, line beside line. Grey lines are the same; blue lines (≈) differ in names only, orange ones (≠) in calls; green (+) and red (−) ones exist on one side only.

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 一块一块移植 TSL-Net ★
#
# **四句话认识 TSL-Net。** 长视频切成短的小段，每段有画面特征和声音的对数梅尔谱。两种模态各有自己的层；颈部是沿时间的卷积，把两者合在一起，并联系相邻的小段。每个小段得到正面、负面和背景三个得分。训练时，*反向映射*把合并后的特征还原成各个模态的特征，再与原来的比较。
#
# 两个文件分别是 `jacklib/reference/tsl_net.py`（PyTorch）和 `jacklib/networks/tsl_net.py`（Jittor）。`piece` 把两边同一个类或函数逐行并排显示：灰色表示相同；蓝色（≈）只是名字不同，橙色（≠）换了调用；绿色（+）、红色（−）只有一边有。


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
# **Piece 3, reverse mapping.** `clamp(min=...)`, `.T`, `square()` and a safe `logsumexp` have other names or none in Jittor. For the first three both files use a form that both frameworks accept: `clamp(1e-24)`, `transpose(0, 1)`, `x * x`. `logsumexp` comes from `jacklib.ops`. The public port wrote it as `log(sum(exp(x)))`: mathematically the same, but a different value once an exponential overflows. The inputs here are cosines, which are at most 1, so on *this* network the two agree. The formula is a trap all the same.

# %% [markdown] lang="zh"
# **第 3 块：反向映射。** `clamp(min=...)`、`.T`、`square()` 和不会溢出的 `logsumexp`，在 Jittor 里要么换了名字，要么没有。前三个，两个文件都改用两个框架都接受的写法：`clamp(1e-24)`、`transpose(0, 1)`、`x * x`；`logsumexp` 来自 `jacklib.ops`。公开移植把它写成 `log(sum(exp(x)))`：数学上相同，可指数一旦溢出，得到的就是另一个数。这里输入的是余弦，最大为 1，所以在*这个*网络上两种写法一致；但它仍是个陷阱。

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
s, t = jt.array(scores), jt.array(target)
ok = cmp("the port", _focal(s, target, target, 1 - target, weight), theirs)
distance = (1 - s) * t + s * (1 - t)
lost = (distance.sqr() * nn.BCELoss()(s, t)).sum() / 2
ok = cmp("reduction lost", lost, theirs)

# %% [markdown] lang="en"
# ### ✎ 03.1 · A port of your own · apply ●●○
#
# Port this head of TSL-Net: write `execute`, with the reference's names for the layers. The check is `compare`: outputs, gradients, step.
#
# ```python
# class Head(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.neck = nn.Conv1d(6, 8, 3, padding=1)
#         self.classifier = nn.Conv1d(8, 3, 1, bias=False)
#
#     def forward(self, x):  # [B, T, 6] -> [B, 2], the video's score
#         x = torch.relu(self.neck(x.transpose(1, 2)))
#         each = torch.sigmoid(self.classifier(x)).transpose(1, 2)  # [B, T, 3]
#         classes, background = each[:, :, :-1], each[:, :, -1:]
#         fused = classes * (1 - background)
#         return fused.topk(2, dim=1).values.mean(dim=1)
# ```

# %% [markdown] lang="zh"
# ### ✎ 03.1 · 自己动手移植 · 应用 ●●○
#
# 移植 TSL-Net 的这个输出头：写出 `execute`，层的名字与参考版相同。检查用的就是 `compare`：输出、梯度、走一步。
#
# ```python
# class Head(nn.Module):
#     def __init__(self):
#         super().__init__()
#         self.neck = nn.Conv1d(6, 8, 3, padding=1)
#         self.classifier = nn.Conv1d(8, 3, 1, bias=False)
#
#     def forward(self, x):  # [B, T, 6] -> [B, 2]，整段视频的得分
#         x = torch.relu(self.neck(x.transpose(1, 2)))
#         each = torch.sigmoid(self.classifier(x)).transpose(1, 2)  # [B, T, 3]
#         classes, background = each[:, :, :-1], each[:, :, -1:]
#         fused = classes * (1 - background)
#         return fused.topk(2, dim=1).values.mean(dim=1)
# ```


# %% tags=["exercise"]
class Head(nn.Module):
    def __init__(self):
        self.neck = ops.Conv1d(6, 8, 3, padding=1)
        self.classifier = ops.Conv1d(8, 3, 1, bias=False)

    def execute(self, x): ...


classroom.check("03.1", Head)

# %% [markdown] lang="en"
# ### ✎ 03.2 · Which test notices? · analyse ●○○
#
# Somebody rolls the neighbours of piece 2 the wrong way round. Which test notices it?
#
# - **a**: the shape of the result
# - **b**: the sum of all its values
# - **c**: the largest difference from the reference, value by value, on a video of five snippets
# - **d**: the largest difference from the reference on a video of one snippet

# %% [markdown] lang="zh"
# ### ✎ 03.2 · 哪种检验能发现？ · 分析 ●○○
#
# 有人把第 2 块的邻居滚反了方向。哪种检验能发现？
#
# - **a**：结果的形状
# - **b**：所有数值的和
# - **c**：在五个小段的视频上，逐个数值与参考版比较的最大差异
# - **d**：在只有一个小段的视频上，与参考版的最大差异

# %% tags=["exercise"]
test = ...  # "a", "b", "c" or "d"
classroom.check("03.2", test)

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
# ## 3 · How many lines does a port change? ☆
#
# About ten lines are said to have changed in the port of TSL-Net. Let us count; comments, docstrings and blank lines are left out.

# %% [markdown] lang="zh"
# ## 3 · 移植要改多少行？ ☆
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

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · The whole network, and one step ★
#
# Now everything together, with the training loss: one video of 24 snippets, the classroom's size, batch statistics as in training. `compare_network("tsl")` is `compare` with these inputs.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 整个网络，再走一步 ★
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

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 03.3 · Where is the bug? · analyse ●●○
#
# A comparison of another port. The numbers are the largest relative differences from the reference.
#
# | module | input | output |
# |---|---|---|
# | stem | 0 | 4e-07 |
# | block1 | 4e-07 | 6e-07 |
# | block2 | 6e-07 | **3e-02** |
# | block2.conv | 6e-07 | 8e-07 |
# | block2.norm | 8e-07 | 9e-07 |
# | fc | **3e-02** | **5e-02** |
#
# Where do you look? **a**: in fc · **b**: in block2.norm · **c**: in block2's own code · **d**: in block1

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 03.3 · 毛病在哪里？ · 分析 ●●○
#
# 另一个移植的比较结果。数字是与参考版的最大相对差异。
#
# | 模块 | 输入 | 输出 |
# |---|---|---|
# | stem | 0 | 4e-07 |
# | block1 | 4e-07 | 6e-07 |
# | block2 | 6e-07 | **3e-02** |
# | block2.conv | 6e-07 | 8e-07 |
# | block2.norm | 8e-07 | 9e-07 |
# | fc | **3e-02** | **5e-02** |
#
# 该去哪里找？**a**：fc · **b**：block2.norm · **c**：block2 自己的代码 · **d**：block1

# %% tags=["exercise"]
place = ...  # "a", "b", "c" or "d"
classroom.check("03.3", place)

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · The clinic: read first ★
#
# Twelve patients, A to L. Each is a small network in the style of one of the four, with its PyTorch code, and a port with **one** bug. Diagnose them as a reviewer would, by reading: what is said of them comes later, and only when you ask. Here is A; change the letter to see the others.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 诊所：先读代码 ★
#
# 十二位病人，A 到 L。每位都是一个小网络，风格取自四个网络之一，附 PyTorch 代码和一个**只有一处**毛病的移植。请像审稿人那样靠读代码诊断：结论在后面，而且你问了才会说。下面是 A；换一个字母，就能看其他病人。

# %%
letter = "A"
clinic.show(letter)

# %% [markdown] lang="en"
# ### ✎ 03.4 · Patient A · analyse ●●○
#
# Which line of A's **port** is wrong? Give its number in the Jittor listing.

# %% [markdown] lang="zh"
# ### ✎ 03.4 · 病人 A · 分析 ●●○
#
# A 的**移植版**里哪一行错了？写出它在 Jittor 代码里的行号。

# %% tags=["exercise"]
line = ...
classroom.check("03.4", line)

# %% [markdown] lang="en" tags=["slide"]
# ### ✎ 03.5 · Where will it show? · analyse ●●●
#
# Read B, E, G and J (`clinic.show("B")` ...). Where will a comparison with the reference first show each bug: in the `"weights"` (names and number of parameters), in the `"outputs"`, in the `"loss"` alone, or in what one `"step"` changes? Answer with a list of four words, in this order.

# %% [markdown] lang="zh" tags=["slide"]
# ### ✎ 03.5 · 会在哪里现形？ · 分析 ●●●
#
# 读 B、E、G、J（`clinic.show("B")` 等）。与参考版比较时，每个毛病最先在哪里现形：`"weights"`（参数的名字和个数）、`"outputs"`（输出）、只在 `"loss"`（损失），还是走一步 `"step"` 改变的东西？按这个次序写成四个词的列表。

# %% tags=["exercise"]
kinds = ...
classroom.check("03.5", kinds)

# %% [markdown] lang="en"
# ### ✎ 03.6 · Four reviewers · analyse ●●●
#
# Four reviewers each wrote one sentence about one patient. Which patient does each mean? Answer with a list of four letters. (Look among B, C, D, F and L.)
#
# 1. "This runs only because a matrix happens to be square."
# 2. "With a map of 6 × 6 it would have been right."
# 3. "It is right until a score gets large."
# 4. "With a batch of one nobody would notice."

# %% [markdown] lang="zh"
# ### ✎ 03.6 · 四位审稿人 · 分析 ●●●
#
# 四位审稿人各写了一句话，各说一位病人。分别是谁？按次序写成四个字母的列表。（在 B、C、D、F、L 里找。）
#
# 1. “它能运行，只是因为某个矩阵碰巧是方阵。”
# 2. “特征图要是 6 × 6，它就是对的。”
# 3. “得分变大之前，它都是对的。”
# 4. “批大小为 1 时，谁也发现不了。”

# %% tags=["exercise"]
patients = ...
classroom.check("03.6", patients)

# %% [markdown] lang="en"
# ## 6 · The clinic: ask `compare` ★
#
# `clinic.verdict("A")` compares a patient with its reference, as section 4 did, and prints the verdict. Write a letter when you have read its code and know what you expect.

# %% [markdown] lang="zh"
# ## 6 · 诊所：再问 `compare` ★
#
# `clinic.verdict("A")` 像第 4 节那样把病人与参考版比较，打印结论。读完代码、心里有了判断，再写上字母。

# %%
letter = ""  # A to L, when you have read its code
clinic.verdict(letter)

# %% [markdown] lang="en"
# How good is the comparison itself? The next cell compares all twelve and says only how many it finds:

# %% [markdown] lang="zh"
# 这种比较本身有多灵？下面一格比较全部十二位，只说查出了几位：

# %%
found = {letter: clinic.patient(letter).compare() for letter in clinic.LETTERS}
differ = sum(not one.ok for one in found.values())
warned = sum(one.ok and bool(one.starts) for one in found.values())
classroom.say(
    f"{differ} of {len(found)} ports are not equal; {warned} more begins training with other values; "
    f"in {len(found) - differ - warned} the comparison sees nothing.",
    f"{len(found)} 个移植中，{differ} 个与参考版不一致；另有 {warned} 个训练的初值不同；"
    f"还有 {len(found) - differ - warned} 个，比较什么也没有发现。",
)
in_source = sum(bool(check_text(clinic.patient(letter).port_code)) for letter in clinic.LETTERS)
classroom.say(
    f"`porting check`, which only reads the source, sees something in {in_source} of them.",
    f"`porting check` 只读源码，在其中 {in_source} 个里看出了问题。",
)

# %% [markdown] lang="en"
# ### ✎ 03.7 · What is meant, what is computed · apply ●○○
#
# The first line of G's `criterion` finds the videos of the wrong polarity and weights them by 1.5. `both(losses, weights)` returns a list of two numbers: the loss that is meant, and the loss that G's port computes.

# %% [markdown] lang="zh"
# ### ✎ 03.7 · 本意与实际 · 应用 ●○○
#
# G 的 `criterion` 先找出极性判反的视频，按 1.5 倍加权。`both(losses, weights)` 返回两个数的列表：本意的损失，以及 G 的移植实际算出的损失。


# %% tags=["exercise"]
def both(losses, weights):
    """NumPy arrays, one value for each video -> [meant, computed]."""
    ...


classroom.check("03.7", both)

# %% [markdown] lang="en"
# ### ✎ 03.8 · What is enough? · analyse ●●○
#
# I, J, K and L are harder: their outputs, loss and gradients agree. Which check reveals each? Answer with four words, each `"outputs"`, `"loss"`, `"step"`, `"start"` (the values that training begins with) or `"source"` (only reading the source, as `check_text` does).

# %% [markdown] lang="zh"
# ### ✎ 03.8 · 哪种检查就够了？ · 分析 ●●○
#
# I、J、K、L 更难：输出、损失、梯度都一致。每一位要靠哪种检查才能发现？写四个词，每个是 `"outputs"`、`"loss"`、`"step"`（走一步）、`"start"`（训练的初值）或 `"source"`（只能读源码，`check_text` 就是这样做的）。

# %% tags=["exercise"]
kinds = ...  # of I, J, K and L
classroom.check("03.8", kinds)

# %% [markdown] lang="en"
# ### ✎ 03.9 · Heal patient H · apply ●●○
#
# Write H's `criterion` so that the port is equal to its reference.

# %% [markdown] lang="zh"
# ### ✎ 03.9 · 治好病人 H · 应用 ●●○
#
# 改写 H 的 `criterion`，让移植与参考版一致。


# %% tags=["exercise"]
def criterion(scores, target):
    """[B, T, 3] each -> a loss."""
    ...


classroom.check("03.9", criterion)

# %% [markdown] lang="en"
# ## 7 · The diagnoses ★
#
# `clinic.diagnosis("A")` says what is wrong with a patient, and shows the line (− the faulty port, + the fixed one).

# %% [markdown] lang="zh"
# ## 7 · 诊断书 ★
#
# `clinic.diagnosis("A")` 说出病人的毛病，并显示那一行（− 有毛病的，+ 改好的）。

# %%
letter = ""  # A to L, when you have your own diagnosis
clinic.diagnosis(letter)

# %% [markdown] lang="en"
# <details><summary><b>Which of them are from published ports?</b> (Open it when you know the diagnoses.)</summary>
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
# K passes because `compare` gives both networks the *same* weights and compares what they compute; their initial weights are compared separately. L passes because nothing overflows on these inputs. `porting check`, which reads the source only, sees some of the twelve, and not the others.
#
# </details>
#
# **A comparison holds only for the inputs it was made with.** The next exercise turns this round:

# %% [markdown] lang="zh"
# <details><summary><b>哪几位来自公开的移植？</b>（知道诊断之后再展开。）</summary>
#
# | 移植 | 哪里不同 | 病人 |
# |---|---|---|
# | VAANet | 损失本应逐个视频加权，却变成给平均值加权 | G |
# | CTEN | 重新采样的片段高和宽对调了，第一遍的却没有 | F |
# | TSL-Net | `BCELoss` 只给一个数，帧损失的每个聚焦权重都乘上了同一个平均值 | H |
# | TSL-Net | logsumexp 写成了 log(sum(exp))，会溢出 | L |
# | 步态 | 本该固定的人体图被训练了 | J |
# | 步态 | 可学习的图应从 1e-6 开始，却从 1e-6 · A 开始 | K |
#
# K 能通过，是因为 `compare` 给两个网络*同样*的权重，只比它们拿权重做了什么；它们各自的初值另外比较。L 能通过，是因为这些输入没有造成溢出。`porting check` 只读源码，十二位里它只看得出一部分。
#
# </details>
#
# **比较的结论只对所用的输入成立。** 下一题反过来问：

# %% [markdown] lang="en"
# ### ✎ 03.10 · Frames that hide a bug · create ●●○
#
# Patient F swaps height and width in its second pass. Find frames on which nobody would notice: `hiding()` returns [2, 4, 12, 12, 3], two videos of four frames with three colours. No frame may be of one colour.

# %% [markdown] lang="zh"
# ### ✎ 03.10 · 让毛病隐身的画面 · 创造 ●●○
#
# 病人 F 在第二遍里对调了高和宽。请找出谁也发现不了的画面：`hiding()` 返回 [2, 4, 12, 12, 3]，即两段视频，每段四帧，三种颜色。任何一帧都不能是纯色。


# %% tags=["exercise"]
def hiding():
    """[2, 4, 12, 12, 3]: frames on which F's port is right."""
    ...


classroom.check("03.10", hiding)

# %% [markdown] lang="en" tags=["slide"]
# ## 8 · Patients of your own ★
#
# The clinic has patients that nobody else has: write your name or number, and it makes three ports from pieces of the four networks, with one bug each, of three different kinds (there are thirty-six). The same name always has the same patients. Read the first:

# %% [markdown] lang="zh" tags=["slide"]
# ## 8 · 你自己的病人 ★
#
# 诊所里还有别人没有的病人：写上你的姓名或学号，它就用四个网络的部件做出三个移植，各有一处毛病，类型互不相同（一共有三十六种）。同一个名字，病人总是相同。先读第一位：

# %%
me = classroom.student() or "guest"  # or your name or number here, in quotes
mine = clinic.own(me)
clinic.show(mine[0])

# %% [markdown] lang="en"
# `clinic.show(mine[1])` and `clinic.show(mine[2])` print the other two. When you have read one, `clinic.verdict(mine[0])` says what `compare` finds, `clinic.ask(mine[0], line=12)` whether a line is the guilty one, and `clinic.ask(mine[0])` tells the diagnosis.

# %% [markdown] lang="zh"
# `clinic.show(mine[1])`、`clinic.show(mine[2])` 显示另外两位。读完之后，`clinic.verdict(mine[0])` 说出 `compare` 的结论，`clinic.ask(mine[0], line=12)` 说某一行是不是病因，`clinic.ask(mine[0])` 给出诊断。

# %% [markdown] lang="en"
# ### ✎ 03.11 · Three diagnoses · analyse ●●●
#
# In which line of each of your three ports is the bug? Give the numbers of the first wrong line, as in the Jittor listings. Read first, then ask `compare`.

# %% [markdown] lang="zh"
# ### ✎ 03.11 · 三份诊断 · 分析 ●●●
#
# 你的三个移植，毛病各在哪一行？按 Jittor 代码的行号，写出各自第一处错误的行。先读代码，再问 `compare`。

# %% tags=["exercise"]
lines = ...  # three numbers
classroom.check("03.11", lines, student=me)

# %% [markdown] lang="en"
# ### What `compare` sees last
#
# Outputs, loss and gradients agree, and only the step differs: I and J are of this kind. Here is I's healthy port, for the next exercise.

# %% [markdown] lang="zh"
# ### `compare` 最后才看到的
#
# 输出、损失、梯度都一致，只有走一步不同：I 和 J 就是这样。下面是 I 治好后的移植，下一题要用。

# %%
print(clinic.FILES["I"].jittor)

# %% [markdown] lang="en"
# ### ✎ 03.12 · Write a patient · create ●●●
#
# Plant a bug in the port above such that names, outputs, loss and gradients agree with the reference and **only the step differs**. `bug` is a pair: a piece of the healthy port, and what your port has in its place. The check is `compare`; I's and J's own bugs do not count.

# %% [markdown] lang="zh"
# ### ✎ 03.12 · 写一位病人 · 创造 ●●●
#
# 在上面的移植里埋一个毛病，使参数名、输出、损失、梯度都与参考版一致，**只有走一步不同**。`bug` 是一对文字：健康移植里的一段，以及你的移植里取而代之的一段。检查用的就是 `compare`；I 和 J 自己的毛病不算。

# %% tags=["exercise"]
bug = ...  # ("a piece of the healthy port", "what stands there in yours")
classroom.check("03.12", bug)

# %% [markdown] lang="en" tags=["slide"]
# ## 9 · What a bug does to a training curve ★
#
# Most people check a port by training it. So let us train: each patient and its fixed port, five seeds each, with the same data, batches and first weights per seed. We call a bug *seen* if the accuracy on new samples differs in the same direction and by more than a point in all five pairs. How many of the twelve will be seen?

# %% [markdown] lang="zh" tags=["slide"]
# ## 9 · 毛病会怎样影响训练曲线 ★
#
# 多数人靠训练来检验移植。那就来训练：每位病人和它治好后的移植各用五个种子，同一个种子的数据、批次和初始权重都相同。如果五对的正确率差方向相同，而且都超过一个百分点，就算毛病被“看见”了。十二位里有几位会被看见？

# %%
guess = ...
classroom.predict("03.p1", guess)

# %%
curves = {
    letter: (
        clinic.train(letter, healthy=True, seeds=range(5)),
        clinic.train(letter, seeds=range(5)),
    )
    for letter in clinic.LETTERS
}

# %%
seen = []
print(f"   {'healthy':>8} {'sick':>6}   sick - healthy, five pairs")
for letter, (healthy, sick) in curves.items():
    ends = healthy.score[:, -2:].mean(1), sick.score[:, -2:].mean(1)  # the last two evaluations
    pairs = ends[1] - ends[0]
    if (pairs > 0.01).all() or (pairs < -0.01).all():
        seen.append(letter)
    words = " ".join(f"{p:+.3f}" for p in pairs) + "   seen" * (letter in seen)
    print(f"{letter}  {ends[0].mean():8.3f} {ends[1].mean():6.3f}   {words}")
classroom.reveal("03.p1", len(seen))

# %% [markdown] lang="en"
# And the curves of four of them: the loss *as each port computes it*, since that is what its author sees. Lines are means over the seeds, bands reach from the lowest to the highest; a line ends where the loss is no longer a number.

# %% [markdown] lang="zh"
# 再看其中四位的曲线：画的是*各自算出的*损失，移植的作者看到的就是它。线是各种子的平均，色带从最低到最高；损失不再是数（NaN）之处，线就断了。

# %% tags=["slide"]
axes = show.panels(4, width=11, height=2.4)
names = translated(("healthy", "健康")), translated(("sick", "有病"))
for ax, letter in zip(axes, "BGJL", strict=True):
    for runs, colour, name in zip(curves[letter], (BLUE, ORANGE), names, strict=True):
        loss = runs.loss.reshape(len(runs.loss), -1, 10).mean(2)  # means of ten steps
        ax.fill_between(range(12), loss.min(0), loss.max(0), color=colour, alpha=0.2, lw=0)
        ax.plot(loss.mean(0), "-" if name == names[0] else "--", color=colour, label=name)
    ax.set(title=letter, ylim=(0, None), xlabel=translated(("steps / 10", "步数 / 10")))
axes[0].legend()
plt.show()

# %% [markdown] lang="en"
# <details><summary><b>What we saw, patient by patient</b> (it tells the diagnoses)</summary>
#
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
# </details>
#
# Of the six bugs of published ports, four (G, H, J, K) cannot be seen in training: nothing drops, nothing breaks. The tasks are tiny and their data simple, so the sizes of these effects do not carry over to the papers' data sets; that a training curve is a weak test does. `compare` finds F, G, H and J with one step of two or four samples, and K by its initial values; L is visible only in the source, or once its scores are large.

# %% [markdown] lang="zh"
# <details><summary><b>逐位说明</b>（会说出诊断）</summary>
#
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
# </details>
#
# 公开移植的六个毛病里，有四个（G、H、J、K）在训练中看不出异样：没有下降，也没有崩溃。这里的任务很小，数据也简单，效应的大小说明不了论文数据集上的情形；但训练曲线是个很弱的检验，这一点到哪里都一样。而 `compare` 用两到四个样本、走一步，就找出了 F、G、H 和 J，K 从初值看得出来；L 只有看源码，或者等得分变大之后，才看得出。

# %% [markdown] lang="en" tags=["slide"]
# ## 10 · Your own network: a checklist ☆
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

# %% [markdown] lang="zh" tags=["slide"]
# ## 10 · 移植自己的网络：检查清单 ☆
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
# ## Quiz
#
# One letter for each question; run the cell again to read what there is to say.

# %% [markdown] lang="zh"
# ## 小测验
#
# 每题填一个字母，再运行一次，就能看到对你的选择的说明。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("03", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A port is equal to its original if, with the same weights and inputs, every layer's output, the loss, the gradients and one optimizer step agree, and if it starts alike. The first module whose output differs although its input agrees is the guilty one. A comparison holds for its inputs, and a training curve proves next to nothing.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 权重和输入相同时，如果每一层的输出、损失、梯度和优化器的一步都一致，初值也相同，移植才与原版一致。第一个输入一致、输出不同的模块就是出错的地方。比较的结论只对所用的输入成立，而训练曲线几乎什么也证明不了。

# %% [markdown] lang="en"
# ## References
#
# - Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 (TSL-Net).
# - Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020 (VAANet).
# - Zhang et al., *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023 (CTEN).
# - Zhai et al., BPM-GCN, IEEE Transactions on Affective Computing 2024.
#
# ## To go on
#
# Give patient L larger weights (`clinic.patient("L").port`) and find out from where on its outputs are wrong; compare a network of yours.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022（TSL-Net）。
# - Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020（VAANet）。
# - Zhang 等，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023（CTEN）。
# - Zhai 等，BPM-GCN，IEEE Transactions on Affective Computing 2024。
#
# ## 接下来
#
# 把病人 L 的权重调大（`clinic.patient("L").port`），看看从多大开始输出就不对了；再比较你自己的网络。
