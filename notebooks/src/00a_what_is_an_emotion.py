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
# # 00a · What is an emotion, and whose?
#
# | | |
# |---|---|
# | **You can afterwards** | name the emotion models behind VE8 and Ekman-6; measure distance on Plutchik's wheel; place events by valence and arousal; tell felt, expressed, perceived and evoked emotion apart; say what a polarity loss assumes |
# | **You should know** | Python functions, lists and dictionaries, NumPy arrays (any introduction); no machine learning |
# | **Minutes** | you 60 · machine 1 |
# | **Core** | sections 1 to 4 (50 minutes); extra: 5 |
# | **Needs** | this repository; no GPU, no download |

# %% [markdown] lang="zh" tags=["slide"]
# # 00a · 什么是情感？谁的情感？
#
# | | |
# |---|---|
# | **学完你能** | 说出 VE8 和 Ekman-6 背后的情感模型；计算情感轮上的距离；用效价和唤醒度给事件定位；区分感受到的、表达的、感知到的和引发的情感；说明极性损失作了什么假设 |
# | **需要先会** | Python 函数、列表、字典，NumPy 数组（任何入门教程）；不需要机器学习 |
# | **用时（分钟）** | 你 60 · 机器 1 |
# | **必学** | 第 1 至 4 节（50 分钟）；选学：第 5 节 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.teaching import classroom, show

show.setup(LANG)

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import SVG, display
from PIL import Image

from jacklib.data.video import DATASETS
from jacklib.samples.rendered import LABELS, render_clip
from jacklib.widgets import affect

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · A list of emotions ★
#
# A classifier needs classes. Which emotions are there? Psychology has no agreed answer. Two lists dominate video data sets.
#
# **Six basic emotions.** Ekman argues that a few emotions evolved to deal with fundamental tasks of life, such as a loss or a danger, each with its own signal, physiology and causes; he calls his article a research agenda more than a theory (Ekman 1992). Data sets use the six that research on faces uses most (Barrett et al. 2019): anger, disgust, fear, joy (or happiness), sadness, surprise. **Ekman-6** has its classes and its name from there.
#
# **Eight on a wheel.** Plutchik arranges eight primary emotions in a circle. Neighbours are similar, opposites face each other: joy and sadness, trust and disgust, fear and anger, surprise and anticipation (Plutchik 1980; *trust* is called *acceptance* there). Other emotions are mixtures: joy and trust give love. **VideoEmotion-8 (VE8)** uses these eight.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 列一张情感清单 ★
#
# 分类器需要类别。情感有哪些？心理学并没有公认的答案。视频数据集主要采用两种清单。
#
# **六种基本情感。** 埃克曼（Ekman）认为，少数几种情感是为应对生活中的基本任务（如丧失、危险）进化而来的，各有独特的信号、生理反应和诱因；他称自己的文章与其说是理论，不如说是研究纲领（Ekman 1992）。数据集采用的是面部表情研究中最常用的六种（Barrett 等 2019）：愤怒、厌恶、恐惧、喜悦（高兴）、悲伤、惊讶。**Ekman-6** 的类别和名称都由此而来。
#
# **轮上的八种。** 普拉切克（Plutchik）把八种主要情感排成一圈：相邻的相似，相对的相反——喜悦与悲伤、信任与厌恶、恐惧与愤怒、惊讶与期待（Plutchik 1980；书中“信任”称为“接纳”）。其他情感是它们的混合，例如喜悦加信任是爱。**VideoEmotion-8（VE8）** 采用的就是这八种。

# %% tags=["slide"]
display(SVG(affect.maps({}, lang=LANG)))
WHEEL = affect.WHEEL
print(WHEEL)

# %% [markdown] lang="en"
# The right-hand map belongs to section 2.
#
# ### ✎ 00a.1 · How far apart? · apply ●○○
#
# Write the distance of two emotions on the wheel in steps: 0 for the same one, 1 for neighbours, 4 for opposites. `wheel` is the list of names above, in this order around the circle. (An error from joy to trust then counts less than one from joy to sadness.)

