"""Wrong answers to the exercises of notebook 02."""

FIRST = {
    "two_projections": [
        ("return np.stack([picture.sum(axis=1), picture.sum(axis=0)[::-1]])", "columns and rows"),
        ("return np.stack([picture.sum(axis=0), picture.sum(axis=1)])", "lowest"),
        ("return np.stack([picture.sum(axis=0)[::-1], picture.sum(axis=1)[::-1]])", "0°"),
        ("return np.stack([picture.sum(axis=0), picture.sum(axis=0)])", "the same"),
        ("return np.stack([picture.mean(axis=0), picture.mean(axis=1)[::-1]])", "mean"),
        ("return np.stack([picture.sum(axis=0), picture.sum(axis=1)[::-1]], axis=1)", "turned"),
        ("return picture.sum(axis=0)", "shape"),
        ("return np.stack([picture.sum(axis=1)[::-1], picture.sum(axis=0)])", "order"),
    ],
    "sinogram_loss": [
        ("return jnp.mean((tomography.project(picture, angles) - measured) ** 2)", "sums"),
        ("return jnp.mean((tomography.project(picture, angles) / len(picture) - measured) ** 2)", "measured"),
        ("return jnp.mean(jnp.abs(tomography.project(picture, angles) - measured) / len(picture))", "absolute"),
        ("return jnp.sum(((tomography.project(picture, angles) - measured) / len(picture)) ** 2)", "sum over"),
        ("return jnp.sqrt(jnp.mean(((tomography.project(picture, angles) - measured) / len(picture)) ** 2))", "root"),
        (
            "angles = jnp.linspace(0, jnp.pi, len(measured), endpoint=False)\n"
            "return jnp.mean(((tomography.project(picture, angles) - measured) / len(picture)) ** 2)",
            "`angles`",
        ),
        ("return jnp.mean(((tomography.project(picture, angles) - measured) / len(angles)) ** 2)", "number of views"),
        (
            "return jnp.mean(((tomography.project(picture, angles) - measured) / len(picture)) ** 2, axis=1)",
            "one number",
        ),
        ("return jnp.mean(jnp.square(measured / len(picture)))", "`picture`"),
        (
            "return jnp.mean(((tomography.project(picture, jnp.radians(angles)) - measured) / len(picture)) ** 2)",
            "radians",
        ),
    ],
    "unmeasured": [
        ("s = (found - truth) ** 2\nreturn np.sqrt(s[~measured].mean()), np.sqrt(s[measured].mean())", "order"),
        ("s = (found - truth) ** 2\nreturn s[measured].mean(), s[~measured].mean()", "root"),
        ("s = np.abs(found - truth)\nreturn s[measured].mean(), s[~measured].mean()", "absolute"),
        ("s = (found - truth) ** 2\nreturn np.sqrt(s[measured].mean()), np.sqrt(s.mean())", "all angles"),
        ("s = (found - truth) ** 2\nreturn np.sqrt(s[measured].sum()), np.sqrt(s[~measured].sum())", "sum"),
        ("s = (found - truth) ** 2\nreturn np.sqrt(s[measured].mean())", "pair"),
        ("s = found - truth\nreturn s[measured].mean(), s[~measured].mean()", "cancel"),
        (
            "s = (found - truth) ** 2\nreturn np.sqrt(s[:, measured[:s.shape[1]]].mean()), np.sqrt(s[:, ~measured[:s.shape[1]]].mean())",
            "IndexError",
        ),
    ],
    "full_turn": [
        ("return np.concatenate([half, half])", "behind"),
        ("return np.concatenate([half, half[::-1]])", "angles"),
        ("return np.concatenate([half, half[::-1, ::-1]])", "both"),
        ("return np.concatenate([half[:, ::-1], half])", "order"),
        ("return np.concatenate([half, half[:, ::-1]], axis=1)", "shape"),
        ("return np.concatenate([half, -half])", "negative"),
        ("return half[:, ::-1]", "shape"),
    ],
    "projection_matrix": [
        (
            "return np.stack([np.asarray(project(jnp.asarray(p), angles)).ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)])",
            "rows and columns",
        ),
        (
            "return np.stack([np.asarray(project(jnp.asarray(p), angles)).ravel() / size for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "averages",
        ),
        (
            "return np.stack([np.asarray(project(jnp.asarray(p), angles)).T.ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "ray after ray",
        ),
        (
            "return np.stack([np.asarray(project(jnp.asarray(p.T), angles)).ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "column by column",
        ),
        (
            "return np.stack([np.asarray(project(jnp.asarray(p), angles[:1])).ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "shape",
        ),
        (
            "angles = jnp.linspace(0, jnp.pi, len(angles), endpoint=False)\n"
            "return np.stack([np.asarray(project(jnp.asarray(p), angles)).ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "`angles`",
        ),
        (
            "return np.stack([np.asarray(tomography.project(jnp.asarray(p), angles)).ravel() for p in\n"
            "    np.eye(size * size, dtype=np.float32).reshape(-1, size, size)], axis=1)",
            "`project`",
        ),
        (
            "return np.stack([np.asarray(project(jnp.ones((size, size)), angles)).ravel()] * size**2, axis=1)",
            "columns are all alike",
        ),
    ],
}
