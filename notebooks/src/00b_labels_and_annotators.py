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
# # 00b · Labels, annotators, baselines
#
# | | |
# |---|---|
# | **You can afterwards** | say how VE8, Ekman-6, CAER, TSL-300 and Emotion-Gait got their labels; compute κ and α and explain when they deceive; read how three annotators of TSL-300 differ; give the baseline of a split; say how sure a mean over ten splits is |
# | **You should know** | whose emotion a label records (00a); mean and standard deviation; NumPy |
# | **Minutes** | you 80 · machine 1 |
# | **Core** | sections 1 to 4 and 6 (55 minutes); extra: 5, 7 |
# | **Needs** | this repository; no GPU, no download |

# %% [markdown] lang="zh" tags=["slide"]
# # 00b · 标签、标注者与基线
#
# | | |
# |---|---|
# | **学完你能** | 说出 VE8、Ekman-6、CAER、TSL-300、Emotion-Gait 的标签从何而来；计算 κ 和 α，并说明它们何时会误导；看懂 TSL-300 三位标注者的差别；给出一个划分的基线；说明十个划分的平均有多可靠 |
# | **需要先会** | 标签记录的是谁的情感（00a）；平均数和标准差；NumPy |
# | **用时（分钟）** | 你 80 · 机器 1 |
# | **必学** | 第 1 至 4 节、第 6 节（55 分钟）；选学：第 5、7 节 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.teaching import classroom, show

show.setup(LANG)

import json
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np

from jacklib.samples import samples_folder

SPLITS = samples_folder() / "splits"

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · Where labels come from ★
#
# | data set | what was labelled | by whom and how | source |
# |---|---|---|---|
# | **VE8** | 1,101 videos from YouTube and Flickr, eight classes | collected for the eight emotions of Plutchik's wheel, then filtered by hand | Jiang et al. 2014, data set's page; Zhang et al. 2023, section 4.1 |
# | **Ekman-6** | 1,637 videos from the same sites, six classes | the six emotions were the search words, for about 3,000 videos. Ten annotators judged every video; it was left out if over half of them disagreed **with the search word** | Xu et al. 2018, as its page on Papers with Code tells |
# | **CAER** | 13,201 clips of TV shows, the classes of Ekman-6 | labelled by hand | Zhang et al. 2023, section 4.1 |
# | **TSL-300** | 300 long videos: where is the sentiment positive, where negative? | four annotators, trained, tested on ten videos and hired from 80% right on; label by majority. Over half agree in 98.97% | Zhang and Yang 2022, section 3.2 |
# | **Emotion-Gait** | 2,177 walks, four classes | by domain experts; for the 1,835 walks from ELMD ten annotators are named, who could give several emotions (happy 58%, sad 32%, angry 23%, neutral 14% of the walks) | Zhai et al. 2024, section IV-A |
# | JACK's rendered clips | 192 clips, eight classes | by the program that draws them | `data_samples/rendered` |
#
# Read the row of Ekman-6 again. The annotators did not choose a class: they could only veto the one that a search engine had suggested. And in Emotion-Gait the shares sum to 127%: many walks had two emotions before one class was made of them.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 标签从何而来 ★
#
# | 数据集 | 标注了什么 | 谁标的，怎样标 | 出处 |
# |---|---|---|---|
# | **VE8** | YouTube 和 Flickr 上的 1,101 段视频，八类 | 按普拉切克情感轮的八种情感收集，再人工筛选 | Jiang 等 2014，数据集主页；Zhang 等 2023，第 4.1 节 |
# | **Ekman-6** | 同样网站上的 1,637 段视频，六类 | 以六种情感为检索词，得到约 3,000 段。每段由十位标注者判断；若过半数**与检索词**不一致，就剔除 | Xu 等 2018，据其 Papers with Code 页面 |
# | **CAER** | 电视节目的 13,201 个片段，类别同 Ekman-6 | 人工标注 | Zhang 等 2023，第 4.1 节 |
# | **TSL-300** | 300 段长视频：哪里正面，哪里负面？ | 四位标注者，经过培训，用十段视频考核，正确率达 80% 才录用；按多数定标签。98.97% 有过半数一致 | Zhang、Yang 2022，第 3.2 节 |
# | **Emotion-Gait** | 2,177 段步态，四类 | 由领域专家标注；其中来自 ELMD 的 1,835 段写明有十位标注者，可以选多种情感（高兴 58%，悲伤 32%，愤怒 23%，中性 14%） | Zhai 等 2024，第 IV-A 节 |
# | JACK 的渲染视频 | 192 段，八类 | 由画它们的程序给出 | `data_samples/rendered` |
#
# 再看 Ekman-6 那一行：标注者并没有选类别，只能否决搜索引擎给出的那一类。而 Emotion-Gait 的比例加起来是 127%：许多步态本来有两种情感，后来才并成一类。

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · What a label costs ★
#
# For the 200 training videos of TSL-300, the authors report (their Table 1):
#
# | label | annotators' time |
# |---|---|
# | frame by frame: every emotional segment with its beginning and end | 80 h 41 min |
# | one frame in each segment | 1 h 13 min |
# | one label for the whole video | 0 h 54 min |
#
# That is why TSL-Net (notebook 06) learns from single frames. The text adds that the time of watching is left out, since everyone must watch. How much is that?

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 标签要花多少时间 ★
#
# TSL-300 的 200 段训练视频，作者报告的标注时间（论文表 1）：
#
# | 标签 | 标注者用时 |
# |---|---|
# | 逐帧：每个情感片段的起止 | 80 小时 41 分 |
# | 每个片段标一帧 | 1 小时 13 分 |
# | 整段视频一个标签 | 0 小时 54 分 |
#
# 所以 TSL-Net（06）只用单帧标注学习。正文补充说，观看视频的时间没有计入，因为反正都要看。那是多少？