# %% [markdown] lang="zh"
# 右边的图第 2 节再用。
#
# ### ✎ 00a.1 · 相距多远？ · 应用 ●○○
#
# 写出两种情感在轮上相距几步：相同为 0，相邻为 1，相对为 4。`wheel` 是上面的名称列表，按圆周顺序排列。（这样，把喜悦误判为信任，就比误判为悲伤轻。）


# %% tags=["exercise"]
def steps(a, b, wheel=WHEEL):
    """The number of steps between the names a and b on the wheel, 0 to 4."""
    ...


classroom.check("00a.1", steps)

# %% [markdown] lang="en" tags=["slide"]
# ### Positive and negative
#
# VAANet's loss, PCCE, makes an error cost more if the predicted emotion has the other **polarity** than the true one. So somebody had to sort the eight into two halves. The released code (`core/loss.py` of VAANet) and JACK (`jacklib/networks/losses.py`) count **anticipation, joy, surprise and trust** as positive, **anger, disgust, fear and sadness** as negative. For Ekman-6, which the released code does not cover, JACK counts joy and surprise.
#
# Surprise is the doubtful one: a surprise may be a present or an accident. Anticipation may be hope or dread. The label does not say which, the loss decides for all videos alike.

# %% [markdown] lang="zh" tags=["slide"]
# ### 正面与负面
#
# VAANet 的损失 PCCE 规定：预测的情感与真实情感**极性**不同时，代价更大。于是必须有人把八种情感分成两半。公开代码（VAANet 的 `core/loss.py`）和 JACK（`jacklib/networks/losses.py`）把**期待、喜悦、惊讶、信任**算作正面，把**愤怒、厌恶、恐惧、悲伤**算作负面。公开代码不含 Ekman-6，JACK 在那里把喜悦和惊讶算作正面。
#
# 惊讶最值得怀疑：惊讶可以是收到礼物，也可以是遇上事故；期待可以是盼望，也可以是担忧。标签没有说是哪一种，损失函数却对所有视频一视同仁。

# %%
positive = {name for name in DATASETS["ve8"].positive}
for name in WHEEL:
    print("+" if name in positive else "-", name)

# %% [markdown] lang="en"
# ### ✎ 00a.2 · Where polarity cuts the wheel · analyse ●●○
#
# Neighbours on the wheel are the easiest to confuse. Of the eight pairs of neighbours, how many have two polarities, so that PCCE punishes their confusion more? And how many would it be if surprise counted as negative? Write both numbers.

# %% [markdown] lang="zh"
# ### ✎ 00a.2 · 极性在哪里切开情感轮 · 分析 ●●○
#
# 轮上相邻的情感最容易混淆。八对相邻情感中，有几对极性不同，混淆它们会被 PCCE 加重惩罚？如果把惊讶算作负面，又是几对？写出这两个数。

# %% tags=["exercise"]
pairs = ...  # (as it is, with surprise negative)
classroom.check("00a.2", pairs)

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · Or two numbers ★
#
# Others doubt that emotions are separate things. Russell asked people how similar 28 words for feelings are and found that they form a circle in a plane (Russell 1980). One axis is **valence**, from unpleasant to pleasant; the other is **arousal**, from sleepy to excited. Around the circle lie pleasure (0°), excitement (45°), arousal (90°), distress (135°), displeasure (180°), depression (225°), sleepiness (270°) and relaxation (315°).
#
# | | a list of classes | valence and arousal |
# |---|---|---|
# | says | which emotion | how pleasant, how excited |
# | mild and strong | the same class | near the middle, far from it |
# | two at once | one of them is lost | the mean of the two, which may be neither |
# | fear and anger | two classes, opposite on the wheel | both unpleasant and excited: close together |
# | asked of annotators | choose a word | move two sliders |
# | loss of a network | cross entropy | squared error |
#
# **Sentiment** is coarser than both: positive, neutral or negative, which is the sign of valence. It is what TSL-300 marks in long videos (notebook 06).

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 还是用两个数？ ★
#
# 也有人怀疑情感是否真能分成一种一种。罗素（Russell）请人判断 28 个描述感受的词有多相似，发现它们在平面上排成一个圆（Russell 1980）。一个轴是**效价**（valence），从不愉快到愉快；另一个轴是**唤醒度**（arousal），从困倦到兴奋。沿圆周依次是愉快（0°）、兴奋（45°）、唤醒（90°）、苦恼（135°）、不愉快（180°）、沮丧（225°）、困倦（270°）、放松（315°）。
#
# | | 类别清单 | 效价与唤醒度 |
# |---|---|---|
# | 回答 | 是哪一种情感 | 有多愉快，有多兴奋 |
# | 强与弱 | 同一类 | 离中心近或远 |
# | 两种并存 | 丢掉一种 | 取两者的平均，可能两种都不是 |
# | 恐惧与愤怒 | 两个类别，在轮上相对 | 都不愉快而激动：靠得很近 |
# | 请标注者做的事 | 选一个词 | 拖两个滑块 |
# | 网络的损失 | 交叉熵 | 平方误差 |
#
# **情感倾向**（sentiment）比两者都粗：正面、中性或负面，即效价的符号。TSL-300 在长视频里标的就是它（见 06）。

