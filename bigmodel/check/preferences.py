"""The exercises of notebook 13: the best policy, Bradley–Terry, DPO, groups, clipping, KL by samples, best-of-n."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bigmodel.check.engine import Function, exercise
from bigmodel.check.fast_decoding import summing
from bigmodel.check.translation import named
from bigmodel.check.values import written


def row(*numbers: float) -> Tensor:
    return torch.tensor(numbers)


def to_one(weights: Tensor) -> Tensor:
    return weights / weights.sum()


def trained(**places: int) -> Function:
    """A way to use a loss: from it a gradient must reach the arguments that stand at these places."""

    def use(answer: Function, *arguments: Any) -> Any:
        for place in places.values():
            arguments[place].requires_grad_()
        loss = answer(*arguments)
        if isinstance(loss, (int, float)) or (isinstance(loss, Tensor) and loss.numel() == 1):
            if isinstance(loss, Tensor) and loss.requires_grad:
                loss.sum().backward()
            if lost := [name for name, place in places.items() if arguments[place].grad is None]:
                raise RuntimeError(f"no gradient reaches {lost[0]}: it must be used, not detached or made a number")
        return loss

    return use


# One mistake, one line or two.
# fmt: off
@exercise(
    hints=(
        "By what factor does a reward lift an answer that the reference writes, and what must all of them sum to?",
        "Weight each probability of the reference by e^(reward / beta), then divide by the sum of the weights.",
        "weights = reference * (rewards / beta).exp(), and the result is weights / weights.sum().",
    ),
    why="No training is needed where all answers can be counted: this is what every method below is trying to reach.",
    cases=[
        (row(0.5, 0.3, 0.2), row(0.0, 1.0, 3.0), 2.0),
        (row(0.1, 0.2, 0.3, 0.4), row(1.0, -1.0, 0.5, 2.0), 0.5),
        (row(0.25, 0.75), row(2.0, 0.0), 4.0),
    ],
    shown=summing("reference", "rewards", "beta"),
    wrong={
        "the exponential is missing: the reward lifts by the factor e^(reward / beta)":
            lambda p, r, b: to_one(p * (r / b)),
        "the rewards were multiplied by beta: a large beta keeps close to the reference, so divide by it":
            lambda p, r, b: to_one(p * (r * b).exp()),
        "the reference is missing: what it never writes stays rare, however good":
            lambda p, r, b: torch.softmax(r / b, 0),
        "beta has no effect: it divides the rewards, before the exponential": lambda p, r, b: to_one(p * r.exp()),
        "the sign is turned: a higher reward must lift an answer": lambda p, r, b: to_one(p * (-r / b).exp()),
        "the reference was added to the factor: it is lifted by it, so multiply":
            lambda p, r, b: to_one(p + (r / b).exp()),
        "that is softmax of the reference plus reward / beta: it is ln of the reference that belongs there":
            lambda p, r, b: torch.softmax(p + r / b, 0),
        "the weights sum to 1 when they are divided by their sum; a softmax on top is an exponential too many":
            lambda p, r, b: torch.softmax(p * (r / b).exp(), 0),
    },
    also_right=[
        lambda p, r, b: torch.softmax(p.log() + r / b, 0),
        lambda p, r, b: to_one(torch.tensor([math.exp(y / b) for y in r.tolist()]) * p).tolist(),
    ],
    refused=[lambda p, r, b: p * (r / b).exp(), lambda p, r, b: to_one(p * 2 ** (r / b))],
)
def optimum(reference: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = reference * (rewards / beta).exp()
    return weights / weights.sum()


@exercise(
    hints=(
        "How probable was it that the better one is called better, and what is the loss of a probability?",
        "The probability is the sigmoid of better − worse; the loss is −ln of it; then the mean over the pairs.",
        "-F.logsigmoid(better - worse).mean() is all of it.",
    ),
    why="Reward models are trained on this loss, and so is DPO: only where the two scores come from differs.",
    cases=[
        (row(1.0, 0.0, 2.0), row(0.0, 0.5, -1.0)),
        (row(0.0, 0.0), row(0.0, 0.0)),
        (row(3.0), row(1.0)),
        (row(0.0, -60.0), row(200.0, 70.0)),
    ],
    drive=trained(better=0, worse=1),
    wrong={
        "the two are exchanged: the loss is small where the better one has the higher score":
            lambda a, b: -F.logsigmoid(b - a).mean(),
        "the minus is missing: the logarithm of a probability is negative, and a loss is not":
            lambda a, b: F.logsigmoid(a - b).mean(),
        "that is the probability itself: its loss is −ln of it": lambda a, b: torch.sigmoid(a - b).mean(),
        "that is 1 − the probability: its loss is −ln of it": lambda a, b: torch.sigmoid(b - a).mean(),
        "that is the sum over the pairs: take the mean": lambda a, b: -F.logsigmoid(a - b).sum(),
        "the mean was taken before the logarithm: each pair has a loss of its own":
            lambda a, b: -F.logsigmoid((a - b).mean()),
        "that is −ln of the mean probability: take the logarithm of each pair first":
            lambda a, b: -torch.sigmoid(a - b).mean().log(),
        "that is infinite where the difference is large: torch.sigmoid rounds to 0 there, F.logsigmoid does not":
            lambda a, b: -torch.sigmoid(a - b).log().mean(),
    },
    also_right=[
        lambda a, b: F.softplus(b - a).mean(),
        lambda a, b: (torch.logaddexp(a, b) - a).mean(),
        lambda a, b: F.binary_cross_entropy_with_logits(a - b, torch.ones_like(a)),
        lambda a, b: F.cross_entropy(torch.stack([a, b], 1), torch.zeros(len(a), dtype=torch.long)),
    ],
    refused=[lambda a, b: -F.logsigmoid(a - b).mean().item(), lambda a, b: -F.logsigmoid(a - b.detach()).mean(),
             lambda a, b: -torch.sigmoid(a - b).clamp(1e-7).log().mean()],
)
def bradley_terry(better: Tensor, worse: Tensor) -> Tensor:
    return -F.logsigmoid(better - worse).mean()


def margins(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float) -> Tensor:
    """By how much DPO's implicit reward prefers what was chosen, (B,)."""
    return beta * ((chosen - ref_chosen) - (rejected - ref_rejected))


