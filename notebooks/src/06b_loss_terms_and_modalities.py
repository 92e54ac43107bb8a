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
# # 06b · TSL-Net: what one term of the loss does, and what each input does
#
# | | |
# |---|---|
# | **You can afterwards** | compute the reverse mapping's term by hand and say which sign a loss should give it; tell from a picture of cosines which way it was trained; compare settings over seeds without fooling yourself; test whether a network uses an input that it is given |
# | **You should know** | `06_tsl_net`: its network, pseudo labels and mAP; cosine of two vectors, log-softmax; the rule of comparing runs (`04_vaanet`, section 6) |
# | **Minutes** | you 70 · machine 3 (for the core; 20 more for the rest) |
# | **Core** | sections 1, 2, 4, 5; extra: 3 |
# | **Needs** | this repository; no GPU, no download |
# | **Paper** | Zhang and Yang, ACM MM 2022, as in notebook 06 |
#
# ![TSL-Net; this notebook looks at the reverse mapping, from the neck back to each input](img/tsl_net.en.svg)
#
# Read and run the cells in order, or choose *Run → Run All Cells*: what is not answered yet does not stop it.

# %% [markdown] lang="zh" tags=["slide"]
# # 06b · TSL-Net：损失中的一项、每一种输入各起什么作用
#
# | | |
# |---|---|
# | **学完你能** | 手算反向映射这一项，判断损失应当给它什么符号；看余弦图认出网络是怎样训练的；跨随机种子比较不同设置而不欺骗自己；检验网络是否真的用上了某种输入 |
# | **需要先会** | `06_tsl_net`：网络、伪标签和 mAP；两个向量的余弦，log-softmax；比较两次运行的规则（`04_vaanet` 第 6 节） |
# | **用时（分钟）** | 你 70 · 机器 3（必学部分；其余再要 20） |
# | **必学** | 第 1、2、4、5 节；选学：3 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |
# | **论文** | Zhang、Yang，ACM MM 2022，同笔记本 06 |
#
# ![TSL-Net：本笔记本考察反向映射，即从融合层回到每种输入的部分](../img/tsl_net.zh.svg)
#
# 可以逐格阅读运行，也可以选菜单 *Run → Run All Cells*：没有作答的地方不会中断运行。仓库里保存的输出是英文版运行时生成的，自己运行一遍，图就会显示中文。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.backend import runtime  # jacklib comes first: it prepares Jittor
from jacklib.teaching import classroom, show

show.setup(LANG)

from dataclasses import replace
from pathlib import Path

import jittor as jt
import matplotlib.pyplot as plt
import numpy as np

from jacklib.data.tsl300 import UntrimmedVideos
from jacklib.methods import tsl
from jacklib.networks import TSLNet, TSLNetConfig
from jacklib.samples import UNTRIMMED
from jacklib.samples.untrimmed import read_decoys
from jacklib.teaching.show import moments

CACHE = Path("results/tsl")  # git ignores it
root = UNTRIMMED["rendered"](progress=False)  # notebook 06, section 2, shows these videos
truth, decoys = tsl.read_truth(root), read_decoys(root)
validation = UntrimmedVideos(root, "test")
number = next(k for k, x in enumerate(validation.items) if len({s.label for s in x.truth}) > 1)
item, sample = validation.items[number], validation.load(number)
schedule = tsl.SCHEDULES["classroom"]


def train(seed, modality="all", **options):
    """Train a new network as notebook 06 does: (network, history)."""
    runtime.seed(seed)
    network = TSLNet(replace(TSLNetConfig.classroom(), modality=modality))
    videos = [UntrimmedVideos(root, s, modality=modality, seed=seed) for s in ("train", "test")]
    last = CACHE / "last.pth"  # of notebook 06, which trains what the first call here asks for
    known = last if (seed, modality, options) == (0, "all", {}) and last.exists() else None
    run = tsl.Run(CACHE / "comparison", seed, resume=known, show=False)
    return network, tsl.train(network, *videos, schedule=schedule, run=run, **options)