# %% [markdown] lang="en"
# ### ✎ 00a.3 · Opposites that are close · apply ●●○
#
# The two maps disagree somewhere. `places` gives (valence, arousal) of the eight emotions, such as `{"Joy": (0.8, 0.5), ...}`. Return the pairs of opposites of the wheel that lie in the **same quadrant** of the plane, as a list of pairs in the order of the wheel, such as `[("Fear", "Anger")]`. No number is exactly 0.

# %% [markdown] lang="zh"
# ### ✎ 00a.3 · 相反却相近 · 应用 ●●○
#
# 两张图有不一致的地方。`places` 给出八种情感的（效价，唤醒度），如 `{"Joy": (0.8, 0.5), ...}`。返回轮上相对、却位于平面**同一象限**的情感对，按轮上顺序排成列表，如 `[("Fear", "Anger")]`。没有恰好为 0 的数。


# %% tags=["exercise"]
def close_opposites(places, wheel=WHEEL):
    """[(name, its opposite), ...] of those that lie in one quadrant."""
    ...


classroom.check("00a.3", close_opposites)

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · Whose emotion? ★
#
# "The emotion of this video" may mean four things. They need not agree: an actor who feels nothing expresses grief, one viewer sees despair in it, another is bored.
#
# | emotion | of whom? | how one could find out |
# |---|---|---|
# | **felt** | the person in the video | ask that person |
# | **expressed** | the person in the video, by face, voice, gait; perhaps on purpose | know the instruction, or describe the movement |
# | **perceived** | a viewer says what the person seems to feel | ask viewers about the person |
# | **evoked** | a viewer feels something | ask viewers about themselves, or measure them |
#
# Inferring what is felt from what is shown is the weakest link. A review of the evidence on faces finds that people do scowl when angry more often than chance, but that expression varies substantially across cultures, situations and people, and that the same face often expresses something else (Barrett et al. 2019). Notebook 00c returns to this.

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 谁的情感？ ★
#
# “这段视频的情感”可能指四种东西，它们不一定一致：演员心里没有感觉，却表达出悲痛；一位观众从中看出绝望，另一位却觉得无聊。
#
# | 情感 | 属于谁？ | 怎样得知 |
# |---|---|---|
# | **感受到的**（felt） | 视频里的人 | 问本人 |
# | **表达的**（expressed） | 视频里的人，通过表情、声音、步态，也可能是刻意的 | 知道给他的指示，或描述动作 |
# | **感知到的**（perceived） | 观众说那个人看上去是什么感受 | 请观众谈视频里的人 |
# | **引发的**（evoked） | 观众自己的感受 | 请观众谈自己，或测量观众 |
#
# 从表现推断感受，是最薄弱的一环。一篇关于面部表情的证据综述指出：人愤怒时皱眉的频率确实高于偶然，但表达方式因文化、情境和个人而有很大差异，同一种表情又常常表达别的东西（Barrett 等 2019）。00c 还会谈到。

