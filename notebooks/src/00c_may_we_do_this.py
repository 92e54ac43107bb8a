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
# # 00c · May we do this?
#
# | | |
# |---|---|
# | **You can afterwards** | ask the questions of consent before you record; show why gait identifies a person; say what the EU's AI Act and China's rules demand of emotion recognition; name who is missing from the data; say what an attention map does not prove; write a model card |
# | **You should know** | accuracy and its baselines (00b); whose emotion a label records (00a); NumPy |
# | **Minutes** | you 60 · machine 1 |
# | **Core** | sections 1 to 5 and 7 (50 minutes); extra: 6 |
# | **Needs** | this repository; no GPU, no download |
#
# This notebook reports laws as facts, with articles, as far as we could check them in November 2026. **It is not legal advice.** Before you record or judge people, ask your institution's ethics board and its data protection officer.

# %% [markdown] lang="zh" tags=["slide"]
# # 00c · 可以这样做吗？
#
# | | |
# |---|---|
# | **学完你能** | 在采集之前问清同意的问题；说明步态为什么能识别个人；说出欧盟《人工智能法》和中国相关规定对情感识别的要求；指出数据中缺少了哪些人；说明注意力图不能证明什么；写出一张模型卡 |
# | **需要先会** | 准确率及其基线（00b）；标签记录的是谁的情感（00a）；NumPy |
# | **用时（分钟）** | 你 60 · 机器 1 |
# | **必学** | 第 1 至 5 节、第 7 节（50 分钟）；选学：第 6 节 |
# | **运行条件** | 本仓库；不需要 GPU，也不用下载 |
#
# 本笔记本按条文介绍法律，内容为 2026 年 11 月所能核对到的。**这不是法律意见。** 在采集或评判任何人之前，请先咨询所在机构的伦理委员会和个人信息保护负责人。

# %% lang="en"
LANG = "en"

# %% lang="zh"
LANG = "zh"

# %%
from jacklib.teaching import classroom, show

show.setup(LANG)

import json

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from jacklib.core.skeleton import EDGES
from jacklib.samples import samples_folder, styled_gaits
from jacklib.weights.checkpoint import read_options

# %% [markdown] lang="en" tags=["slide"]
# ## 1 · Before the law: five questions ★
#
# 1. **Who is shown**, and do they know it? Somebody who uploaded a birthday video did not agree to become training data; the guests in it were not asked at all.
# 2. **What did they agree to?** To be filmed is not to be analysed, and to be analysed for a thesis is not to be analysed for a product. Consent is for a purpose.
# 3. **Could they say no**, and can they still change their minds? A pupil cannot freely refuse the school, nor an employee the employer. Can you still find and delete one person's data?
# 4. **What happens to them** because of the output? A wrong caption is a nuisance; a wrong "not attentive" in a pupil's file is harm.
# 5. **Is it needed?** Would fewer data, less detail, or no computer do?
#
# The data that ship with JACK are chosen by these questions: rendered clips show nobody, *Big Buck Bunny* is an animated film under a free licence, and the walks come from published motion capture.

# %% [markdown] lang="zh" tags=["slide"]
# ## 1 · 谈法律之前：五个问题 ★
#
# 1. **出现了谁**，他们知道吗？上传生日视频的人，没有同意让它成为训练数据；视频里的客人更没有人问过。
# 2. **他们同意的是什么？** 同意被拍摄，不等于同意被分析；同意用于论文，不等于同意用于产品。同意总是针对某个目的的。
# 3. **他们能不能拒绝**，还能不能反悔？学生难以真正拒绝学校，员工难以真正拒绝雇主。你还能找出并删除某一个人的数据吗？
# 4. **输出会给他们带来什么？** 字幕写错只是小麻烦；学生档案里一句错误的“注意力不集中”却是伤害。
# 5. **有必要吗？** 更少的数据、更粗的信息，或者不用计算机，行不行？
#
# JACK 自带的数据就是按这些问题挑选的：渲染视频里没有人，*Big Buck Bunny* 是自由许可的动画片，步态来自公开的动作捕捉数据。