# %% [markdown] lang="en" tags=["slide"]
# ## 1 · What does a term of a loss do? ★
#
# The loss of TSL-Net is a sum of terms (notebook 06, section 6):
#
# $$\mathcal{L}=2\,\mathcal{L}_{\text{distribution}}+\tfrac12\,\mathcal{L}_{\text{frame}}+\tfrac12\,(\mathcal{L}_{\text{background}}+\mathcal{L}_{\text{action}})+\mathcal{L}_{\text{reverse}}$$
#
# Three questions should be asked of any such term: what does it measure, which way does training move it, and does what the network is *for* get better? We ask them of the last one.
#
# Four convolutions map the neck's features of snippet $i$ **back** to one modality, $\hat v_i$, to be compared with the modality's own $v_i$. With $\cos$ the cosine of two vectors,
#
# $$r=\frac1T\sum_i\Big(\cos(v_i,\hat v_i)-\log\sum_j e^{\cos(v_i,\hat v_j)}\Big)$$
#
# This is the mean log-probability of picking snippet $i$ out of all $T$: **never above 0, and $-\ln T$ if all snippets are alike**. It is computed for the image and the audio features, and the two are added. A *larger* $r$ is better; so a loss should **subtract** it, as equation (1) of the paper does (there without exponentials, and with the sum over all *other* snippets). The released code, whose formula this is, **adds** it. JACK follows the code and offers the other sign as an option (`reverse_sign="paper"`). Section 2 tries both.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 损失中的一项起什么作用？ ★
#
# TSL-Net 的损失由几项相加（笔记本 06 第 6 节）：
#
# $$\mathcal{L}=2\,\mathcal{L}_{\text{分布}}+\tfrac12\,\mathcal{L}_{\text{帧}}+\tfrac12\,(\mathcal{L}_{\text{背景}}+\mathcal{L}_{\text{动作}})+\mathcal{L}_{\text{反向}}$$
#
# 对任何一项都应当问三个问题：它衡量什么？训练把它推向哪边？网络*真正的任务*因此做得更好吗？这里拿最后一项来问。
#
# 四层卷积把小段 $i$ 的融合层特征映射**回**某一模态，得到 $\hat v_i$，再与该模态自己的 $v_i$ 比较。用 $\cos$ 表示两个向量的余弦，
#
# $$r=\frac1T\sum_i\Big(\cos(v_i,\hat v_i)-\log\sum_j e^{\cos(v_i,\hat v_j)}\Big)$$
#
# 它是从 $T$ 个小段中认出小段 $i$ 的对数概率的平均：**不会超过 0；所有小段都一样时，等于 $-\ln T$**。视觉和音频各算一个，再相加。$r$ *越大*越好，所以损失应当**减去**它，论文的公式 (1) 正是如此（那里没有指数函数，分母只对*其余*小段求和）；上面的式子出自作者发布的代码，代码里却是**加上**它。JACK 以代码为准，另一种符号可用 `reverse_sign="paper"` 选择。第 2 节两种都试。

# %% [markdown] lang="en"
# ### ✎ 06b.1 · The term by hand · apply ●○○
#
# Write `r(cosines)`. `cosines` is a matrix `[T, T]`: row $i$ a snippet's own features, column $j$ the features mapped back of snippet $j$. The notebook goes on with a function of its own, so nothing breaks while yours is open.

# %% [markdown] lang="zh"
# ### ✎ 06b.1 · 手算这一项 · 应用 ●○○
#
# 写出 `r(cosines)`。`cosines` 是 `[T, T]` 的矩阵：第 $i$ 行是小段自己的特征，第 $j$ 列是小段 $j$ 映射回来的特征。笔记本后面用的是自带的函数，这里没做完也不影响。