# %%
seconds = json.loads((SPLITS / "tsl300" / "len_duration_dict.json").read_text())
train = (SPLITS / "tsl300" / "split_train.txt").read_text().split()
watch = sum(seconds[name] for name in train) / 3600
classroom.say(
    f"{len(train)} training videos, {watch:.2f} hours to watch them once",
    f"{len(train)} 段训练视频，看一遍要 {watch:.2f} 小时",
)

# %% [markdown] lang="en"
# ### ✎ 00b.1 · How many times as much? · analyse ●●○
#
# Suppose that an annotator watches each video once, whatever the kind of label. How many times as long as single-frame labels do frame-by-frame labels then take, watching included? (To two decimals.)

# %% [markdown] lang="zh"
# ### ✎ 00b.1 · 是几倍？ · 分析 ●●○
#
# 假设不论哪种标签，标注者每段视频都看一遍。把观看时间算进去，逐帧标注用时是单帧标注的几倍？（保留两位小数。）

# %% tags=["exercise"]
times = ...
classroom.check("00b.1", times, watch=watch)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Do annotators agree? ★
#
# Two annotators agree on a share $p_o$ of the items. Some of that is chance: who says "neutral" almost always agrees with everybody who does. If both chose at random with the shares that they have, they would agree on $p_e = \sum_c p_c\, q_c$, where $p_c$ and $q_c$ are the shares of class $c$ with one and the other. Cohen's **kappa** (Cohen 1960) is the part of the possible agreement beyond chance that was reached:
#
# $$\kappa = \frac{p_o - p_e}{1 - p_e}$$
#
# It is 1 for full agreement, 0 for chance, below 0 for less than chance.

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 标注者一致吗？ ★
#
# 两位标注者对比例为 $p_o$ 的样本意见一致。其中一部分出于偶然：几乎总说“中性”的人，与同样这样做的人自然一致。若两人都按各自的比例随机选择，一致的比例是 $p_e = \sum_c p_c\, q_c$，其中 $p_c$、$q_c$ 是两人选类别 $c$ 的比例。Cohen 的 **kappa**（Cohen 1960）是：在超出偶然的可能一致中，实际达到了多少：
#
# $$\kappa = \frac{p_o - p_e}{1 - p_e}$$
#
# 完全一致为 1，与偶然相当为 0，不如偶然则小于 0。

# %% [markdown] lang="en"
# ### ✎ 00b.2 · Kappa · apply ●●○
#
# Write κ for two arrays of labels of the same items. (If both always choose the same single class, κ is not defined; that does not occur here.)

