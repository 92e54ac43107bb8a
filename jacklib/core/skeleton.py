"""The skeleton of a walking person as a graph, in NumPy: for drawing and for the network.

Sources: the joints of the Emotion-Gait data set (its readme); the three-part adjacency of Yan,
Xiong and Lin, "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action
Recognition", AAAI 2018, in the form that BPM-GCN's released code uses.
"""

import numpy as np

# Emotion-Gait's readme puts the left side first; the comments of BPM-GCN's code call joints 4 to 6
# and 10 to 12 right. The graph is the same either way.
JOINTS = (
    "root", "spine", "neck", "head",
    "left shoulder", "left elbow", "left hand", "right shoulder", "right elbow", "right hand",
    "left hip", "left knee", "left foot", "right hip", "right knee", "right foot",
)  # fmt: skip
# (child, parent): every joint but the root hangs on one other.
EDGES = (
    (1, 0), (2, 1), (3, 2),
    (4, 2), (5, 4), (6, 5), (7, 2), (8, 7), (9, 8),
    (10, 0), (11, 10), (12, 11), (13, 0), (14, 13), (15, 14),
)  # fmt: skip
PARTS = ("self", "inward", "outward")


class Graph:
    """Joints, the bones between them, and what a graph convolution multiplies with.

    .joint_names, .edges, .part_names (of A's first axis), and A [3, 16, 16], float32: y[w] = sum
    over v of x[v] * A[part, v, w], so that column w holds which joints w listens to: itself
    ("self"), its parent ("inward"), the mean of its children ("outward"). Columns of the last two
    sum to 1, or to 0 where there is no such joint.
    """

    def __init__(self):
        self.joint_names, self.edges, self.part_names = JOINTS, EDGES, PARTS
        V = len(JOINTS)
        child, parent = np.transpose(EDGES)
        inward = np.zeros((V, V))
        inward[parent, child] = 1  # [from, to]
        A = np.stack([np.eye(V), inward, inward.T])
        self.A = (A / np.maximum(A.sum(1, keepdims=True), 1)).astype(np.float32)