# %% tags=["exercise"]
def r(cosines):
    """[T, T] -> a number."""
    ...


classroom.check("06b.1", r)

# %% [markdown] lang="en"
# ### ✎ 06b.2 · How good can it get? · analyse ●●○
#
# Both $v$ and $\hat v$ come out of a ReLU, so that no component is negative. What is the largest $r$ that a video of $T$ snippets can reach, whatever the features? Write `best(T)`. Compare `best(84)` with $-\ln 84$, the value when nothing is told apart: how much can be gained at all?

# %% [markdown] lang="zh"
# ### ✎ 06b.2 · 最好能有多好？ · 分析 ●●○
#
# $v$ 和 $\hat v$ 都是 ReLU 的输出，没有负的分量。不管特征是什么，一段有 $T$ 个小段的视频，$r$ 最大能到多少？写出 `best(T)`。再把 `best(84)` 与什么都分不清时的 $-\ln 84$ 比较：总共能提高多少？


# %% tags=["exercise"]
def best(T):
    """A number."""
    ...


classroom.check("06b.2", best)

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · Plus or minus? The sign of the reverse mapping ★
#
# What does the term do to a network? In each figure below, a row is a snippet's own image features, a column the features mapped back from the neck, and the colour their cosine. A reverse mapping that works has a bright diagonal: every snippet is recovered, and none is mistaken for another.
#
# Three networks, all from seed 0: with the **released** sign, with the **paper's**, and **without** the term (weight 0; its four convolutions then keep their initial weights).
#
# **Guess**: where does the released sign take $r$, compared with the value for snippets that are all alike? `"higher"`, `"lower"`, or `"same"`?

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 加还是减？反向映射的符号 ★
#
# 这一项对网络做了什么？下面每张图的一行是一个小段自己的视觉特征，一列是从融合层映射回来的特征，颜色是两者的余弦。反向映射若起作用，对角线应当是亮的：每个小段都能恢复自己，又不会与别的混淆。
#
# 三个网络都从随机种子 0 出发：**公开代码**的符号（released），**论文**的符号（paper's），以及**不用**这一项（without，权重为 0，那四层卷积保持初值）。
#
# **猜一猜**：与所有小段都一样时的值相比，公开代码的符号把 $r$ 推向哪边？`"higher"`（更高）、`"lower"`（更低）还是 `"same"`（一样）？

# %%
guess = ...
classroom.predict("06b.p1", guess)

# %% tags=["slide"]
WITHOUT = (*tsl.LAMBDAS[:3], 0.0)
VARIANTS = {"released": {}, "paper's": {"reverse_sign": "paper"}, "without": {"lambdas": WITHOUT}}
networks, curves = {}, {}
for seed in range(3):
    for name, options in VARIANTS.items():
        networks[name, seed], curves[name, seed] = train(seed, **options)


def found_again(network, sample):
    """Cosines [T, T] of each clip's own image features with those mapped back of every clip."""
    network.eval()
    parts = network.cls_module
    rgb, logmel = (jt.array(x) for x in tsl.inputs(sample))
    with jt.no_grad():
        own = parts.v_align(rgb.transpose(0, 2, 1))
        fused = parts.neck(jt.concat([own, parts.listen(logmel).transpose(0, 2, 1)], dim=1))
        back = parts.rev_fv.net(fused)
    own, back = (x.numpy()[0].T for x in (own, back))
    own, back = (
        x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (own, back)
    )
    return own @ back.T


def told_apart(cosines):
    """r of one modality."""
    return float((np.diag(cosines) - np.log(np.exp(cosines).sum(1))).mean())


matrices = {key: found_again(network, sample) for key, network in networks.items()}
for ax, name in zip(show.panels(3, 10, 3.1), VARIANTS, strict=True):
    ax.imshow(matrices[name, 0], vmin=0, vmax=1)
    ax.set_title(f"{show.translated(name)}: r = {told_apart(matrices[name, 0]):.2f}")