# %% [markdown] lang="en" tags=["slide"]
# ## 2 · A walk is a signature ★
#
# BPM-GCN (notebook 07) takes skeletons of walking people: no face, no name. Is that anonymous? Here is one walker of JACK's gait samples in four styles. (The samples are made of a few recorded walks; each "walker" has proportions of its own, and the styles change pace, swing and posture.)

# %% [markdown] lang="zh" tags=["slide"]
# ## 2 · 步态就是签名 ★
#
# BPM-GCN（07）的输入是行走者的骨架：没有脸，也没有姓名。这算匿名吗？下面是 JACK 步态样例中的一位行走者，以四种风格行走。（样例由少数几段真实步态制成：每位“行走者”有自己的身体比例，风格改变的是步速、摆动和姿势。）

# %% tags=["slide"]
arrays = styled_gaits(progress=False)
about = json.loads((arrays / "gait.json").read_text(encoding="utf-8"))
poses = np.load(arrays / "test_joint.npy")[..., 0].transpose(0, 2, 3, 1)  # [192, 48, 16, 3], metres
walkers = np.array([name.rsplit("_", 2)[0] for name in about["test"]])
styles = np.array([about["emotions"][k] for k in np.load(arrays / "test_label.npy")])
classroom.say(
    f"{len(poses)} gaits of {len(set(walkers))} walkers in {len(set(styles))} styles",
    f"{len(poses)} 段步态，{len(set(walkers))} 位行走者，{len(set(styles))} 种风格",
)

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), sharey=True)
for ax, style in zip(axes, about["emotions"], strict=True):
    first = np.flatnonzero((walkers == walkers[0]) & (styles == style))[0]
    for frame, colour in ((0, show.GREY), (10, show.BLUE)):
        pose = poses[first, frame]
        for a, b in EDGES:
            ax.plot(pose[[a, b], 2] - pose[0, 2], pose[[a, b], 1], color=colour, lw=2)
    ax.set(title=show.translated(style), aspect="equal", xlim=(-0.8, 0.8), xlabel="m")
plt.show()

# %% [markdown] lang="en"
# Suppose that someone has one named gait of each walker, say in the style *happy*, and finds unnamed ones in other styles. First a prediction: the closest named gait, of the right features, is of the same walker in how many of 100 cases? (Guessing: 8.)

# %% [markdown] lang="zh"
# 假设有人手里有每位行走者署名的步态，比如都是 *happy* 风格，又得到一些未署名的、其他风格的步态。先预测：选好特征后，最接近的署名步态与它属于同一位行走者，100 次中有几次？（随机猜测：8 次。）

# %%
guess = ...
classroom.predict("00c.p1", guess)

# %% [markdown] lang="en"
# ### ✎ 00c.1 · Who walks? · analyse ●●○
#
# Comparing whole poses fails: it finds the style, or the phase of the step (about 20 in 100). What of a skeleton stays the same when style and phase change? Write a function that names the unnamed. At least 80% must be right, for 25 other walkers.

# %% [markdown] lang="zh"
# ### ✎ 00c.1 · 走路的是谁？ · 分析 ●●○
#
# 直接比较整个姿态行不通：找到的是风格，或步伐的相位（100 次约对 20 次）。风格和相位变了，骨架上有什么不变？写一个函数，给未署名的步态署名。检查时换 25 位别的行走者，至少对 80%。


# %% tags=["exercise"]
def who_walks(known, names, unknown):
    """A name for each unknown gait. known [N, T, 16, 3] and unknown [M, T, 16, 3] in metres; names
    [N]; EDGES has the pairs of joints that are bones."""
    ...


classroom.check("00c.1", who_walks)

# %%
happy = styles == "happy"
found = who_walks(poses[happy], walkers[happy], poses[~happy])
if found is not None:
    classroom.reveal("00c.p1", round(100 * float(np.mean(found == walkers[~happy]))))