# %% [markdown] lang="zh"
# ### ✎ 00b.2 · Kappa · 应用 ●●○
#
# 给定两人对同一批样本的标签数组，计算 κ。（若两人始终只选同一类，κ 没有定义；这里不会出现。）


# %% tags=["exercise"]
def kappa(a, b):
    """Cohen's kappa of the labels a and b, both [N]."""
    ...


classroom.check("00b.2", kappa)

# %% [markdown] lang="en"
# ### ✎ 00b.3 · Nine in ten, and nothing · create ●●○
#
# Make two arrays of at least 100 labels, 0 or 1, that agree on at least 90% of the items while κ is at most 0.1. Each annotator must use both labels. What kind of data is it for which a report of "90% agreement" should not impress you?

# %% [markdown] lang="zh"
# ### ✎ 00b.3 · 九成一致，等于没有 · 创造 ●●○
#
# 构造两个至少 100 个标签（0 或 1）的数组，使两者在至少 90% 的样本上一致，而 κ 不超过 0.1。每位标注者都要用到两种标签。对什么样的数据，“一致率 90%”的报告不值得高兴？

# %% tags=["exercise"]
deceptive = ...  # (a, b)
classroom.check("00b.3", deceptive)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Three annotators of TSL-300 ★
#
# The authors publish the points of three annotators for the 200 training videos. A point is a frame at which the annotator paused the film, being moved, with its sentiment: `n` negative, `p` positive. Where do the three differ?

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · TSL-300 的三位标注者 ★
#
# 作者公开了三位标注者在 200 段训练视频上标的点。一个点就是标注者被触动、暂停影片的那一帧，并带有情感倾向：`n` 负面，`p` 正面。三人的差别在哪里？

# %%
from jacklib.core import agreement
from jacklib.data.tsl300 import read_annotators

videos = read_annotators(SPLITS / "tsl300")  # {video: {annotator: [(label, seconds), ...]}}
names = sorted(next(iter(videos.values())))
for name in names:
    count = Counter(label for marks in videos.values() for label, _ in marks[name])
    classroom.say(
        f"{name}: {count.total()} points, {count['p']} positive, {count['n']} negative",
        f"{name}：{count.total()} 个点，正面 {count['p']} 个，负面 {count['n']} 个",
    )

# %% [markdown] lang="en"
# First a prediction: cut the videos into pieces of 10 seconds, and note for each annotator whether a piece has a point or not. What is κ between annotators 0 and 1?

# %% [markdown] lang="zh"
# 先预测：把视频切成 10 秒一块，记下每位标注者在每块里有没有标点。标注者 0 与 1 之间的 κ 是多少？

# %%
guess = ...
classroom.predict("00b.p1", guess)

# %% tags=["slide"]
video = "195_Ekman6_sadness_1631"
figure, ax = plt.subplots(figsize=(9, 1.6))
for row, name in enumerate(names):
    for label, second in videos[video][name]:
        ax.plot(second, row, "|", ms=14, mew=2, color=show.ORANGE if label == "p" else show.BLUE)
ax.set(title=video, xlabel=show.translated("time (s)"), xlim=(0, seconds[video]), ylim=(2.6, -0.6))
ax.set_yticks(range(3), names)
plt.show()

# %% [markdown] lang="en"
# One video, a row for each annotator; orange is positive, blue negative. Now all videos in pieces of 10 seconds. The second number is the share of pieces for which more than half of the three agree:

# %% [markdown] lang="zh"
# 一段视频，每行一位标注者；橙色为正面，蓝色为负面。再看全部视频，每 10 秒一块。第二个数是三人中过半数一致的块所占的比例：

# %%
numbers = {"": 0, "n": 1, "p": 2, "n+p": 3}
rows = [[], [], []]
for name, marks in videos.items():
    for row, labels in zip(rows, agreement.in_windows(marks, seconds[name], 10), strict=True):
        row += [numbers[label] for label in labels]
pieces = np.array(rows)  # [annotators, pieces]
shares = ", ".join(f"{share:.0%}" for share in (pieces > 0).mean(axis=1))
most = agreement.majority(pieces.tolist())
classroom.say(
    f"{pieces.shape[1]} pieces; marked by each: {shares}; a majority agrees in {most:.1%}",
    f"共 {pieces.shape[1]} 块；三人各标了 {shares}；过半数一致的占 {most:.1%}",
)