plt.show()
found_r = {name: {seed: told_apart(matrices[name, seed]) for seed in range(3)} for name in VARIANTS}
classroom.compare_runs(
    "r of the image", found_r, fixed="this one test video", fixed_zh="这一段测试视频"
)
alike = -np.log(sample.n_clips)
print(f"all snippets alike: {alike:.2f}")
far = np.mean([*found_r["released"].values()]) - alike
classroom.reveal("06b.p1", "same" if abs(far) < 0.1 else "higher" if far > 0 else "lower")

# %% [markdown] lang="en"
# A *larger* $r$ was the idea. Compare the three rows with the value for snippets that are all alike: one sign trains the mapping to recover a snippet, the other to avoid it. In the pictures do not look for a thin line: the snippets of one shot are nearly alike, so the diagonal comes in blocks.

# %% [markdown] lang="zh"
# 本意是让 $r$ *变大*。把三行与“所有小段都一样”的值比较：一种符号使映射恢复小段自己，另一种使它避开自己。不要在图里找一条细线：同一个镜头的各小段几乎一样，所以对角线是一块一块的。

# %% [markdown] lang="en"
# ### ✎ 06b.3 · Which sign was it? · analyse ●●○
#
# A colleague has three networks and has lost the note which is which. Write `trained_with(cosines)`: `"released"`, `"paper's"` or `"without"`, from such a matrix of any video. The check has matrices of its own; how bright they are on the whole differs from one to the next.

# %% [markdown] lang="zh"
# ### ✎ 06b.3 · 是哪种符号？ · 分析 ●●○
#
# 同事有三个网络，却弄丢了哪个是哪个的记录。写出 `trained_with(cosines)`：根据任意一段视频的这种矩阵，返回 `"released"`、`"paper's"` 或 `"without"`。检查用的是另外的矩阵，它们整体的亮度各不相同。


# %% tags=["exercise"]
def trained_with(cosines):
    """One of "released", "paper's", "without"."""
    ...


classroom.check("06b.3", trained_with)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Does the network get better at its task? Seeds and statistics ☆
#
# Does the sign affect *localization*? By the rule of notebook 04, section 6 (*How to compare runs*): three seeds each, paired (other seeds also draw other annotators).

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 任务做得更好了吗？随机种子与统计 ☆
#
# 符号影响*定位*的好坏吗？按 04 第 6 节的规则（“怎样比较两次运行”）：各跑三个随机种子，成对比较（换种子时抽到的标注者也不同）。


# %%
def last(names):
    """The average mAP after the last step: {words: {seed: value}}."""
    return {
        words: {seed: curves[name, seed][-1]["average_mAP"] for seed in range(3)}
        for words, name in names.items()
    }


chance = tsl.random_average_map(validation)
of_signs = last({name: name for name in VARIANTS})
show.runs(of_signs, chance, unit="average mAP", label="random scores")
pairs = classroom.compare_runs(
    "average mAP", of_signs,
    fixed="the 20 + 10 rendered videos, their features, 100 steps, the machine",
    fixed_zh="20 + 10 段渲染视频、它们的特征、100 步、这台机器",
)  # fmt: skip
widest = max(abs(pair.differences.mean()) for pair in pairs.values())
between = max(np.ptp([*values.values()]) for values in of_signs.values())
classroom.say(
    f"The means differ by at most {widest:.3f}; the seeds of one setting by up to {between:.3f}.",
    f"平均值之间最多相差 {widest:.3f}；同一设置的种子之间最多相差 {between:.3f}。",
)