# %% [markdown] lang="en"
# So a file of skeletons "without persons" can be a file of persons. The AI Act lists gait and posture among the features by which people are identified (recital 15). A share of right answers among 12 made-up walkers does not transfer to millions of people; it does show that deleting names and faces is not enough.

# %% [markdown] lang="zh"
# 可见，“没有人”的骨架文件也可以是一份关于人的文件。《人工智能法》把步态和姿势列入可用来识别个人的特征（序言第 15 条）。12 位人造行走者上的比例不能推广到千百万人；但它说明，删去姓名和面孔是不够的。

# %% [markdown] lang="en" tags=["slide"]
# ## 3 · The European Union ★
#
# The **AI Act**, Regulation (EU) 2024/1689, has the strictest rule on our subject.
#
# | where | what it says |
# |---|---|
# | Article 3(39) | an *emotion recognition system* is for identifying or inferring emotions or intentions of natural persons on the basis of their biometric data. Biometric data (3(34)) come from physical, physiological or behavioural characteristics. Pain and fatigue are not emotions (recital 18) |
# | **Article 5(1)(f)** | **prohibited since 2 February 2025**: to place on the market, put into service for this purpose, or use AI systems to infer emotions of a person **in the areas of workplace and education institutions**, except for medical or safety reasons |
# | recital 44, why | serious concerns about the scientific basis: expression varies across cultures, situations and within one person; limited reliability, lack of specificity, limited generalisability; and at work and in education power is unequal |
# | Annex III, 1(c) | elsewhere, emotion recognition is *high-risk*, where it is permitted at all. The duties apply from 2 December 2027 (as amended by Regulation (EU) 2026/1744) |
# | **Article 50(3)** | since 2 August 2026, whoever uses such a system must **inform the persons exposed to it** and follow data protection law; an exception covers systems that the law permits for criminal investigations |
# | Article 2(6), 2(8) | not covered: systems made solely for scientific research, and research and development before a system is on the market; testing in real-world conditions *is* covered |
# | Article 2(10) | no duties for natural persons in a purely personal, non-professional activity |
#
# The **GDPR**, Regulation (EU) 2016/679, applies besides. Article 9(1) forbids processing biometric data *for the purpose of uniquely identifying* a person, and data on health, unless an exception such as explicit consent (9(2)(a)) holds. A gait that is used for emotion alone is not identification; it is still personal data while a person can be found by it.

# %% [markdown] lang="zh" tags=["slide"]
# ## 3 · 欧盟 ★
#
# **《人工智能法》**（AI Act，(EU) 2024/1689 号条例）对我们这个主题的规定最为严格。
#
# | 条文 | 内容 |
# |---|---|
# | 第 3 条第 39 项 | *情感识别系统*：根据自然人的生物识别数据，识别或推断其情感或意图的系统。生物识别数据（第 34 项）来自身体、生理或行为特征。疼痛和疲劳不属于情感（序言第 18 条） |
# | **第 5 条第 1 款 (f) 项** | **自 2025 年 2 月 2 日起禁止**：为推断自然人在**工作场所和教育机构**中的情感，而将 AI 系统投放市场、为此目的投入使用或使用；出于医疗或安全原因的除外 |
# | 序言第 44 条：理由 | 科学依据令人严重担忧：情感的表达因文化、情境而异，同一个人也会不同；可靠性有限、缺乏特异性、难以推广；且在工作和教育中，双方地位不对等 |
# | 附件三第 1 条 (c) 项 | 在其他场合，只要法律允许使用，情感识别属于*高风险*。相应义务自 2027 年 12 月 2 日起适用（经 (EU) 2026/1744 号条例修订） |
# | **第 50 条第 3 款** | 自 2026 年 8 月 2 日起，使用这类系统者必须**告知受其影响的人**，并遵守个人数据保护法；法律允许用于刑事侦查的系统例外 |
# | 第 2 条第 6、8 款 | 不适用于：专为科学研究而开发的系统，以及投放市场之前的研究和开发；在真实环境中的测试*仍然*适用 |
# | 第 2 条第 10 款 | 自然人纯属个人的、非职业的使用，不承担义务 |
#
# **GDPR**（《通用数据保护条例》，(EU) 2016/679 号条例）同时适用。第 9 条第 1 款禁止*为识别特定个人*而处理生物识别数据，也禁止处理健康数据，除非符合例外，例如明确同意（第 9 条第 2 款 (a) 项）。只用于情感的步态不属于身份识别；但只要能据此找到本人，它就仍是个人数据。

