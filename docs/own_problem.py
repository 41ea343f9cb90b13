"""A problem of your own: robust regression of the progression of diabetes. See problems.md."""

import numpy as np
from sklearn.datasets import load_diabetes

import asysim
from asysim.ground.arrays import Ints, Vector
from asysim.problems.base import Constants
from asysim.random.streams import Words, indices


class Robust:
    """f(x) = mean over samples i of h(a_i·x − b_i), with h(r) = sqrt(1 + r²) − 1 (pseudo-Huber)."""

    words = 1  # random words that name one sample: here, which one of those there are

    def __init__(self) -> None:
        features, target = load_diabetes(return_X_y=True)
        self.a = features / features.std(axis=0)
        self.b = (target - target.mean()) / target.std()
        self.dimension = self.a.shape[1]

    def start(self) -> Vector:
        return np.zeros(self.dimension)

    def sample(self, words: Words) -> Ints:  # (draws, M, 1) -> a mini-batch for each draw
        return indices(words[:, :, 0], len(self.b))

    def gradient(self, x: Vector, batch: Ints, out: Vector) -> None:  # the SUM, into `out`
        rest = self.a[batch] @ x - self.b[batch]
        out[:] = (rest / np.sqrt(1 + rest**2)) @ self.a[batch]

    def value(self, x: Vector) -> float:
        rest = self.a @ x - self.b
        return float(np.mean(np.sqrt(1 + rest**2) - 1))

    def full_gradient(self, x: Vector, out: Vector) -> float:
        self.gradient(x, np.arange(len(self.b)), out)
        out /= len(self.b)
        return self.value(x)

    def constants(self) -> Constants:  # h″ ≤ 1, so L is at most an eigenvalue of features
        largest = float(np.linalg.eigvalsh(self.a.T @ self.a / len(self.b))[-1])
        return Constants(lipschitz=largest)

    def hvp(self, x: Vector, direction: Vector) -> Vector:  # may be left out
        rest = self.a @ x - self.b
        product: Vector = (1 + rest**2) ** -1.5 * (self.a @ direction) @ self.a / len(self.b)
        return product


if __name__ == "__main__":
    scenario = asysim.load("scenarios/asysg_con.toml", "algorithm.step=0.01", "run.updates=4000")
    run = asysim.run(scenario, problem=Robust())
    print(run.curve[["update", "loss", "gradient_norm2"]].iloc[[0, -1]])
    print(*asysim.assess(run).verdict.sentences)