# %% [markdown] lang="en"
# ### ✎ 00b.4 · When, or what? · analyse ●●○
#
# Do annotators disagree about *when* somebody is moved, or about *what* is positive? `a` and `b` hold a number for each piece: 0 nothing marked, 1 negative, 2 positive, 3 both. Return two numbers: κ of *marked or not*, over all pieces; and κ of the numbers 1, 2, 3 over the pieces that **both** have marked. You may call your `kappa`, or write it again.

# %% [markdown] lang="zh"
# ### ✎ 00b.4 · 是时间，还是内容？ · 分析 ●●○
#
# 标注者的分歧，在于*什么时候*被触动，还是在于*什么算*正面？`a` 和 `b` 对每一块给出一个数：0 没有标，1 负面，2 正面，3 两者都有。返回两个数：全部块上“标了或没标”的 κ；以及**两人都标了**的那些块上，1、2、3 的 κ。可以调用你的 `kappa`，也可以重写。


# %% tags=["exercise"]
def when_and_what(a, b):
    """(kappa of marked or not, kappa of the kind where both have marked)."""
    ...


classroom.check("00b.4", when_and_what)

# %%
for one, other in ((0, 1), (0, 2), (1, 2)):
    found = when_and_what(pieces[one], pieces[other])
    if found is not None:
        classroom.say(
            f"annotators {one} and {other}: when κ {found[0]:.2f}, what κ {found[1]:.2f}",
            f"标注者 {one} 与 {other}：何时 κ {found[0]:.2f}，是什么 κ {found[1]:.2f}",
        )

# %%
marked = (pieces > 0).tolist()
agree = np.mean(np.equal(*marked[:2]))
classroom.say(
    f"annotators 0 and 1 agree on {agree:.0%} of the pieces, marked or not",
    f"标注者 0 与 1 在 {agree:.0%} 的块上一致（标了或都没标）",
)
classroom.reveal("00b.p1", round(agreement.kappa(*marked[:2]), 2))

matched = [agreement.agreement_of_points(marks) for marks in videos.values()]
points = sum(len(marks) for one in matched for marks in one.points.values())
partners = sum(len(one.matches) for one in matched)  # of three pairs of annotators
classroom.say(
    f"points with a partner of the same sentiment within 3 s: {partners / points:.0%}",
    f"3 秒之内有同倾向的对应点的占 {partners / points:.0%}",
)

# %% [markdown] lang="en"
# A majority of nearly 99% and these κ belong to the same labels. With three people a majority is missing only where all three differ, and most pieces are empty for everybody; κ asks whether two of them stopped the film at the same moments. (The paper reports 98.97% majority agreement; how a label was counted it does not say, so do not take the two numbers for the same.) Where both did stop, they mostly agree on what it was. For a network this means: a point says "somewhere here", its absence hardly says "nothing here". TSL-Net's pseudo labels (06) are an answer to just that.

# %% [markdown] lang="zh"
# 接近 99% 的多数一致与这些 κ，来自同样的标签。三个人里，只有三人各不相同才没有多数，而大多数块对所有人都是空的；κ 问的则是两个人是否在相同的时刻暂停了影片。（论文报告的多数一致是 98.97%，但没有说明按什么计数，所以不要把两个数当成一回事。）两人都暂停的地方，对“是什么”大多意见一致。对网络的含义是：一个点表示“大约在这里”，没有点却几乎不能表示“这里什么也没有”。TSL-Net 的伪标签（06）正是为此而设。

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · More than two, and gaps ☆
#
# For several annotators, some of whom skipped items, Krippendorff's **alpha** compares disagreement instead: $\alpha = 1 - D_o / D_e$. For classes without order (nominal data), count for each item with $m_u \ge 2$ labels how many have class $c$, $n_{uc}$. With $n = \sum_u m_u$ labels in all and $n_c = \sum_u n_{uc}$ of class $c$,
#
# $$D_o = \frac{1}{n}\sum_u \frac{m_u^2 - \sum_c n_{uc}^2}{m_u - 1}, \qquad D_e = \frac{n^2 - \sum_c n_c^2}{n\,(n-1)}$$
#
# $D_o$ is the share of pairs of labels within an item that differ, $D_e$ that among all labels thrown together. A survey of these measures and of what is hidden in them: Artstein and Poesio (2008).

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 两人以上，且有缺失 ☆
#
# 标注者多于两人、有人跳过一些样本时，Krippendorff 的 **alpha** 改为比较不一致：$\alpha = 1 - D_o / D_e$。对没有顺序的类别，对每个至少有两个标签（$m_u \ge 2$）的样本，数出其中类别 $c$ 的个数 $n_{uc}$。标签总数 $n = \sum_u m_u$，类别 $c$ 共 $n_c = \sum_u n_{uc}$ 个，
#
# $$D_o = \frac{1}{n}\sum_u \frac{m_u^2 - \sum_c n_{uc}^2}{m_u - 1}, \qquad D_e = \frac{n^2 - \sum_c n_c^2}{n\,(n-1)}$$
#
# $D_o$ 是同一样本内两两标签不同的比例，$D_e$ 是把所有标签混在一起时不同的比例。这些指标及其中隐含的假设，见综述 Artstein、Poesio（2008）。