# %% [markdown] lang="en"
# Three pairs that agree look like proof; they are not. An earlier edition of this notebook had the released sign ahead of both others, in ranges that did not overlap: its seeds 0 and 1 began with the same weights (trap 50 in notebook 02). On other sample videos, rendered from another seed with the same code, the gaps were 0.02 to 0.07, and with other dropout masks single runs changed by as much as 0.1. A range over *training* seeds says nothing about other *videos*.
#
# Ten easy videos show no more than that. **They show nothing about TSL-300**, whose videos are real, whose features are I3D's, and where training takes twenty times as many steps with four times as many videos each. What is certain is narrower, but worth knowing: the released code minimises what equation (1) of the paper maximises.

# %% [markdown] lang="zh"
# 三对结果方向一致，看上去像是证据，其实不是。本笔记本的早先版本里，公开代码的符号领先于另外两种，而且范围互不重叠：那时种子 0 和 1 的初始权重完全相同（02 的陷阱 50）。用同样的代码、另一个种子渲染的另一批样例视频上，差距是 0.02 到 0.07；换一批 dropout 的随机数，单次结果的变动可达 0.1。换*训练*的种子得到的范围，说明不了换一批*视频*会怎样。
#
# 十段简单的视频，能说的只有这些。**它们说明不了 TSL-300 上的情况**：那里的视频是真实的，特征是 I3D 的，步数是这里的二十倍，每步的视频是四倍。能确定的事情范围更窄，但值得知道：论文公式 (1) 要最大化的量，公开代码却在最小化。

# %% [markdown] lang="en"
# ### ✎ 06b.4 · How surprised may you be? · apply ●●○
#
# The rule counts how often tossed coins agree as much. Write `chance_of(n, k)`: of `n` fair coins, the chance that at least `k` show the *same* side, whichever it is (`k` is more than half of `n`). What does it say of 3 of 3 pairs, and of 9 of 10?

# %% [markdown] lang="zh"
# ### ✎ 06b.4 · 有多意外？ · 应用 ●●○
#
# 规则数的是：抛硬币有多大的机会同样一致。写出 `chance_of(n, k)`：抛 `n` 枚均匀的硬币，至少 `k` 枚*同一面*朝上的概率，哪一面都行（`k` 大于 `n` 的一半）。3 对中 3 对一致，10 对中 9 对一致，各是多少？


# %% tags=["exercise"]
def chance_of(n, k):
    """A number from 0 to 1."""
    ...


classroom.check("06b.4", chance_of)

# %% [markdown] lang="en"
# ### ✎ 06b.5 · Which experiment would show it? · analyse ●●○
#
# You want to claim: "on rendered videos like these, the released sign localizes better". Which experiment could show it? **a** Thirty training seeds on these 10 test videos. **b** Eight sets of videos rendered from different seeds, on each of them both signs trained and compared. **c** Three seeds, trained four times as long. **d** The same runs at a tIoU of 0.5 instead of 0.1 to 0.3.

# %% [markdown] lang="zh"
# ### ✎ 06b.5 · 哪个实验才能说明？ · 分析 ●●○
#
# 你想说：“在这类渲染视频上，公开代码的符号定位得更好。”哪个实验才可能说明它？**a** 在这 10 段测试视频上跑三十个训练种子。**b** 用八个不同的种子渲染八批视频，每批都用两种符号训练并比较。**c** 三个种子，训练时间加到四倍。**d** 同样的结果，把 tIoU 从 0.1 至 0.3 换成 0.5。

# %% tags=["exercise"]
experiment = ...
classroom.check("06b.5", experiment)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Listen *and* look? ★
#
# Now networks that get the image features alone (`rgb`) or the audio alone (`logmfcc`). The decoys were made for them: a network with images only cannot know that a colourful shot has no matching audio, and one with audio only cannot know that nothing is visible. Three seeds each: **Guess** first: which average mAP does a network reach that only listens?

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 听*和*看，缺一不可吗？ ★
#
# 再训练只用视觉特征（`rgb`）或只用音频特征（`logmfcc`）的网络。干扰镜头就是为它们准备的：只有视觉的网络无法知道那个色彩鲜艳的镜头没有相应的声音，只有音频的网络也无法知道画面上什么都没发生。各跑三个随机种子：先**猜一猜**：只听不看的网络，平均 mAP 是多少？

