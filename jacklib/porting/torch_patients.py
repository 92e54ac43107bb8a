"""The clinic's patients in PyTorch, which clinic.py reads as text, a section a patient.

A section without a `criterion` has the one above.
"""

# ruff: noqa: F811
# fmt: off
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def criterion(logits, target):
    return F.cross_entropy(logits, target)


# --- A --------------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.theta = nn.Linear(size, 4)
        self.phi = nn.Linear(size, 4)
        self.g = nn.Linear(size, 4)
        self.out = nn.Linear(4, size)

    def forward(self, x):  # [B, S, size]
        similar = self.theta(x) @ self.phi(x).transpose(1, 2) / 2  # [B, S, S]
        weights = torch.softmax(similar, dim=2)
        return self.out(weights @ self.g(x)) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block(12)
        self.second = Block(12)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, S, 12] -> [B, 4]
        return self.fc(self.second(self.first(x)).mean(dim=1))


# --- B --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, S, 12] -> [B, 4]
        gamma = torch.softmax(self.score(x), dim=1)  # [B, S, 1]
        return self.fc((gamma * x).sum(dim=1))


# --- C --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(54, 4)

    def forward(self, x):  # [B, 3, 10, 10] -> [B, 4]
        x = torch.relu(self.conv(x))  # [B, 6, 5, 5]
        x = F.adaptive_avg_pool2d(x, (3, 3))
        return self.fc(x.flatten(1))


# --- D --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 12, 1)
        self.mix = nn.Linear(12, 12, bias=False)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [B, 6, M] -> [B, 4]
        x = torch.relu(self.conv(x))  # [B, 12, M]
        beta = torch.softmax(self.mix(x.mean(dim=2)), dim=1) * 12  # [B, 12]
        return self.fc(x.mean(dim=2) * beta)


# --- E --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(*[nn.Conv1d(8, 8, 3, padding=1) for _ in range(3)])
        self.fc = nn.Linear(8, 4)

    def forward(self, x):  # [B, 8, T] -> [B, 4]
        for conv in self.convs:
            x = x + torch.tanh(conv(x))
        return self.fc(x.mean(dim=2))


# --- F --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        )
        self.attention = nn.Linear(8, 1, bias=False)
        self.fc = nn.Linear(8, 4)

    def look(self, clips):  # [B, S, 3, H, W] -> logits [B, 4], gamma [B, S]
        B, S = clips.shape[:2]
        x = self.backbone(clips.flatten(0, 1)).mean(dim=(2, 3)).view(B, S, 8)
        gamma = torch.sigmoid(self.attention(x))  # [B, S, 1]
        return self.fc((x * gamma).mean(dim=1)), gamma[:, :, 0]

    def forward(self, frames):  # [B, S, H, W, 3], as they are read
        logits, gamma = self.look(frames.permute(0, 1, 4, 2, 3))
        least = gamma.argsort(dim=1)[:, :2]  # the keyframes are erased
        rest = frames[torch.arange(len(frames)).unsqueeze(1), least]
        erased, _ = self.look(rest.permute(0, 1, 4, 2, 3))
        return logits, erased


def criterion(logits, target):
    return (F.cross_entropy(logits[0], target) + F.cross_entropy(logits[1], target)) / 2


# --- G --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 16)
        self.fc = nn.Linear(16, 8)

    def forward(self, x):  # [B, 12] -> [B, 8]
        return self.fc(torch.relu(self.hidden(x)))


POSITIVE = torch.tensor([0, 1, 0, 0, 1, 0, 1, 1])  # of the eight emotions


def criterion(logits, target):
    opposite = POSITIVE[target] != POSITIVE[logits.argmax(dim=1)]
    each = F.cross_entropy(logits, target, reduction="none")  # [B]
    return (each * (1 + 0.5 * opposite.float())).mean()


# --- H --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.neck = nn.Conv1d(16, 24, 3, padding=1)
        self.classifier = nn.Conv1d(24, 3, 1, bias=False)

    def forward(self, x):  # [B, T, 16] -> scores [B, T, 3]
        x = torch.relu(self.neck(x.transpose(1, 2)))
        return torch.sigmoid(self.classifier(x)).transpose(1, 2)


def criterion(scores, target):  # hard elements first
    distance = (1 - scores) * target + scores * (1 - target)
    each = F.binary_cross_entropy(scores, target, reduction="none")
    return (distance.square() * each).sum(dim=2).mean()


# --- I --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, 16)
        self.norm = nn.BatchNorm1d(16)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):  # [B, 12] -> [B, 4]
        return self.fc(torch.tanh(self.norm(self.hidden(x))))


# --- J K ------------------------------------------------------------------------------------------

PARENT = [0, 0, 1, 2, 1, 4, 1, 6]  # of each joint


def adjacency():  # [2, V, V]: to the parent and back
    A = np.zeros((2, len(PARENT), len(PARENT)), np.float32)
    for child, parent in enumerate(PARENT):
        A[0, child, parent] = A[1, parent, child] = 1
    return A / np.maximum(A.sum(1, keepdims=True), 1)


class GraphConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        A = torch.from_numpy(adjacency())
        self.register_buffer("A", A)  # fixed
        self.PA = nn.Parameter(torch.full_like(A, 1e-6))  # learned
        self.conv = nn.Conv2d(2 * c_in, c_out, 1)

    def forward(self, x):  # [N, C, T, V]
        N, C, T, V = x.shape
        x = torch.matmul(x.unsqueeze(1), (self.A + self.PA).unsqueeze(1))  # [N, 2, C, T, V]
        return torch.relu(self.conv(x.reshape(N, 2 * C, T, V)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.graph = GraphConv(3, 12)
        self.fc = nn.Linear(12, 4)

    def forward(self, x):  # [N, 3, T, V] -> [N, 4]
        return self.fc(self.graph(x).mean(dim=(2, 3)))


# --- L --------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, x):  # [B, T, 12] -> [B, 4]
        each = self.classifier(x)  # [B, T, 4]
        return torch.logsumexp(10 * each, dim=1) / 10