def dpo_of(margin: Any) -> Any:
    return lambda *a: -F.logsigmoid(margin(*a)).mean()


@exercise(
    hints=(
        "What is the implicit reward of one answer, and which loss do you know for two rewards?",
        "β times (ln of the policy − ln of the reference), for both; their difference goes through −ln σ; the mean.",
        "margin = beta * ((chosen - reference_chosen) - (rejected - reference_rejected)); "
        "-F.logsigmoid(margin).mean().",
    ),
    why="Four lines for a whole field: no reward model, no sampling while it trains. The next training runs on yours.",
    cases=[
        (row(-9.0, -12.0, -7.0), row(-10.0, -11.0, -9.0), row(-10.0, -11.0, -8.5), row(-9.5, -13.0, -8.0), 0.5),
        (row(-3.0, -4.0), row(-5.0, -2.5), row(-3.0, -4.0), row(-5.0, -2.5), 0.1),
        (row(-20.0, -30.0), row(-25.0, -21.0), row(-22.0, -29.0), row(-23.0, -26.0), 2.0),
        (row(-400.0, -300.0), row(-2.0, -3.0), row(-4.0, -9.0), row(-5.0, -7.0), 1.0),
    ],
    drive=trained(chosen=0, rejected=1),
    given=lambda c, r, C, R, beta: f"for {len(c)} pairs, the first with ln p = {c[0]:g} and {r[0]:g} under the policy, "
                                   f"{C[0]:g} and {R[0]:g} under the reference, and beta = {beta:g}",
    wrong={
        "the reference is missing: compare how far the policy has moved from it, not the probabilities themselves":
            dpo_of(lambda c, r, C, R, b: b * (c - r)),
        "the margin has the wrong sign: chosen minus rejected, and policy minus reference":
            dpo_of(lambda *a: -margins(*a)),
        "the difference is divided by beta: the implicit reward is beta times the log-ratio":
            dpo_of(lambda c, r, C, R, b: margins(c, r, C, R, 1 / b)),
        "beta stands outside of the sigmoid: it belongs to the reward, inside": lambda c, r, C, R, b:
            -b * F.logsigmoid(margins(c, r, C, R, 1)).mean(),
        "that is the sum over the pairs: take the mean": lambda *a: -F.logsigmoid(margins(*a)).sum(),
        "the minus is missing: a loss is made smaller, and ln of a probability larger":
            lambda *a: F.logsigmoid(margins(*a)).mean(),
        "each answer is compared with its own probability under the reference, policy minus reference":
            dpo_of(lambda c, r, C, R, b: b * ((c + C) - (r + R))),
        "that is infinite where the margin is far below 0: F.logsigmoid is not":
            lambda *a: -torch.sigmoid(margins(*a)).log().mean(),
    },
    also_right=[
        lambda c, r, C, R, b: F.softplus(-b * (c - r - C + R)).mean(),
        lambda c, r, C, R, b: bradley_terry.right(b * (c - C), b * (r - R)),
    ],
    refused=[lambda *a: -F.logsigmoid(margins(*a)).mean().item(), lambda *a: (1 - margins(*a)).relu().mean(),
             lambda c, r, *a: -F.logsigmoid(margins(c, r.detach(), *a)).mean()],
)
def dpo_loss(chosen: Tensor, rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor,
             beta: float) -> Tensor:
    reward_chosen = beta * (chosen - reference_chosen)  # (B,)
    reward_rejected = beta * (rejected - reference_rejected)  # (B,)
    return -F.logsigmoid(reward_chosen - reward_rejected).mean()