# %% [markdown] lang="en"
# ### ✎ 00c.2 · Six cases in the EU · analyse ●●○
#
# Decide each case by the table: `prohibited` (by Article 5(1)(f)), `inform` (not prohibited by it; those exposed must be told), or `outside` (the Act puts no duty on you).
#
# 1. A school's cameras rate how bored or happy each pupil is.
# 2. A cinema measures the faces of adult guests to learn which scenes amuse them.
# 3. A clinic follows from their gait how sad or cheerful its patients are, as part of a therapy.
# 4. A call centre rates from the voice how angry its own agents are, to decide on their bonus.
# 5. A research group trains a network on recordings of volunteers and publishes a paper; nobody uses the system.
# 6. At home, you try notebook 10 on a video of yourself, for fun.

# %% [markdown] lang="zh"
# ### ✎ 00c.2 · 欧盟的六个案例 · 分析 ●●○
#
# 按上表判断每个案例：`prohibited`（被第 5 条第 1 款 (f) 项禁止）、`inform`（不被该项禁止，但必须告知受影响的人）或 `outside`（该法不要求你做什么）。
#
# 1. 学校用摄像头给每个学生有多无聊、多高兴打分。
# 2. 电影院测量成年观众的表情，了解哪些场面让人开心。
# 3. 诊所根据步态跟踪病人有多悲伤或高兴，作为治疗的一部分。
# 4. 呼叫中心根据声音给自己的接线员有多愤怒打分，用来决定奖金。
# 5. 研究小组用志愿者的录像训练网络并发表论文，系统没有人使用。
# 6. 你在家里用自己的视频试试 10，纯属好玩。

# %% tags=["exercise"]
verdicts = ...  # a list of six words
classroom.check("00c.2", verdicts)

# %% [markdown] lang="en"
# This course is itself given in an education institution. So: do not run these networks on fellow students to judge them, not even in jest; the rendered clips and the animated film are there to learn with.

# %% [markdown] lang="zh"
# 这门课本身就是在教育机构里上的。所以：不要用这些网络评判同学，开玩笑也不行；渲染视频和动画片就是供学习用的。

# %% [markdown] lang="en" tags=["slide"]
# ## 4 · China ★
#
# Several rules touch emotion recognition; these three are the ones that you will meet first.
#
# **Personal Information Protection Law** (个人信息保护法, in force since 1 November 2021):
#
# | article | what it says |
# |---|---|
# | 26 | cameras and devices that identify people in public places must be necessary for public security and marked by clear signs; what they collect may serve no other purpose, except with separate consent |
# | 28 | *sensitive personal information* includes biometric and medical data and all data of children under 14; it may be processed only for a specific purpose, if sufficiently necessary, and under strict protection |
# | 29 | processing sensitive personal information needs the person's **separate consent** |
# | 31 | for children under 14, the consent of a parent or guardian |
# | 55 | an assessment of the impact *before* sensitive personal information is processed |
# | 72 | not covered: what natural persons process for personal or family affairs |
#
# **Deep Synthesis Provisions** (互联网信息服务深度合成管理规定, since 10 January 2023), Article 14: who offers functions that **edit biometric features such as faces and voices** must have the users tell the persons edited and obtain their separate consent. A network that makes a sad face smile falls here; one that only classifies does not make anything.
#
# **Measures on facial recognition** (人脸识别技术应用安全管理办法, since 1 June 2025): a specific purpose, sufficient necessity and the smallest impact (Article 4); separate, informed consent that can be withdrawn (6); never the only way to prove one's identity where others exist (10). They are about recognising *who* somebody is, and leave out research and the training of algorithms (2). Information on faces remains sensitive under Article 28 above in any case.