# %% [markdown] lang="en"
# ### ✎ 00b.5 · Alpha · apply ●●●
#
# Write α for labels [annotators, items], whole numbers from 0; −1 stands where an annotator gave none. Items with fewer than two labels do not count.

# %% [markdown] lang="zh"
# ### ✎ 00b.5 · Alpha · 应用 ●●●
#
# 给定标签 [标注者, 样本]（从 0 起的整数，−1 表示该标注者没有标），计算 α。标签少于两个的样本不计入。


# %% tags=["exercise"]
def alpha(labels):
    """Krippendorff's alpha for nominal labels [annotators, items]; -1: no label."""
    ...


classroom.check("00b.5", alpha)

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · What an accuracy is worth ★
#
# Classes are not equally frequent. The splits that come with the released code of VAANet and CTEN (`data_samples/splits`):

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 准确率值多少 ★
#
# 各类数量并不相同。随 VAANet 和 CTEN 的代码公开的划分（`data_samples/splits`）：

# %% tags=["slide"]
splits = {}
for name in ("ve8_01", "ek6_01"):
    database = json.loads((SPLITS / f"{name}.json").read_text())["database"].values()
    splits[name] = {
        part: [entry["annotations"]["label"].capitalize() for entry in database
               if entry["subset"] == part]
        for part in ("training", "validation")
    }  # fmt: skip

figure, axes = plt.subplots(1, 2, figsize=(9, 2.6))
for ax, (name, parts) in zip(axes, splits.items(), strict=True):
    classes = sorted(set(parts["training"]))
    for shift, colour, (part, labels) in zip(
        (-0.2, 0.2), (show.GREY, show.BLUE), parts.items(), strict=True
    ):
        count = Counter(labels)
        shares = [100 * count[c] / len(labels) for c in classes]
        ax.bar(
            np.arange(len(classes)) + shift, shares, 0.4, color=colour, label=show.translated(part)
        )
    ax.axhline(100 / len(classes), color="black", ls="--", lw=1)
    ax.set_xticks(range(len(classes)), map(show.translated, classes), rotation=30)
    ax.set(title=name, ylabel="%")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown] lang="en"
# ### ✎ 00b.6 · The majority baseline · apply ●○○
#
# A "classifier" that has seen only the training labels always answers their most frequent class. Return that class and its accuracy on the test labels. (No two classes are equally frequent here.) Then look at VE8 and Ekman-6 below.

# %% [markdown] lang="zh"
# ### ✎ 00b.6 · 多数类基线 · 应用 ●○○
#
# 一个只看过训练标签的“分类器”总是答其中最多的一类。返回这个类别，以及它在测试标签上的准确率。（这里没有并列最多的类别。）然后看看下面 VE8 和 Ekman-6 的结果。


# %% tags=["exercise"]
def majority(training, test):
    """(the most frequent training label, its accuracy on test); both lists of names."""
    ...


classroom.check("00b.6", majority)