# %% [markdown] lang="en"
# ### ✎ 00a.4 · Five labels · analyse ●●○
#
# Which emotion does each label record? Write one word for each: `felt`, `expressed`, `perceived`, `evoked`, or `unknown` if the description does not say.
#
# 1. TSL-300: annotators pause a video when they are aroused, and mark that frame as positive or negative (Zhang and Yang 2022, section 3.2).
# 2. Ten people look at a walking skeleton and say which emotion the walker seems to have.
# 3. An actor is told to say a sentence angrily; the label of the recording is *angry*.
# 4. After each phone call, people note in a diary how they felt during it.
# 5. A video was found on the web with the search word *joy*; its label is *joy*.

# %% [markdown] lang="zh"
# ### ✎ 00a.4 · 五个标签 · 分析 ●●○
#
# 下面每个标签记录的是哪一种情感？各写一个词：`felt`（感受到的）、`expressed`（表达的）、`perceived`（感知到的）、`evoked`（引发的）；描述里看不出的写 `unknown`。
#
# 1. TSL-300：标注者看视频，自己情绪被触动时暂停，把这一帧标为正面或负面（Zhang、Yang 2022，第 3.2 节）。
# 2. 十个人看一具行走的骨架，说行走者看上去是什么情感。
# 3. 要求演员愤怒地说一句话，录音的标签是*愤怒*。
# 4. 人们在每次通话后，在日记里记下自己通话时的感受。
# 5. 用检索词*喜悦*在网上找到一段视频，标签就是*喜悦*。

# %% tags=["exercise"]
kinds = ...  # a list of five words
classroom.check("00a.4", kinds)

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · Place eight events ★
#
# Here are the events of eight **rendered clips**, one of each class of VE8, without their names: coloured shapes that move (no sound). Nobody felt anything, and nobody expressed anything; a designer chose colours and movements that many people associate with an emotion. So what you note is what *you perceive* in shapes, or what they *evoke* in you. First a prediction.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 给八个事件定位 ★
#
# 下面是八段**渲染视频**中的事件，VE8 每类一个，名称隐去：会动的彩色图形（没有声音）。没有人感受了什么，也没有人表达什么；是设计者选用了许多人会与某种情感联系起来的色彩和动作。所以你写下的，是*你*从图形中感知到的，或它们在你心里引发的。先作一个预测。

# %% [markdown] lang="en"
# How many of the eight will you put on the petal of their label? Write a number.

# %% [markdown] lang="zh"
# 八个事件中，你会把几个放到与标签相同的花瓣上？写一个数。

# %%
guess = ...
classroom.predict("00a.p1", guess)

# %% tags=["slide"]
order = np.random.default_rng(20).permutation(8)  # do not look up what comes out
events = {}
for letter, label in zip("ABCDEFGH", order, strict=True):
    clip = render_clip(LABELS[label], seed=41)
    events[letter] = clip.frames[clip.event[0] : clip.event[1]]  # uint8 [36, 96, 128, 3]

figure, axes = plt.subplots(3, 8, figsize=(11, 3.4))
for column, (letter, frames) in zip(axes.T, events.items(), strict=True):
    column[0].set_title(letter)
    for ax, index in zip(column, (2, 18, 33), strict=True):
        ax.imshow(frames[index])
        ax.axis("off")
plt.show()

# %% [markdown] lang="en"
# Choose a letter, then the petal, then the two sliders. What you place is kept in `results/affect/`, in a file with your number as its name (`classroom.student`, notebook 00), or in `me.json`. Decide by yourself before you look at others.

# %% [markdown] lang="zh"
# 先选字母，再选花瓣，然后拖动两个滑块。你的结果保存在 `results/affect/` 里，文件名是你的编号（见 00 的 `classroom.student`），没有编号则为 `me.json`。先自己决定，再看别人的。


# %%
def animated(frames):
    """Frames as a WebP that plays at half speed."""
    first, *rest = (Image.fromarray(frame) for frame in frames[::2])
    file = io.BytesIO()
    first.save(file, "WEBP", save_all=True, append_images=rest, duration=130, loop=0, quality=70)
    return file.getvalue()