# %%
guess = ...  # 0 to 1
classroom.predict("06b.p2", guess)

# %% tags=["slide"]
MODALITIES = {"image alone": "rgb", "audio alone": "logmfcc"}
for seed in range(3):
    for name, modality in MODALITIES.items():
        networks[name, seed], curves[name, seed] = train(seed, modality)

ALL = {"both": "released", "both, no reverse mapping": "without"}
ALL |= {name: name for name in MODALITIES}
of_inputs = last(ALL)
show.runs(of_inputs, chance, unit="average mAP", label="random scores")
pairs = classroom.compare_runs(
    "average mAP", of_inputs,
    fixed="the rendered videos and the descriptor; networks of other modalities have other weights "
    "at the start, whatever the seed",
    fixed_zh="渲染视频和描述子；输入不同的网络，种子相同，初始权重也不同",
)  # fmt: skip
heard_alone = np.mean([*of_inputs["audio alone"].values()])
classroom.reveal("06b.p2", round(float(heard_alone), 3))

# %% [markdown] lang="en"
# Before drawing conclusions: the two inputs are not equally easy. The descriptor hands the network colour and motion directly; the audio network must learn from raw spectrograms, in 100 steps, what an event sounds like, above hums that change from shot to shot.

# %% [markdown] lang="zh"
# 先别急着下结论：两种输入的难易并不相同。描述子直接给出了颜色和运动；音频网络却要在 100 步之内，从原始谱图里学会事件听起来是什么样，而每个镜头的嗡嗡声又各不相同。

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · Decoys: does having two inputs mean using two? ★
#
# Every video has two **decoys**: one only *looks* like an event, one only *sounds* like one. The ground truth does not list them, and a threshold on colour would miss the dark ones; but the renderer knows what it made (`read_decoys`). Below, the scores of three networks for one test video; decoys are hatched.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 干扰镜头：有两种输入，就用了两种吗？ ★
#
# 每段视频里有两个**干扰镜头**：一个只*看着*像事件，一个只*听着*像。真值里没有它们，用颜色的阈值去找，又会漏掉暗的；不过渲染程序知道自己做了什么（`read_decoys`）。下面是三个网络在同一段测试视频上的得分，画斜线或点的是干扰镜头。

# %% tags=["slide"]
results, videos_of = {}, {}
for name in ALL.values():
    videos_of[name] = UntrimmedVideos(root, "test", modality=MODALITIES.get(name, "all"))
    for seed in range(3):
        results[name, seed] = tsl.test(networks[name, seed], videos_of[name])
panels = {
    show.translated(words): results[name, 0].scores[item.id].scores for words, name in ALL.items()
}
del panels[show.translated("both, no reverse mapping")]
moments.scores(panels, seconds=16 / item.fps, segments=truth[item.id], decoys=decoys[item.id])

# %% [markdown] lang="en"
# Two measurements per network. First: what is its class score (the larger of n and p) on true events, on decoys that only look, on decoys that only sound, and elsewhere? Second: there are 40 true segments, so take its 40 **best proposals**. Where do they lie? *On an event* means a tIoU of 0.1 or more.
#
# **Guess**: of the 40 best proposals of a network with both inputs, how many lie on a decoy that only looks like an event? (There are ten of these.)

# %% [markdown] lang="zh"
# 对每个网络测量两件事。第一，它的类别得分（取 n、p 中较大的）在真实事件上、在只看着像、只听着像的干扰镜头上、在别处各是多少？第二，真值片段共有 40 个，那么取它**最好的 40 个候选片段**，看它们都落在哪里？tIoU 不低于 0.1 才算*落在事件上*。
#
# **猜一猜**：两种输入都有的网络，最好的 40 个候选片段中有几个落在只看着像事件的干扰镜头上？（这样的镜头共十个。）