# %%
for name, parts in splits.items():
    found = majority(parts["training"], parts["validation"])
    guessing = 1 / len(set(parts["training"]))
    if found is not None:
        classroom.say(
            f"{name}: always {found[0]} {found[1]:.1%}, guessing uniformly {guessing:.1%}",
            f"{name}：全猜 {found[0]} {found[1]:.1%}，随机猜测 {guessing:.1%}",
        )

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · What is a mean over ten splits worth? ☆
#
# On VE8, papers divide the 1,101 videos ten times, two thirds to train and one third to test, and report the mean accuracy: CTEN 57.3% (Zhang et al. 2023, sections 4.2 and 4.3), VAANet 54.5%. It is tempting to take the ten results as ten measurements and divide their spread by $\sqrt{10}$. But the ten test sets share videos: each video is tested about three times, and a video that is hard in one split is hard in the next.
#
# Let us simulate two extreme networks of the same true accuracy, 57.3%. For the *fickle* one every test is a new throw of the dice; the *stubborn* one gets the same videos right in every split. We draw 200 data sets of 1,101 videos and look how far the mean of ten splits really varies.

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 十个划分的平均值多少？ ☆
#
# 在 VE8 上，论文把 1,101 段视频划分十次，三分之二训练，三分之一测试，报告平均准确率：CTEN 57.3%（Zhang 等 2023，第 4.2、4.3 节），VAANet 54.5%。人们很想把十个结果当作十次测量，用它们的离散程度除以 $\sqrt{10}$。但十个测试集有重叠：每段视频大约被测三次，在一个划分里难的视频，在另一个里也难。
#
# 我们模拟两个极端的网络，真实准确率都是 57.3%。*善变*的网络每次测试都重新掷骰子；*固执*的网络在每个划分里都答对同样的视频。抽取 200 个各含 1,101 段视频的数据集，看十个划分的平均实际上变动多大。