FOLDER, person = Path("results/affect"), classroom.student() or "me"
placer = affect.Placer(
    {letter: animated(frames) for letter, frames in events.items()}, FOLDER, person, LANG
)
placer

# %% [markdown] lang="en"
# Done? The next cell compares you with the labels.

# %% [markdown] lang="zh"
# 放好了？下一格把你的结果与标签对照。

# %%
mine = placer.places
labels = {letter: LABELS[label] for letter, label in zip("ABCDEFGH", order, strict=True)}
for letter, place in sorted(mine.items()):
    same = "=" if place.petal == labels[letter] else "≠"
    polarity = "=" if (place.valence > 0) == (labels[letter] in positive) else "≠"
    classroom.say(
        f"{letter}: label {labels[letter]} {same} your {place.petal}; polarity of PCCE {polarity} yours",
        f"{letter}：标签 {labels[letter]} {same} 你的 {place.petal}；PCCE 的极性 {polarity} 你的",
    )
if len(mine) == 8:
    same = sum(place.petal == labels[letter] for letter, place in mine.items())
    classroom.reveal("00a.p1", same)
else:
    classroom.say(f"{len(mine)} of 8 events placed so far.", f"已放置 {len(mine)} 个，共 8 个。")

# %% [markdown] lang="en"
# ### You and your class
#
# Put the files of your classmates into `results/affect/` and run the next cell. It draws their letters in grey and prints, for each event, how far you are from their mean, and how far they are from it on average. The plane is 2 wide and 2 high. Where the class is far from its own mean, there is no "true" place to be learned by a network.

# %% [markdown] lang="zh"
# ### 你和全班
#
# 把同学们的文件放进 `results/affect/`，运行下一格：灰色字母是他们的位置；并打印每个事件中，你离全班平均有多远，全班离自己的平均又有多远。平面宽、高各为 2。全班自己都很分散的地方，就没有什么“真值”可供网络学习。

# %%
others = [places for name, places in affect.kept(FOLDER).items() if name != person]
if mine:
    display(SVG(affect.maps(mine, others, LANG)))
for letter, place in sorted(mine.items()):
    points = np.array([other[letter][1:] for other in others if letter in other])  # [N, 2]
    if len(points):
        you = np.linalg.norm(place[1:] - points.mean(0))
        they = np.linalg.norm(points - points.mean(0), axis=1).mean()
        classroom.say(
            f"{letter} ({labels[letter]}): you are {you:.2f} from the mean, they {they:.2f}",
            f"{letter}（{labels[letter]}）：你离平均 {you:.2f}，他们离平均 {they:.2f}",
        )
if not others:
    classroom.say("No files of classmates yet: you are alone.", "还没有同学的文件，只有你自己。")

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · A rule that passes for a judgement ☆
#
# You needed no network to place the events, and neither does a rule. The next exercise shows how far two numbers computed from pixels go. That such a rule agrees with the labels does not make it understand emotions: it repeats the designer's associations. The same holds for a network that is trained on these clips.
#
# ### ✎ 00a.5 · Place them by pixels · create ●●●
#
# Write a function that gives (valence, arousal) of an event from its frames, both in -1..1. It is tried on 24 new events. Wanted: the sign of valence agrees with PCCE's polarity in at least 20 of them, and of the pairs of one calm event (sadness, trust) and one lively event (anger, fear, joy, surprise) the lively one has the higher arousal in at least 95%. Many rules do.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 看似判断的规则 ☆
#
# 给事件定位，你不需要网络，一条规则也不需要。下面的练习说明，从像素算出的两个数能走多远。规则与标签一致，并不等于它理解情感：它只是重复了设计者的联想。用这些视频训练的网络也是如此。
#
# ### ✎ 00a.5 · 用像素定位 · 创造 ●●●
#
# 写一个函数，由事件的画面给出（效价，唤醒度），都在 -1..1 之间。检查时用 24 个新事件。要求：至少 20 个的效价符号与 PCCE 的极性一致；在由一个平静事件（悲伤、信任）和一个活跃事件（愤怒、恐惧、喜悦、惊讶）组成的各对中，至少 95% 的活跃事件唤醒度更高。可行的规则很多。


