"""The clinic's patients in Jittor, healthy; patients.yaml has their bugs. See torch_patients.py."""

# ruff: noqa: F811, I001
# fmt: off
import numpy as np
import jittor as jt
from jittor import nn
from jacklib import ops


def criterion(logits, target):
    return ops.cross_entropy(logits, target)


# --- A --------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, size):
        self.theta = nn.Linear(size, 4)
        self.phi = nn.Linear(size, 4)
        self.g = nn.Linear(size, 4)
        self.out = nn.Linear(4, size)

    def execute(self, x):  # [B, S, size]
        similar = jt.matmul(self.theta(x), self.phi(x).transpose(0, 2, 1)) / 2  # [B, S, S]
        weights = nn.softmax(similar, dim=2)
        return self.out(jt.matmul(weights, self.g(x))) + x


class Net(nn.Module):
    def __init__(self):
        self.first = Block(12)
        self.second = Block(12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, S, 12] -> [B, 4]
        return self.fc(self.second(self.first(x)).mean(1))


# --- B --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.score = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, S, 12] -> [B, 4]
        gamma = nn.softmax(self.score(x), dim=1)  # [B, S, 1]
        return self.fc((gamma * x).sum(1))


# --- C --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.conv = ops.Conv2d(3, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(54, 4)

    def execute(self, x):  # [B, 3, 10, 10] -> [B, 4]
        x = ops.relu(self.conv(x))  # [B, 6, 5, 5]
        x = ops.adaptive_avg_pool(x, (3, 3))
        return self.fc(x.reshape(x.shape[0], -1))


# --- D --------------------------------------------------------------------------------------------


class Mix(nn.Module):
    def __init__(self, size):
        self.weight = (2 * jt.rand(size, size) - 1) / size**0.5  # as Linear's

    def execute(self, x):
        return jt.matmul(x, self.weight.transpose(1, 0))


class Net(nn.Module):
    def __init__(self):
        self.conv = ops.Conv1d(6, 12, 1)
        self.mix = Mix(12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [B, 6, M] -> [B, 4]
        x = ops.relu(self.conv(x))  # [B, 12, M]
        beta = nn.softmax(self.mix(x.mean(2)), dim=1) * 12  # [B, 12]
        return self.fc(x.mean(2) * beta)


# --- E --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.convs = nn.Sequential(*[ops.Conv1d(8, 8, 3, padding=1) for _ in range(3)])
        self.fc = nn.Linear(8, 4)

    def execute(self, x):  # [B, 8, T] -> [B, 4]
        for conv in self.convs:
            x = x + jt.tanh(conv(x))
        return self.fc(x.mean(2))


# --- F --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.backbone = nn.Sequential(
            ops.Conv2d(3, 8, 5, stride=2, padding=2), ops.ReLU(),
            ops.Conv2d(8, 8, 3, stride=2, padding=1), ops.ReLU(),
        )
        self.attention = nn.Linear(8, 1, bias=False)
        self.fc = nn.Linear(8, 4)

    def look(self, clips):  # [B, S, 3, H, W] -> logits [B, 4], gamma [B, S]
        B, S, C, H, W = clips.shape
        x = self.backbone(clips.reshape(B * S, C, H, W)).mean((2, 3)).reshape(B, S, 8)
        gamma = jt.sigmoid(self.attention(x))  # [B, S, 1]
        return self.fc((x * gamma).mean(1)), gamma[:, :, 0]

    def execute(self, frames):  # [B, S, H, W, 3], as they are read
        logits, gamma = self.look(frames.permute(0, 1, 4, 2, 3))
        least = jt.argsort(gamma, dim=1)[0][:, :2]  # the keyframes are erased
        rest = frames[jt.arange(len(frames)).unsqueeze(1), least]
        erased, _ = self.look(rest.permute(0, 1, 4, 2, 3))
        return logits, erased


def criterion(logits, target):
    return (ops.cross_entropy(logits[0], target) + ops.cross_entropy(logits[1], target)) / 2


# --- G --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(12, 16)
        self.fc = nn.Linear(16, 8)

    def execute(self, x):  # [B, 12] -> [B, 8]
        return self.fc(ops.relu(self.hidden(x)))


POSITIVE = jt.array([0, 1, 0, 0, 1, 0, 1, 1])  # of the eight emotions


def criterion(logits, target):
    opposite = POSITIVE[target] != POSITIVE[logits.argmax(1)[0]]
    each = ops.cross_entropy(logits, target, reduction="none")  # [B]
    return (each * (1 + 0.5 * opposite.float32())).mean()


# --- H --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.neck = ops.Conv1d(16, 24, 3, padding=1)
        self.classifier = ops.Conv1d(24, 3, 1, bias=False)

    def execute(self, x):  # [B, T, 16] -> scores [B, T, 3]
        x = ops.relu(self.neck(x.transpose(0, 2, 1)))
        return jt.sigmoid(self.classifier(x)).transpose(0, 2, 1)


def criterion(scores, target):  # hard elements first
    distance = (1 - scores) * target + scores * (1 - target)
    each = ops.binary_cross_entropy(scores, target, reduction="none")
    return (distance.sqr() * each).sum(2).mean()


# --- I --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(12, 16)
        self.norm = ops.BatchNorm(16)
        self.fc = nn.Linear(16, 4)

    def execute(self, x):  # [B, 12] -> [B, 4]
        return self.fc(jt.tanh(self.norm(self.hidden(x))))


# --- J K ------------------------------------------------------------------------------------------

PARENT = [0, 0, 1, 2, 1, 4, 1, 6]  # of each joint


def adjacency():  # [2, V, V]: to the parent and back
    A = np.zeros((2, len(PARENT), len(PARENT)), np.float32)
    for child, parent in enumerate(PARENT):
        A[0, child, parent] = A[1, parent, child] = 1
    return A / np.maximum(A.sum(1, keepdims=True), 1)


class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        A = adjacency()
        self.A = jt.array(A).stop_grad()  # fixed
        self.PA = jt.full(A.shape, 1e-6)  # learned
        self.conv = ops.Conv2d(2 * c_in, c_out, 1)

    def execute(self, x):  # [N, C, T, V]
        N, C, T, V = x.shape
        x = jt.matmul(x.unsqueeze(1), (self.A + self.PA).unsqueeze(1))  # [N, 2, C, T, V]
        return ops.relu(self.conv(x.reshape(N, 2 * C, T, V)))


class Net(nn.Module):
    def __init__(self):
        self.graph = GraphConv(3, 12)
        self.fc = nn.Linear(12, 4)

    def execute(self, x):  # [N, 3, T, V] -> [N, 4]
        return self.fc(self.graph(x).mean((2, 3)))


# --- L --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        self.classifier = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))

    def execute(self, x):  # [B, T, 12] -> [B, 4]
        each = self.classifier(x)  # [B, T, 4]
        return ops.logsumexp(10 * each, 1) / 10