# %%
def ten_splits(chance, rng):
    """[10, N]: 1 right, 0 wrong, NaN where a video is not in that split's test set; chance [N] is
    how often each video is answered rightly."""
    right = np.full((10, len(chance)), np.nan)
    for split in right:
        test = rng.permutation(len(chance))[: len(chance) // 3]
        split[test] = rng.random(len(test)) < chance[test]
    return right


def network(kind, rng, videos=1101, accuracy=0.573):
    return np.full(videos, accuracy) if kind == "fickle" else 1.0 * (rng.random(videos) < accuracy)


simulated = {}
for kind in ("fickle", "stubborn"):
    means, naive = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        each = np.nanmean(ten_splits(network(kind, rng), rng), axis=1)  # ten accuracies
        means.append(each.mean())
        naive.append(each.std(ddof=1) / np.sqrt(10))
    simulated[kind] = 100 * np.std(means)
    said = 100 * np.mean(naive)
    classroom.say(
        f"{kind}: the mean varies by {simulated[kind]:.2f} points; spread / √10 says {said:.2f}",
        f"{kind}：平均实际变动 {simulated[kind]:.2f} 个百分点；离散程度 / √10 得出 {said:.2f}",
    )

# %% [markdown] lang="en"
# The naive error is nearly the same for both, so it cannot tell them apart. For the stubborn network it is too small by more than half.
#
# ### ✎ 00b.7 · An error that can tell · analyse ●●○
#
# Take the *videos* as the units that vary, not the splits. Give each video the mean of its results over the splits in which it was tested; the standard error of the accuracy is the standard deviation of these numbers (`ddof=1`) over the square root of how many videos were tested at all.

# %% [markdown] lang="zh"
# 两者的朴素误差几乎相同，所以它分辨不出两种网络；对固执的网络，它小了一半以上。
#
# ### ✎ 00b.7 · 分辨得出的误差 · 分析 ●●○
#
# 把*视频*而不是划分当作会变动的单位。每段视频取它在各个被测划分中结果的平均；准确率的标准误差，就是这些数的标准差（`ddof=1`）除以被测视频数的平方根。


# %% tags=["exercise"]
def honest_error(right):
    """The standard error of the mean accuracy; right [splits, videos], NaN: not tested."""
    ...


classroom.check("00b.7", honest_error)

# %%
for kind in ("fickle", "stubborn"):
    rng = np.random.default_rng(1)
    found = honest_error(ten_splits(network(kind, rng), rng))
    if found is not None:
        classroom.say(
            f"{kind}: honest error {100 * found:.2f} points, real {simulated[kind]:.2f}",
            f"{kind}：如实的误差 {100 * found:.2f} 个百分点，真实的 {simulated[kind]:.2f}",
        )

# %% [markdown] lang="en"
# Real networks lie between the two. So 57.3 against 54.5 is a difference of 2.8 points of which each side is uncertain by 1 to 1.7; to compare fairly, use the same splits for both and look at the differences video by video, or at least split by split (notebook 04, "How to compare runs").

# %% [markdown] lang="zh"
# 真实的网络介于两者之间。所以 57.3 与 54.5 相差 2.8 个百分点，而两边各有 1 到 1.7 个百分点的不确定。要公平地比较，应当用相同的划分，逐段视频、至少逐个划分地看差值（04，“怎样比较两次运行”）。

# %% [markdown] lang="en"
# ## Quiz

# %% [markdown] lang="zh"
# ## 小测验

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("00b", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# A label is the end of a procedure: who chose the videos, who judged, what they were asked, and how votes became one class. Agreement counts beyond chance only, and annotators may agree on what while they differ on when. An accuracy needs the majority baseline of its split beside it, and an error that takes the videos, not the splits, as what varies.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 标签是一套流程的结果：谁挑的视频，谁来判断，问了什么，投票怎样变成一个类别。一致性只有超出偶然的部分才算数，而且标注者可能对“是什么”一致，对“在何时”不一致。准确率旁边要有该划分的多数类基线，误差要以视频而不是划分为变动的单位。

# %% [markdown] lang="en"
# ## References
#
# - Artstein and Poesio, *Inter-Coder Agreement for Computational Linguistics*, Computational Linguistics 34(4), 2008 (abstract and introduction).
# - Cohen, *A Coefficient of Agreement for Nominal Scales*, Educational and Psychological Measurement 20(1), 1960 (named for κ); Krippendorff, *Content Analysis* (named for α).
# - Jiang, Xu and Xue, *Predicting Emotions in User-Generated Videos*, AAAI 2014 (VE8; the data set's page).
# - Lee, Kim, Kim, Park and Sohn, *Context-Aware Emotion Recognition Networks*, ICCV 2019 (CAER, named for the data set).
# - Xu, Fu, Jiang, Li and Sigal, *Heterogeneous Knowledge Transfer in Video Emotion Recognition, Attribution and Summarization*, IEEE Transactions on Affective Computing 2018 (Ekman-6; its page on Papers with Code).
# - Zhai et al., *Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*, IEEE Transactions on Affective Computing 2024.
# - Zhang, Wang and Yang, *Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*, CVPR 2023 (CTEN).
# - Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022 (TSL-300); the annotators' points are from the authors' repository.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Artstein、Poesio，*Inter-Coder Agreement for Computational Linguistics*，Computational Linguistics 34(4)，2008（摘要和引言）。
# - Cohen，*A Coefficient of Agreement for Nominal Scales*，Educational and Psychological Measurement 20(1)，1960（κ 的出处）；Krippendorff，*Content Analysis*（α 的出处）。
# - Jiang、Xu、Xue，*Predicting Emotions in User-Generated Videos*，AAAI 2014（VE8；数据集主页）。
# - Lee、Kim、Kim、Park、Sohn，*Context-Aware Emotion Recognition Networks*，ICCV 2019（CAER 的出处）。
# - Xu、Fu、Jiang、Li、Sigal，*Heterogeneous Knowledge Transfer in Video Emotion Recognition, Attribution and Summarization*，IEEE Transactions on Affective Computing 2018（Ekman-6；Papers with Code 页面）。
# - Zhai 等，*Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*，IEEE Transactions on Affective Computing 2024。
# - Zhang、Wang、Yang，*Weakly Supervised Video Emotion Detection and Prediction via Cross-Modal Temporal Erasing Network*，CVPR 2023（CTEN）。
# - Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022（TSL-300）；标注点取自作者的仓库。

# %% [markdown] lang="en"
# **To go on:** take pieces of 5 and of 30 seconds in section 4: what happens to both κ, and why? Label five clips of *Big Buck Bunny* with two friends and compute α. Next: **00c_may_we_do_this**.

# %% [markdown] lang="zh"
# **还可以试试：** 第 4 节改用 5 秒和 30 秒的块，两个 κ 怎样变化，为什么？和两位朋友一起给 *Big Buck Bunny* 的五个片段加标签，算出 α。下一课：**00c_may_we_do_this**。
