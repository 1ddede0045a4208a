"""Wrong answers to the exercises of notebook 03."""

LEFT = "left = np.cumprod(np.append(1.0, 1 - alphas))\n"

FIRST = {
    "composite": [
        ("w = alphas * (1 - alphas) ** np.arange(len(alphas))\nreturn w @ colours + (1 - w.sum())", "own alpha"),
        ("return np.array([0.75, 0.25, 0.5])", "whatever it is given"),
        (
            "a = alphas.mean()\nw = a * (1 - a) ** np.arange(len(alphas))\nreturn w @ colours + (1 - w.sum())",
            "all the same",
        ),
        (LEFT + "return (left[:-1] * alphas) @ colours", "white"),
        ("return alphas @ colours + (1 - alphas.sum())", "hide"),
        (LEFT + "return (left[1:] * alphas) @ colours + left[-1]", "itself"),
        (LEFT + "w = left[:-1] * alphas\nreturn w @ colours / w.sum()", "divided"),
        (
            "alphas, colours = alphas[::-1], colours[::-1]\n"
            + LEFT
            + "return (left[:-1] * alphas) @ colours + left[-1]",
            "farthest",
        ),
        ("return colours.mean(axis=0)", "`alphas`"),
        (LEFT + "return ((left[:-1] * alphas) @ colours + left[-1]).mean()", "shape"),
        (LEFT + "return (left[:-1] * alphas)[:, None] * colours", "shape"),
    ],
    "alphas": [
        ("return 1 - np.exp(-density * np.append(np.diff(t), last))", "length of"),
        ("return np.exp(-density * np.append(np.diff(t), last) * np.linalg.norm(direction))", "passes"),
        ("return 1 - np.exp(density * np.append(np.diff(t), last) * np.linalg.norm(direction))", "minus"),
        ("return 1 - np.exp(-density[:-1] * np.diff(t) * np.linalg.norm(direction))", "shape"),
        ("return density * np.append(np.diff(t), last) * np.linalg.norm(direction)", "exponential"),
        ("return 1 - np.exp(-density * np.append(np.diff(t), 1e-3) * np.linalg.norm(direction))", "`last`"),
        ("return 1 - np.exp(-density * np.append(last, np.diff(t)) * np.linalg.norm(direction))", "next"),
        ("return 1 - np.exp(-density * t * np.linalg.norm(direction))", "difference"),
        ("return 1 - np.exp(-density * np.append(np.diff(t) * np.linalg.norm(direction), last))", "last one, too"),
    ],
    "direction": [
        (
            "fx, fy, cx, cy = intrinsics\nreturn camera_to_world[:, :3] @ np.array([(u - cx) / fx, (cy - v) / fy, 1.0])",
            "behind",
        ),
        (
            "fx, fy, cx, cy = intrinsics\nreturn camera_to_world[:, :3] @ np.array([(u - cx) / fx, (v - cy) / fy, -1.0])",
            "down",
        ),
        ("fx, fy, cx, cy = intrinsics\nreturn np.array([(u - cx) / fx, (cy - v) / fy, -1.0])", "camera's frame"),
        (
            "fx, fy, cx, cy = intrinsics\nreturn np.array([(u - cx) / fx, (cy - v) / fy, -1.0]) @ camera_to_world[:, :3]",
            "transpose",
        ),
        (
            "fx, fy, cx, cy = intrinsics\nd = camera_to_world[:, :3] @ np.array([(u - cx) / fx, (cy - v) / fy, -1.0])\n"
            "return d / np.linalg.norm(d)",
            "length 1",
        ),
        (
            "fx, fy, cx, cy = intrinsics\nreturn camera_to_world @ np.array([(u - cx) / fx, (cy - v) / fy, -1.0, 1.0])",
            "stands",
        ),
        (
            "fx, fy, cx, cy = intrinsics\nreturn camera_to_world[:, :3] @ np.array([(v - cx) / fx, (cy - u) / fy, -1.0])",
            "u and v",
        ),
        (
            "fx, fy, cx, cy = intrinsics\nreturn camera_to_world[:, :3] @ np.array([(u - cx) / fy, (cy - v) / fx, -1.0])",
            "fx and fy",
        ),
        ("fx, fy, cx, cy = intrinsics\nreturn camera_to_world[:, :3] @ np.array([u / fx, -v / fy, -1.0])", "cx"),
    ],
    "depth": [
        (LEFT + "return np.sum(left[:-1] * alphas * t)", "far"),
        (LEFT + "w = left[:-1] * alphas\nreturn np.sum(w * t) / w.sum()", "divided"),
        ("return np.sum(alphas * t) + (1 - alphas.sum()) * far", "hide"),
        (LEFT + "return t[np.argmax(left[:-1] * alphas)]", "largest"),
        ("return t.mean()", "`alphas`"),
        (LEFT + "return np.sum(left[1:] * alphas * t) + left[-1] * far", "itself"),
        (LEFT + "return (np.sum(left[:-1] * alphas * t) + left[-1] * far) / len(t)", "number of samples"),
        (LEFT + "return np.cumsum(left[:-1] * alphas * t) + left[-1] * far", "one number"),
        (
            "w = alphas * (1 - alphas) ** np.arange(len(alphas))\nreturn np.sum(w * t) + (1 - w.sum()) * far",
            "own alpha",
        ),
    ],
    "recognised": [
        ("return int(np.sum(scores.argmax(axis=1) == np.arange(len(scores))))", "draw"),
        (
            "o = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores)\nreturn int(np.sum(np.diag(scores) > o.max(axis=0)))",
            "column",
        ),
        (
            "o = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores)\nreturn float(np.mean(np.diag(scores) > o.max(axis=1)))",
            "share",
        ),
        (
            "o = np.where(np.eye(len(scores), dtype=bool), np.inf, scores)\nreturn int(np.sum(np.diag(scores) < o.min(axis=1)))",
            "worst",
        ),
        (
            "o = np.where(np.eye(len(scores), dtype=bool), -np.inf, scores)\nreturn np.diag(scores) > o.max(axis=1)",
            "count",
        ),
        ("return int(np.sum(np.diag(scores) > scores.mean(axis=1)))", "mean"),
        ("return len(scores)", "all"),
        ("return int(np.sum(np.diag(scores) > scores.max(axis=1)))", "itself"),
    ],
}