# %% tags=["exercise"]
def place(frames):
    """(valence, arousal); frames is float [36, 96, 128, 3] in 0..1, 30 per second."""
    ...


classroom.check("00a.5", place)

# %% [markdown] lang="en"
# ## Quiz
#
# Write a letter for each question and run the cell again.

# %% [markdown] lang="zh"
# ## 小测验
#
# 为每题写一个字母，再运行一次。

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("00a", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# Emotions can be described by a list of classes, such as Ekman's six or Plutchik's eight, or by two numbers, valence and arousal, and the two descriptions disagree in places. A label records what somebody felt, expressed, perceived or had evoked, and often it does not say which. A model that agrees with labels has learned whose judgement they were, not what an emotion is.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 情感可以用类别清单（如埃克曼的六种、普拉切克的八种）描述，也可以用效价和唤醒度两个数描述，两种描述有不一致之处。标签记录的是某人感受到、表达出、感知到或被引发的情感，而且常常没有说明是哪一种。模型与标签一致，说明它学到了某些人的判断，而不是学到了什么是情感。

# %% [markdown] lang="en"
# ## References
#
# - Barrett, Adolphs, Marsella, Martinez and Pollak, *Emotional Expressions Reconsidered: Challenges to Inferring Emotion From Human Facial Movements*, Psychological Science in the Public Interest 20(1), 2019 (abstract).
# - Ekman, *An Argument for Basic Emotions*, Cognition and Emotion 6(3-4), 1992 (abstract and introduction).
# - Jiang, Xu and Xue, *Predicting Emotions in User-Generated Videos*, AAAI 2014 (VE8; the data set's page).
# - Plutchik, *A General Psychoevolutionary Theory of Emotion*, in Plutchik and Kellerman (eds.), *Emotion: Theory, Research, and Experience*, vol. 1, Academic Press 1980 (named for the wheel).
# - Russell, *A Circumplex Model of Affect*, Journal of Personality and Social Psychology 39(6), 1980 (abstract).
# - Zhang and Yang, *Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*, ACM MM 2022.
# - Zhao et al., *An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*, AAAI 2020 (VAANet; polarity from the released code).

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Barrett、Adolphs、Marsella、Martinez、Pollak，*Emotional Expressions Reconsidered: Challenges to Inferring Emotion From Human Facial Movements*，Psychological Science in the Public Interest 20(1)，2019（摘要）。
# - Ekman，*An Argument for Basic Emotions*，Cognition and Emotion 6(3-4)，1992（摘要和引言）。
# - Jiang、Xu、Xue，*Predicting Emotions in User-Generated Videos*，AAAI 2014（VE8；数据集主页）。
# - Plutchik，*A General Psychoevolutionary Theory of Emotion*，载 Plutchik、Kellerman 编 *Emotion: Theory, Research, and Experience* 第 1 卷，Academic Press 1980（情感轮的出处）。
# - Russell，*A Circumplex Model of Affect*，Journal of Personality and Social Psychology 39(6)，1980（摘要）。
# - Zhang、Yang，*Temporal Sentiment Localization: Listen and Look in Untrimmed Videos*，ACM MM 2022。
# - Zhao 等，*An End-to-End Visual-Audio Attention Network for Emotion Recognition in User-Generated Videos*，AAAI 2020（VAANet；极性取自公开代码）。

# %% [markdown] lang="en"
# **To go on:** place the events again tomorrow without looking, and compare with yourself; do it once more with sound (notebook 00 plays a clip); ask somebody who has seen none of this. Next: **00b_labels_and_annotators**.

# %% [markdown] lang="zh"
# **还可以试试：** 明天不看答案再放一遍，与自己比较；配上声音再放一遍（00 里可以播放视频）；请一个没看过这些内容的人来放。下一课：**00b_labels_and_annotators**。