def spread(r: Tensor) -> Tensor:
    return r - r.mean(1, keepdim=True)


GROUPS = torch.tensor([[3.0, 1.0, 0.0, 4.0], [2.0, 2.5, 2.0, 0.5], [1.0, 1.5, 1.0, 1.0]])


@exercise(
    hints=(
        "What would a typical answer of the same group have got?",
        "Subtract from each reward the mean of its own row.",
        "rewards - rewards.mean(dim=1, keepdim=True) keeps the shape (groups, G).",
    ),
    why="A group that did equally well teaches nothing; in all others what beat the mean is lifted.",
    cases=[(GROUPS,), (torch.tensor([[0.0, 10.0], [5.0, 6.0]]),), (torch.tensor([[0.0, 1.0, 5.0]]),)],
    wrong={
        "the mean was taken over all groups: each answer is compared with those of its own":
            lambda r: r - r.mean(),
        "the mean was taken over the groups, column by column: a group is a row": lambda r: r - r.mean(0, keepdim=True),
        "the sign is turned: what is better than its group must be above 0": lambda r: -spread(r),
        "that is divided by the standard deviation, as the first GRPO did. Here the difference alone": lambda r:
            spread(r) / r.std(1, keepdim=True),
        "each was compared with the best of its group, not with the mean": lambda r: r - r.max(1, keepdim=True).values,
        "that is the median of the group, not its mean": lambda r: r - r.median(1, keepdim=True).values,
        "each was compared with the mean of the others, without itself: take all of the group, itself included":
            lambda r: spread(r) * r.shape[1] / (r.shape[1] - 1),
        "those are the means: subtract them from the rewards": lambda r: r.mean(1, keepdim=True).expand_as(r),
    },
    also_right=[
        lambda r: r - r.sum(-1)[:, None] / r.shape[-1],
        lambda r: [[x - sum(row) / len(row) for x in row] for row in r.tolist()],
    ],
    refused=[lambda r: torch.softmax(r, 1), lambda r: r],
)
def advantages(rewards: Tensor) -> Tensor:
    return rewards - rewards.mean(dim=1, keepdim=True)