# %% [markdown] lang="zh" tags=["slide"]
# ## 4 · 中国 ★
#
# 多部法规涉及情感识别，最先会遇到的是下面三部。
#
# **《个人信息保护法》**（自 2021 年 11 月 1 日起施行）：
#
# | 条 | 内容 |
# |---|---|
# | 第二十六条 | 在公共场所安装图像采集、个人身份识别设备，应当为维护公共安全所必需，并设置显著的提示标识；所收集的信息不得用于其他目的，取得个人单独同意的除外 |
# | 第二十八条 | *敏感个人信息*包括生物识别、医疗健康等信息，以及不满十四周岁未成年人的个人信息；只有具有特定的目的和充分的必要性，并采取严格保护措施，方可处理 |
# | 第二十九条 | 处理敏感个人信息应当取得个人的**单独同意** |
# | 第三十一条 | 不满十四周岁的，应当取得父母或者其他监护人的同意 |
# | 第五十五条 | 处理敏感个人信息，应当*事前*进行个人信息保护影响评估 |
# | 第七十二条 | 自然人因个人或者家庭事务处理个人信息的，不适用本法 |
#
# **《互联网信息服务深度合成管理规定》**（自 2023 年 1 月 10 日起施行）第十四条：提供**人脸、人声等生物识别信息编辑功能**的，应当提示使用者依法告知被编辑的个人，并取得其单独同意。把悲伤的脸改成笑脸属于此列；只作分类的网络并不生成什么。
#
# **《人脸识别技术应用安全管理办法》**（自 2025 年 6 月 1 日起施行）：应有特定的目的和充分的必要性，采取对个人权益影响最小的方式（第四条）；取得充分知情的单独同意，并可撤回（第六条）；存在其他方式的，不得作为唯一验证方式（第十条）。它规范的是识别一个人*是谁*，不适用于技术研发和算法训练（第二条）。但无论如何，人脸信息仍是上述第二十八条所说的敏感个人信息。

# %% [markdown] lang="en"
# ### ✎ 00c.3 · Which article? · apply ●●○
#
# Which article answers each question? Write five numbers. 1 to 4 are about the Personal Information Protection Law, 5 about the Deep Synthesis Provisions.
#
# 1. You want to record gaits of adult volunteers and keep them. Which consent must you obtain?
# 2. The security cameras of a mall shall also count smiling customers. May they?
# 3. Among the volunteers are children of twelve. Who must agree?
# 4. What has to be done before the first recording is stored?
# 5. An app for films changes the expression of an actor's face. What must its users do?

# %% [markdown] lang="zh"
# ### ✎ 00c.3 · 哪一条？ · 应用 ●●○
#
# 下面的问题由哪一条回答？写出五个数字。1 至 4 题问《个人信息保护法》，5 题问《互联网信息服务深度合成管理规定》。
#
# 1. 你想采集并保存成年志愿者的步态，应当取得什么样的同意？
# 2. 商场的安防摄像头还要统计微笑的顾客，可以吗？
# 3. 志愿者中有十二岁的孩子，应当由谁同意？
# 4. 保存第一段录像之前，必须做什么？
# 5. 一款影视应用可以改变演员的面部表情，使用者必须做什么？

# %% tags=["exercise"]
articles = ...  # a list of five numbers
classroom.check("00c.3", articles)

# %% [markdown] lang="en" tags=["slide"]
# ## 5 · Who is missing? ★
#
# A mean hides whom it fails. Commercial programs that tell women from men on photographs erred in up to 34.7% of the darker-skinned women and in at most 0.8% of the lighter-skinned men (Buolamwini and Gebru 2018); nobody had looked before, because the test sets held few of the former. So ask of every data set:
#
# | data set | who is in it | who is not, or cannot be told |
# |---|---|---|
# | VE8, Ekman-6 | people who upload to YouTube and Flickr, found by search | who does not upload; sex, age, origin are not recorded |
# | CAER | people in TV shows | everybody who is not on television |
# | TSL-300 | speech videos, films, TV; four annotators "from different backgrounds" (Zhang and Yang 2022) | viewers who would be moved by other things |
# | Emotion-Gait | 2,177 recorded walks (Zhai et al. 2024) | people who limp, use a stick or a wheelchair, unless somebody recorded them |
# | JACK's rendered clips | nobody | everybody |
#
# And of every label: *who* judged? The evidence on faces says that what people show when they feel something differs by culture, situation and person (Barrett et al. 2019). A model that is right for the annotators' culture is not "less accurate" elsewhere by accident; it was never about elsewhere.