# %%
guess = ...
classroom.predict("06b.p3", guess)

# %% tags=["slide"]
levels, places = [], []  # of each network, the mean of three seeds
for name in ALL.values():
    runs = [results[name, seed] for seed in range(3)]
    found = [tsl.levels(run, videos_of[name], truth, decoys) for run in runs]
    levels.append([np.mean([one[kind] for one in found]) for kind in tsl.KINDS])
    found = [tsl.where_proposals_lie(run.results, truth, decoys, 40) for run in runs]
    places.append([np.mean([one[place] for one in found]) for place in tsl.PLACES])
title = ("Mean class score of a clip", "小段类别得分的平均")
show.grid(levels, [*ALL], tsl.KINDS, title=title)
title = (
    "Where the 40 best proposals lie, mean of three seeds",
    "最好的 40 个候选片段落在哪里，三个种子的平均",
)
show.grid(places, [*ALL], tsl.PLACES, title=title, form="{:.1f}")
on_looks = places[0][tsl.PLACES.index("looks")]
classroom.reveal("06b.p3", round(float(on_looks), 1))

event, looks, _, rest = levels[0]
if looks > (event + rest) / 2:
    classroom.say(
        "With both inputs the network still scores what only looks like an event nearer to events "
        "than to the rest: it has the audio and hardly uses it. On these videos, having two inputs "
        "is not yet using two.",
        "两种输入都有，网络给“只看着像”的镜头的得分仍更接近事件：音频可用，却几乎没有用上。"
        "在这些视频上，有两种输入，不等于用了两种。",
    )
else:
    classroom.say(
        "With both inputs the network scores what only looks like an event nearer to the rest than "
        "to events: it uses the audio to tell them apart.",
        "两种输入都有时，网络给“只看着像”的镜头的得分更接近其余部分：它用音频把它们区分开了。",
    )

# %% [markdown] lang="en"
# A network with *images* only cannot tell what only looks like an event from an event: it has no other information. One with *audio* as well could. Does `both`, and does it without the reverse mapping? Where it does not, one reason suggests itself: the images are easier to learn from, and training uses what is easy first. We have not tested it.

# %% [markdown] lang="zh"
# *只有视觉*的网络无法把“只看着像”的镜头与事件区分开，它没有别的依据。*同时有音频*的网络本来可以。`both`（视觉与音频） 做到了吗？去掉反向映射（no reverse mapping）之后呢？如果没有做到，一个可能的原因是视觉特征更容易学，训练总是先利用容易的线索；我们没有检验过。

# %% [markdown] lang="en"
# ### ✎ 06b.6 · If it could not hear at all · analyse ●●○
#
# How many false positives on decoys would you expect of a network that finds all events and *cannot* tell a looks-decoy from an event? Write `expected(events, decoys, best)`: it proposes one segment for each of them, in random order; how many of its `best` best proposals lie on decoys, on average? (`best` may be larger than all it proposes.) Then compare `expected(40, 10, 40)` with the measured values of `both` and `image alone`.

# %% [markdown] lang="zh"
# ### ✎ 06b.6 · 假如它完全听不见 · 分析 ●●○
#
# 如果一个网络能找到所有事件，却*完全*分不清事件与只看着像的干扰镜头，你预计它在干扰镜头上有多少误报？写出 `expected(events, decoys, best)`：它给每个事件和干扰镜头各提出一个片段，次序随机；最好的 `best` 个里，平均有几个落在干扰镜头上？（`best` 可能超过它提出的总数。）再把 `expected(40, 10, 40)` 与 `both`、`image alone` 测得的值比较。


# %% tags=["exercise"]
def expected(events, decoys, best):
    """A number."""
    ...


classroom.check("06b.6", expected)