def batch(B: int, seed: int, moved: float = 0.3) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities of whole answers after and before, and advantages of both signs."""
    generator = torch.Generator().manual_seed(seed)
    old = -12 * torch.rand(B, generator=generator)
    return old + moved * torch.randn(B, generator=generator), old, torch.randn(B, generator=generator) - 0.2


def clipped(objective: Any) -> Any:
    """A loss like the right one, but for what an answer adds to it."""
    return lambda new, old, A, clip: -objective((new - old).exp(), A, clip).mean()


def cut(ratio: Tensor, clip: float) -> Tensor:
    return ratio.clamp(1 - clip, 1 + clip)


def careful(ratio: Tensor, A: Tensor, clip: float) -> Tensor:
    return torch.minimum(ratio * A, cut(ratio, clip) * A)


@exercise(
    hints=(
        "By which factor has each answer become more probable, and which of the two products promises less?",
        "ratio = e^(new − old); of ratio · A and of the clamped ratio · A the smaller; minus the mean of these.",
        "ratio = (new - old).exp(); kept = ratio.clamp(1 - clip, 1 + clip); "
        "-torch.minimum(ratio * advantages, kept * advantages).mean().",
    ),
    why="PPO and GRPO share this line: answers may serve for several steps, and none of them may go too far.",
    cases=[
        (row(-9.6, -10.3, -12.0, -11.0), row(-10.0, -10.0, -11.5, -11.0), row(1.0, -2.0, 3.0, -0.5), 0.2),
        (*batch(6, 0), 0.1),
        (*batch(5, 1, moved=1.0), 0.3),
        (*batch(3, 2, moved=0.0), 0.2),
    ],
    drive=trained(new=0),
    given=lambda new, old, A, clip: f"for ln p now {written(new, 3)}, before {written(old, 3)}, advantages "
                                    f"{written(A, 2)} and clip = {clip:g}",
    wrong={
        "nothing was clipped": clipped(lambda q, A, c: q * A),
        "only the clipped product was taken: of both, the smaller": clipped(lambda q, A, c: cut(q, c) * A),
        "that is the larger of the two products: the smaller promises less":
            clipped(lambda q, A, c: torch.maximum(q * A, cut(q, c) * A)),
        "the minus is missing: a loss is made smaller, and this is to become larger": lambda *a: -clipped(careful)(*a),
        "the ratio is upside down: e^(new − old)": lambda new, old, A, c: clipped(careful)(old, new, A, c),
        "the exponential is missing: new − old is the logarithm of the ratio":
            lambda new, old, A, c: -careful(new - old, A, c).mean(),
        "that is the sum over the answers: take their mean": lambda *a: clipped(careful)(*a) * len(a[0]),
        "the smaller ratio was taken, and then multiplied: where the advantage is below 0 that is the larger product":
            clipped(lambda q, A, c: torch.minimum(q, cut(q, c)) * A),
    },
    also_right=[
        lambda new, old, A, c: torch.maximum(-(new - old).exp() * A, -cut((new - old).exp(), c) * A).sum() / len(new),
        clipped(lambda q, A, c: torch.where(A > 0, q.clamp_max(1 + c), q.clamp_min(1 - c)) * A),
    ],
    refused=[clipped(lambda q, A, c: careful(q.detach(), A, c)), clipped(lambda q, A, c: careful(q, A.abs(), c))],
)
def grpo_loss(new: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    ratio = (new - old).exp()  # (B,)
    kept = ratio.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratio * advantages, kept * advantages).mean()


@exercise(
    hints=(
        "With u = ln π − ln π_ref of a sample: which three functions of u have a mean near the KL?",
        "k1 = u, k2 = u²/2, k3 = e^(−u) − 1 + u; each is averaged over the samples.",
        "u = log_p - log_reference; return u.mean(), (u**2 / 2).mean(), ((-u).exp() - 1 + u).mean().",
    ),
    why="All three need only the sampled texts. Which one a program prints is worth knowing before two are compared.",
    cases=[
        (row(-2.0, -3.0, -1.0), row(-2.5, -2.0, -4.0)),
        (row(-1.0, -1.0), row(-1.0, -1.0)),
        (row(-5.0, -7.0, -6.0, -4.0), row(-5.2, -6.5, -5.9, -4.1)),
    ],
    drive=named("k1", "k2", "k3"),
    wrong={
        "u has the wrong sign: policy minus reference, since the samples are the policy's":
            lambda p, q: three(q - p),
        "the half of k2 is missing": lambda p, q: (three(p - q)[0], ((p - q) ** 2).mean(), three(p - q)[2]),
        "k2 is half of the mean of u², not of the squared mean":
            lambda p, q: (three(p - q)[0], (p - q).mean() ** 2 / 2, three(p - q)[2]),
        "k3 takes e^(−u), the ratio of reference to policy":
            lambda p, q: (*three(p - q)[:2], ((p - q).exp() - 1 + (p - q)).mean()),
        "that is k3 of −u: it takes e^(−u) and adds u": lambda p, q: (*three(p - q)[:2], three(q - p)[2]),
        "in k3 u is subtracted: e^(−u) − 1 + u": lambda p, q: (*three(p - q)[:2], ((q - p).exp() - 1 - (p - q)).mean()),
        "the − 1 of k3 is missing: it must be 0 where policy and reference agree":
            lambda p, q: (*three(p - q)[:2], ((q - p).exp() + (p - q)).mean()),
        "those are sums: take the means over the samples": lambda p, q: tuple(len(p) * k for k in three(p - q)),
    },
    also_right=[
        lambda p, q: [x.item() for x in three(p - q)],
        lambda p, q: torch.stack(three(p - q)),
        lambda p, q: ((p - q).mean(), (q - p).square().mean() / 2, torch.expm1(q - p).mean() + (p - q).mean()),
    ],
    refused=[lambda p, q: three(p.exp() - q.exp())],
)
def kl_estimates(log_p: Tensor, log_reference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    u = log_p - log_reference
    k1 = u.mean()
    k2 = (u**2 / 2).mean()
    k3 = ((-u).exp() - 1 + u).mean()
    return k1, k2, k3


def three(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return u.mean(), (u**2 / 2).mean(), ((-u).exp() - 1 + u).mean()


def by_levels(raised: Any) -> Any:
    """The distribution of the best of n, from how probable it is that no draw, or all but one, is above a level."""
    def distribution(p: Tensor, r: Tensor, n: int) -> Tensor:
        up_to = torch.stack([p[r <= level].sum() for level in r])
        under = torch.stack([p[r < level].sum() for level in r])
        return raised(p, up_to, under, n)
    return distribution


def in_order(p: Tensor, r: Tensor, n: int) -> Tensor:
    order = r.argsort(stable=True)
    up_to = p[order].cumsum(0)
    return (up_to**n - (up_to - p[order]) ** n)[order.argsort()]


right_best = by_levels(lambda p, up, under, n: p / (up - under) * (up**n - under**n))


@exercise(
    hints=(
        "How probable is it that none of n answers has a reward above a given level?",
        "Let F be the probability of at most this reward and f of less: the level wins with F^n − f^n, and answers of "
        "one level share that in proportion to the reference.",
        "For each answer: at_most = reference[rewards <= r].sum(), less = reference[rewards < r].sum(); its share is "
        "reference[k] / (at_most - less) * (at_most**n - less**n).",
    ),
    why="So the strongest method without any training has a known distribution, and its price in KL can be computed.",
    cases=[
        (row(0.5, 0.3, 0.2), row(0.0, 1.0, 3.0), 2),
        (row(0.1, 0.2, 0.3, 0.4), row(1.0, 0.0, 1.0, -2.0), 3),
        (row(0.4, 0.6), row(0.0, 2.0), 5),
    ],
    tolerance=1e-4,
    shown=summing("reference", "rewards", "n"),
    wrong={
        "that is the probability that all n have at most this reward: subtract that all n have less":
            by_levels(lambda p, up, under, n: p / (up - under) * up**n),
        "that is the share of the whole level: answers with the same reward divide it among them, by the reference":
            by_levels(lambda p, up, under, n: up**n - under**n),
        "answers of one reward share equally here: they share in proportion to the reference": lambda p, r, n:
            by_levels(lambda p, up, under, n: up**n - under**n)(p, r, n) / torch.stack([(r == x).sum() for x in r]),
        "that is the probability that all n draws have this reward: at least one has it, and none has more":
            by_levels(lambda p, up, under, n: p / (up - under) * (up - under) ** n),
        "that is the worst of n: count those at most as good, not those at least as good":
            lambda p, r, n: right_best(p, -r, n),
        "that is the probability that the answer is among the n, the best or not":
            lambda p, r, n: 1 - (1 - p) ** n,
        "the best answer alone is left: with n draws a worse one still wins sometimes": lambda p, r, n:
            F.one_hot(r.argmax(), len(r)).float(),
        "answers with one reward were put into an order: they are equally good, and share": in_order,
    },
    also_right=[
        right_best,
        lambda p, r, n: right_best(p.double(), r.double(), n).float(),
        lambda p, r, n: right_best(p, r, n).tolist(),
    ],
    refused=[lambda p, r, n: to_one(p * n ** r), lambda p, r, n: right_best(p, r, n + 1)],
)
def best_of(reference: Tensor, rewards: Tensor, n: int) -> Tensor:
    result = torch.zeros_like(reference)
    for k in range(len(reference)):
        at_most = reference[rewards <= rewards[k]].sum()
        less = reference[rewards < rewards[k]].sum()
        result[k] = reference[k] / (at_most - less) * (at_most**n - less**n)
    return result