# %% [markdown] lang="zh" tags=["slide"]
# ## 5 · 缺少了谁？ ★
#
# 平均数掩盖了它亏待的人。几款根据照片区分男女的商用程序，对深肤色女性的错误率高达 34.7%，对浅肤色男性至多 0.8%（Buolamwini、Gebru 2018）；此前没有人发现，因为测试集里前者很少。所以对每个数据集都要问：
#
# | 数据集 | 里面有谁 | 没有谁，或看不出谁 |
# |---|---|---|
# | VE8、Ekman-6 | 在 YouTube 和 Flickr 上传视频、又能被检索到的人 | 不上传的人；性别、年龄、来源没有记录 |
# | CAER | 电视节目里的人 | 所有不上电视的人 |
# | TSL-300 | 演讲视频、电影、电视；四位“背景不同”的标注者（Zhang、Yang 2022） | 会被别的东西打动的观众 |
# | Emotion-Gait | 2,177 段真实步态（Zhai 等 2024） | 跛行、拄拐、坐轮椅的人，除非有人采集过 |
# | JACK 的渲染视频 | 没有人 | 所有人 |
#
# 对每个标签也要问：*谁*判断的？关于面部表情的证据表明，人有所感受时的表现因文化、情境和个人而异（Barrett 等 2019）。符合标注者文化的模型，到别处“不太准”并非偶然——它本来就与别处无关。

# %% [markdown] lang="en" tags=["slide"]
# ## 6 · Is attention an explanation? ☆
#
# Notebooks 04 to 07 draw where a network attends. May one show such a picture to somebody and say "this is why"?
#
# - *No*, say Jain and Wallace (2019): in the text classifiers they studied, attention was often uncorrelated with gradient measures of importance, and very different attention could give the same predictions.
# - *Not so fast*, say Wiegreffe and Pinter (2019): it depends on what one calls an explanation. One can test it: against uniform weights, over several seeds, with a diagnostic model, by training an adversary. Different attention that is found for a trained model is not what that model would have learned.
#
# The next exercise shows the first point where it can be shown exactly: in a network whose answer is linear after the weighted mean. Let segment $s$ with weight 1 add the row `contributions[s]` to the eight logits. Then the logits are `gamma @ contributions`: eight sums, while `gamma` has sixteen numbers.
#
# ### ✎ 00c.4 · The same answer, another reason · create ●●●
#
# Given `contributions` [16, 8] and `gamma` [16], find other weights: none negative, with the same sum and the same logits (to 1e-6), but with the **largest weight at another segment**. Many solutions exist.

# %% [markdown] lang="zh" tags=["slide"]
# ## 6 · 注意力是解释吗？ ☆
#
# 04 到 07 都画出了网络在注意哪里。能不能拿着这样的图对人说“原因就在这里”？
#
# - *不能*（Jain、Wallace 2019）：在他们研究的文本分类器中，注意力常常与基于梯度的重要性不相关，而且差别很大的注意力可以给出相同的预测。
# - *别急*（Wiegreffe、Pinter 2019）：这取决于什么算解释，而且可以检验：与均匀权重比较、换多个种子、用诊断模型、训练一个对抗模型。为训练好的模型另找的注意力，并不是这个模型会学出来的。
#
# 下面的练习在可以精确说明的地方演示第一点：加权平均之后是线性的网络。设权重为 1 的片段 $s$ 给八个 logit 加上 `contributions[s]` 这一行，那么 logit 就是 `gamma @ contributions`：只有八个和，而 `gamma` 有十六个数。
#
# ### ✎ 00c.4 · 同样的答案，另一种“理由” · 创造 ●●●
#
# 已知 `contributions` [16, 8] 和 `gamma` [16]，求另一组权重：没有负数，总和相同，logit 相同（误差 1e-6 以内），但**最大的权重落在另一个片段**。解有很多。


