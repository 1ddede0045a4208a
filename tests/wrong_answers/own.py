"""Wrong answers to the exercises of notebook 05."""

FIRST = {
    "positions": [
        (
            "a = [np.arange(n) / n for n in sizes]\nreturn np.stack(np.meshgrid(*a), -1).reshape(-1, len(sizes))",
            "indexing",
        ),
        (
            "a = [np.linspace(0, 1, n) for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1).reshape(-1, len(sizes))",
            "n − 1",
        ),
        ("a = [np.arange(n) / n for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1)", "flatten"),
        (
            "a = [np.arange(n) / n for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), 0).reshape(len(sizes), -1)",
            "turned",
        ),
        (
            "a = [np.arange(n) for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1).reshape(-1, len(sizes))",
            "entries",
        ),
        (
            "a = [np.arange(n) / n for n in sizes[:2]]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1).reshape(-1, 2)",
            "shape",
        ),
        (
            "a = [(np.arange(n) + 0.5) / n for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1).reshape(-1, len(sizes))",
            "middle",
        ),
        (
            "a = [np.arange(n) / max(sizes) for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), -1).reshape(-1, len(sizes))",
            "its own",
        ),
        (
            "a = [np.arange(n) / n for n in sizes]\nreturn np.stack(np.meshgrid(*a, indexing='ij'), 0).reshape(-1, len(sizes))",
            "mixed",
        ),
    ],
    "field_for": [
        ("return models.siren(signal.ndim, signal.shape[-1], width=16, depth=3)", "channels"),
        ("return models.siren(signal.shape[-1], signal.ndim - 1, width=16, depth=3)", "order"),
        ("return models.siren(2, signal.shape[-1], width=16, depth=3)", "two dimensions"),
        ("return models.siren(signal.ndim - 1, 1, width=16, depth=3)", "comes out"),
        ("return models.siren(signal.shape[0], signal.shape[-1], width=16, depth=3)", "axes"),
        ("return models.siren(signal.ndim - 1, signal.shape[-1], width=16, depth=3).init(jax.random.key(0))", "field"),
        ("return models.siren", "field"),
        ("return models.siren(1, 1, width=16, depth=3)", "whatever it is given"),
    ],
    "error_of": [
        ("return 10 ** (-psnr / 20)", "`peak`"),
        ("return peak * 10 ** (psnr / 20)", "sign"),
        ("return peak**2 * 10 ** (-psnr / 10)", "root"),
        ("return peak * 10 ** (-psnr / 10)", "20"),
        ("return np.sqrt(peak) * 10 ** (-psnr / 20)", "squared"),
        ("return peak * np.exp(-psnr / 20)", "10"),
        ("return peak - psnr", "subtract"),
        ("return 10 * np.log10(peak**2 / psnr)", "other way"),
    ],
    "splits": [
        ("few = n // 10\nr = np.arange(n)\nreturn r[2 * few:], r[:few], r[few:2 * few]", "at random"),
        (
            "r, few = np.random.default_rng(0).permutation(n), n // 10\nreturn r[2 * few:], r[:few], r[few:2 * few]",
            "`seed`",
        ),
        ("r, few = np.random.default_rng(seed).permutation(n), n // 10\nreturn r, r[:few], r[few:2 * few]", "two of"),
        (
            "g, few = np.random.default_rng(seed), n // 10\nreturn g.integers(0, n, n - 2 * few), g.integers(0, n, few), g.integers(0, n, few)",
            "two of",
        ),
        (
            "r, few = np.random.default_rng(seed).permutation(n), n // 10\nreturn r[:8 * few], r[8 * few:9 * few], r[9 * few:10 * few]",
            "left out",
        ),
        (
            "r, few = np.random.default_rng(seed).permutation(n), n // 10\nreturn r[:few], r[few:2 * few], r[2 * few:]",
            "order",
        ),
        (
            "r, few = np.random.default_rng().permutation(n), n // 10\nreturn r[2 * few:], r[:few], r[few:2 * few]",
            "same seed",
        ),
        (
            "r, few = np.random.default_rng(seed).permutation(n), n // 5\nreturn r[2 * few:], r[:few], r[few:2 * few]",
            "how many",
        ),
        ("r, few = np.random.default_rng(seed).permutation(n), n // 10\nreturn r[2 * few:], r[:few]", "three"),
        (
            "r, few = np.random.default_rng(seed).permutation(n) + 1, n // 10\nreturn r[2 * few:], r[:few], r[few:2 * few]",
            "from 0",
        ),
    ],
    "nearest": [
        ("return ((test[:, None] - train[None]) ** 2).mean(axis=(2, 3)).argmax(axis=1)", "farthest"),
        ("return ((test[:, None] - train[None]) ** 2).mean(axis=(2, 3)).argmin(axis=0)", "each training signal"),
        ("return ((test[:, None] - train[None]) ** 2).mean(axis=(2, 3)).min(axis=1)", "distance"),
        ("return np.abs((test[:, None] - train[None]).mean(axis=(2, 3))).argmin(axis=1)", "cancel"),
        ("return train[((test[:, None] - train[None]) ** 2).mean(axis=(2, 3)).argmin(axis=1)]", "signals themselves"),
        ("return np.abs(test[:, None] - train[None]).mean(axis=(2, 3)).argmin(axis=1)", "absolute"),
        ("return np.full(len(test), ((train - train.mean(axis=0)) ** 2).mean(axis=(1, 2)).argmin())", "`test`"),
        ("return ((test.mean(axis=0) - train) ** 2).mean(axis=(1, 2)).argmin()", "shape"),
        ("return (test[:, None] - train[None]).mean(axis=(2, 3)).argmin(axis=1)", "smallest sum"),
    ],
}