# %% [markdown] lang="en"
# ### ✎ 06b.7 · A test for listening · create ●●●
#
# Decoys told us whether this network listens; most data sets have none. Invent a test that needs no labels: `listens(predict, rgb, logmel)` gets a function `predict(rgb, logmel)` that returns scores `[T, 3]`, and the features of one video, `rgb` `[T, 1024]` and `logmel` `[T, 32, 60]`. Return `True` if the scores depend on the audio, `False` if not. Call `predict` as often as you like.
#
# The check tries it on networks whose truth it knows: some use the audio, one in a way that you may not expect, and some do not; and as with dropout left on, `predict` may give slightly different scores each time.

# %% [markdown] lang="zh"
# ### ✎ 06b.7 · 检验它听没听 · 创造 ●●●
#
# 有了干扰镜头，才知道这个网络听没听；多数数据集里没有。请设计一个不需要标签的检验：`listens(predict, rgb, logmel)` 得到一个函数 `predict(rgb, logmel)`（返回得分 `[T, 3]`），以及一段视频的特征 `rgb` `[T, 1024]` 和 `logmel` `[T, 32, 60]`。得分取决于音频时返回 `True`，否则返回 `False`。`predict` 想调用几次都行。
#
# 检查时用的是一些已知真相的网络：有的用音频，其中一个用的方式你未必想得到；有的不用。而且就像 dropout 没有关掉那样，`predict` 每次给出的得分可能略有不同。


# %% tags=["exercise"]
def listens(predict, rgb, logmel):
    """True or False."""
    ...


classroom.check("06b.7", listens)

# %% [markdown] lang="en" tags=["slide"]
# ## Quiz

# %% [markdown] lang="zh" tags=["slide"]
# ## 小测验

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("06b", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A term of a loss has a direction, and it pays to measure where training takes it: the released code makes small what equation (1) of the paper makes large. That a term does what it should says nothing yet on the task; three seeds on ten videos cannot show a difference of a few points. And a network that is given two inputs need not use both: test it, with cases in which the two disagree or with one input exchanged.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 损失中的每一项都有方向，值得量一量训练把它带到了哪里：论文公式 (1) 要变大的量，公开代码却使它变小。某一项达到了目的，还不能说明任务做得更好；十段视频上的三个种子，分辨不出几个百分点的差别。给了网络两种输入，它不一定两种都用：要用两者矛盾的例子，或者换掉一种输入来检验。

# %% [markdown] lang="en"
# ## References
#
# - Zhicheng Zhang and Jufeng Yang. *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos.* ACM Multimedia 2022. Equation (1) is the reverse mapping; Table 5 has the paper's results without feature alignment, Table 6 those of single modalities.
# - Released code: github.com/nku-zhichengzhang/TSL300 (`model_tsl.py` 61 to 63, `train.py` 61).

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Zhicheng Zhang、Jufeng Yang. *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos.* ACM Multimedia 2022。公式 (1) 是反向映射；不做特征对齐的结果见表 5，单一模态的结果见表 6。
# - 公开的代码：github.com/nku-zhichengzhang/TSL300（`model_tsl.py` 61 至 63，`train.py` 61）。

# %% [markdown] lang="en"
# ## To go on
#
# From the command line: `bash script/run.sh TSL main --reverse_sign paper --result_path results/tsl_paper_sign`, or `--modal rgb` for one modality. Render another set of videos (`build_untrimmed_rendered` in `jacklib/samples/untrimmed.py`) and repeat section 3 on it. `07_gait` looks at the way somebody walks.

# %% [markdown] lang="zh"
# ## 还可以试试
#
# 在命令行运行 `bash script/run.sh TSL main --reverse_sign paper --result_path results/tsl_paper_sign`，或用 `--modal rgb` 只训练一种模态。另外渲染一批视频（`jacklib/samples/untrimmed.py` 的 `build_untrimmed_rendered`），在上面重做第 3 节。`07_gait` 由走路的姿态看情感。

# %%
solved, total = classroom.summary()