# %% tags=["exercise"]
def other_attention(contributions, gamma):
    """Weights [16] with the sum and the logits of gamma, and their largest elsewhere."""
    ...


classroom.check("00c.4", other_attention)

# %% [markdown] lang="en" tags=["slide"]
# ## 7 · A model card ★
#
# A **model card** is a page that goes with a trained model and says what it is for, what it is not for, on what data it was trained and measured, how well it does and for whom (Mitchell et al. 2019). You will write one for the VAANet that ships with JACK, the network of notebook 04 in its classroom size. This is its record, from the file of its weights:

# %% [markdown] lang="zh" tags=["slide"]
# ## 7 · 模型卡 ★
#
# **模型卡**是随训练好的模型一起提供的一页说明：用于什么，不用于什么，用什么数据训练和测量，对谁效果如何（Mitchell 等 2019）。请为 JACK 自带的 VAANet（04 的课堂规模网络）写一张。下面是权重文件里的记录：

# %% tags=["slide"]
record = read_options(samples_folder() / "weights" / "vaanet.safetensors")
for name in ("network", "trained_on", "score", "epoch", "seed", "class_names"):
    print(f"{name:12} {record[name]}")
validation = 8 * 8  # rendered clips: eight of each class; none of them was trained on
classroom.say(
    f"measured on {validation} validation clips, eight of each class",
    f"在 {validation} 段验证视频上测得，每类八段",
)

# %% [markdown] lang="en"
# Two more facts, from `data_samples/weights/README.md`: of all epochs the best was kept, chosen by the score on these same validation clips; and the weights are under Apache-2.0, as JACK's code is.
#
# ### ✎ 00c.5 · Write the card · create ●●●
#
# Fill in every part, in English or Chinese, in sentences that a stranger understands. The check reads it as a sceptical reader would: are all parts there, do the numbers agree with the record, and is it honest about what the data are, who judged, who is missing, what it must not be used for, and how the epoch was chosen?

# %% [markdown] lang="zh"
# 另有两点，见 `data_samples/weights/README_CN.md`：保留的是所有轮次中最好的一轮，而挑选时用的正是这些验证视频上的得分；权重与 JACK 的代码一样，采用 Apache-2.0 许可。
#
# ### ✎ 00c.5 · 写一张模型卡 · 创造 ●●●
#
# 每一项都要填写，中英文均可，要让陌生人看得懂。检查会像一位多疑的读者那样读它：各项是否齐全，数字是否与记录一致，是否如实说明了数据是什么、谁作的判断、缺少了谁、不得用于什么，以及轮次是怎样挑选的。

# %% tags=["exercise"]
card = {
    "name": "",
    "intended_use": "",
    "not_intended": "",
    "data": "",  # trained and measured on what
    "labels": "",  # who judged, and how
    "score": ...,  # accuracy, 0 to 1
    "clips": ...,  # on how many it was measured
    "baseline": ...,  # accuracy of the better of guessing and the most frequent class, 0 to 1
    "caveats": "",  # what flatters the score
    "missing": "",  # who is not in the data
    "licence": "",
}
classroom.check("00c.5", card)

# %%
if card["name"]:
    display(Markdown("\n".join(f"- **{part}**: {words}" for part, words in card.items())))

# %% [markdown] lang="en"
# ## Quiz

# %% [markdown] lang="zh"
# ## 小测验

# %%
answers = {1: "", 2: "", 3: "", 4: "", 5: ""}  # a, b, c or d
classroom.quiz("00c", answers)

# %% [markdown] lang="en" tags=["slide"]
# ## In three sentences
#
# Ask who is shown, what they agreed to, whether they could refuse, what happens to them and whether it is needed, before you ask what the law says. In the EU, inferring emotions at work and in education is prohibited (medical and safety reasons aside), and elsewhere those exposed must be told; in China, biometric data are sensitive and need separate consent. A model card says honestly what a model is for, on what it was measured against which baseline, and whom it knows nothing about.

# %% [markdown] lang="zh" tags=["slide"]
# ## 三句话总结
#
# 先问出现了谁、同意了什么、能否拒绝、会有什么后果、是否必要，再问法律怎么说。在欧盟，禁止在工作和教育中推断情感（医疗和安全原因除外），在其他场合必须告知受影响的人；在中国，生物识别信息属于敏感个人信息，须取得单独同意。模型卡如实说明：模型用于什么，在什么数据上、与什么基线相比测得多少分，以及它对哪些人一无所知。

# %% [markdown] lang="en"
# ## References
#
# - Barrett, Adolphs, Marsella, Martinez and Pollak, *Emotional Expressions Reconsidered*, Psychological Science in the Public Interest 20(1), 2019 (abstract).
# - Buolamwini and Gebru, *Gender Shades: Intersectional Accuracy Disparities in Commercial Gender Classification*, FAT* 2018 (numbers of the abstract).
# - Jain and Wallace, *Attention is not Explanation*, NAACL 2019; Wiegreffe and Pinter, *Attention is not not Explanation*, EMNLP 2019 (abstracts).
# - Mitchell et al., *Model Cards for Model Reporting*, FAT* 2019 (abstract).
# - Zhai et al., *Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*, IEEE Transactions on Affective Computing 2024; Zhang and Yang, *Temporal Sentiment Localization*, ACM MM 2022.
# - Regulation (EU) 2024/1689 (AI Act), amended by Regulation (EU) 2026/1744; Regulation (EU) 2016/679 (GDPR). Texts: eur-lex.europa.eu.
# - Personal Information Protection Law of the PRC, 2021; Provisions on the Administration of Deep Synthesis of Internet Information Services, 2022; Measures for the Security Management of the Application of Facial Recognition Technology, 2025. Texts: www.cac.gov.cn. The English here is ours.

# %% [markdown] lang="zh"
# ## 参考文献
#
# - Barrett、Adolphs、Marsella、Martinez、Pollak，*Emotional Expressions Reconsidered*，Psychological Science in the Public Interest 20(1)，2019（摘要）。
# - Buolamwini、Gebru，*Gender Shades: Intersectional Accuracy Disparities in Commercial Gender Classification*，FAT* 2018（摘要中的数字）。
# - Jain、Wallace，*Attention is not Explanation*，NAACL 2019；Wiegreffe、Pinter，*Attention is not not Explanation*，EMNLP 2019（摘要）。
# - Mitchell 等，*Model Cards for Model Reporting*，FAT* 2019（摘要）。
# - Zhai 等，*Looking into Gait for Perceiving Emotions via Bilateral Posture and Movement Graph Convolutional Networks*，IEEE Transactions on Affective Computing 2024；Zhang、Yang，*Temporal Sentiment Localization*，ACM MM 2022。
# - (EU) 2024/1689 号条例（《人工智能法》），经 (EU) 2026/1744 号条例修订；(EU) 2016/679 号条例（GDPR）。原文：eur-lex.europa.eu。中文为本课程所译。
# - 《中华人民共和国个人信息保护法》，2021；《互联网信息服务深度合成管理规定》，2022；《人脸识别技术应用安全管理办法》，2025。原文：www.cac.gov.cn。

# %% [markdown] lang="en"
# **To go on:** write a card for the network that you train in 04, and one for BPM-GCN; look up which articles have changed since this was written; ask your institution for its form of consent. Next: **04_vaanet**.

# %% [markdown] lang="zh"
# **还可以试试：** 为你在 04 中训练的网络写一张模型卡，再为 BPM-GCN 写一张；查一查本文写成之后哪些条文有了变化；向所在机构要一份知情同意书看看。下一课：**04_vaanet**。
