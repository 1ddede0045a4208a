"""Meta-gradients against closed forms and finite differences; outer steps against a plain loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from learnit_core import losses, meta, models
from learnit_core.structures import Pixels, Task

RATE = 0.1


@pytest.fixture
def float64():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


# A quadratic, where everything has a closed form


def quadratic(params, batch, key):
    """(θ − c)ᵀ A (θ − c) / 2, with θ in two arrays of unlike shapes."""
    difference = vector(params) - batch["c"]
    return difference @ batch["A"] @ difference / 2


def vector(params):
    return jnp.concatenate([params["b"], params["w"].ravel()])


def tree(x):
    return {"b": jnp.asarray(x[:1]), "w": jnp.asarray(x[1:]).reshape(2, 2)}


def problem(seed=0):
    """Start, support and query as numpy float64; A is symmetric positive with eigenvalues between 0.2 and 4."""
    rng = np.random.default_rng(seed)

    def one():
        turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
        return {"A": turn @ np.diag(rng.uniform(0.2, 4, 5)) @ turn.T, "c": rng.normal(size=5)}

    return rng.normal(size=5), one(), one()


def task_of(support, query):
    return Task(jax.tree.map(jnp.asarray, support), jax.tree.map(jnp.asarray, query))


@pytest.mark.parametrize("num_steps", [1, 2, 7])
def test_meta_gradients_in_closed_form(float64, num_steps):
    start, support, query = problem()
    # Each step takes θ − c to (I − ηA)(θ − c).
    shrink = np.linalg.matrix_power(np.eye(5) - RATE * support["A"], num_steps)
    adapted = support["c"] + shrink @ (start - support["c"])
    left = adapted - query["c"]
    expected_loss, query_gradient = left @ query["A"] @ left / 2, query["A"] @ left
    expected = {"maml": shrink @ query_gradient, "fomaml": query_gradient, "reptile": start - adapted}

    adapt = meta.adapt_with(quadratic, optax.sgd(RATE), num_steps)
    np.testing.assert_allclose(vector(adapt(tree(start), task_of(support, query).support, jax.random.key(0))), adapted)
    for name, gradient in expected.items():
        value, grads = getattr(meta, name)(quadratic, adapt)(tree(start), task_of(support, query), jax.random.key(0))
        np.testing.assert_allclose(value, expected_loss, rtol=1e-12)
        np.testing.assert_allclose(vector(grads), gradient, rtol=1e-11, atol=1e-13, err_msg=name)
    assert np.abs(expected["maml"] - expected["fomaml"]).max() > 0.1, "this problem does not tell the two apart"


def test_meta_sgd_in_closed_form(float64):
    start, support, query = problem(1)
    rates = np.random.default_rng(2).uniform(0.02, 0.2, 5)
    slope = support["A"] @ (start - support["c"])
    left = start - rates * slope - query["c"]
    query_gradient = query["A"] @ left
    meta_grad = meta.maml(quadratic, meta.adapt_with_rates(quadratic, 1))
    value, grads = meta_grad(meta.Rated(tree(start), tree(rates)), task_of(support, query), jax.random.key(0))
    np.testing.assert_allclose(value, left @ query["A"] @ left / 2)
    # dθ₁/dθ = I − diag(r) A, and dθ₁/dr = −diag(slope).
    np.testing.assert_allclose(vector(grads.params), query_gradient - support["A"] @ (rates * query_gradient))
    np.testing.assert_allclose(vector(grads.rates), -slope * query_gradient)


@pytest.mark.parametrize("num_steps", [1, 4])
def test_meta_sgd_with_constant_rates_is_maml(float64, num_steps):
    start, support, query = problem(3)
    task, key = task_of(support, query), jax.random.key(0)
    value, grads = meta.maml(quadratic, meta.adapt_with(quadratic, optax.sgd(RATE), num_steps))(tree(start), task, key)
    rated = meta.Rated(tree(start), tree(np.full(5, RATE)))
    rated_value, rated_grads = meta.maml(quadratic, meta.adapt_with_rates(quadratic, num_steps))(rated, task, key)
    np.testing.assert_allclose(rated_value, value, rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11), rated_grads.params, grads)

    # Raising all rates alike is raising the one rate of SGD.
    def after(rate):
        adapt = meta.adapt_with(quadratic, optax.sgd(rate), num_steps)
        return float(quadratic(adapt(tree(start), task.support, key), task.query, key))

    slope = (after(RATE + 1e-6) - after(RATE - 1e-6)) / 2e-6
    np.testing.assert_allclose(float(vector(rated_grads.rates).sum()), slope, rtol=1e-6)


def test_no_steps_leave_the_weights_alone(float64):
    start, support, query = problem(4)
    task, key = task_of(support, query), jax.random.key(0)
    plain = query["A"] @ (start - query["c"])
    for name, gradient in {"maml": plain, "fomaml": plain, "reptile": np.zeros(5)}.items():
        adapt = meta.adapt_with(quadratic, optax.sgd(RATE), 0)
        np.testing.assert_allclose(vector(getattr(meta, name)(quadratic, adapt)(tree(start), task, key)[1]), gradient)


# A small network


def network(depth):
    field = models.siren(2, 1, width=8, depth=depth, w0=5.0)
    coords = models.pixel_grid(4, 4)
    values = np.random.default_rng(0).uniform(0, 1, (2, 16, 1))
    return field, Task(*(Pixels(coords, jnp.asarray(v, coords.dtype)) for v in values))


def test_maml_against_finite_differences(float64):
    field, task = network(depth=3)
    loss, key = losses.image_loss(field), jax.random.key(0)
    params = field.init(jax.random.key(1))
    assert params[0]["w"].dtype == jnp.float64
    adapt = meta.adapt_with(loss, optax.sgd(0.05), 2)
    _, grads = jax.jit(meta.maml(loss, adapt))(params, task, key)

    @jax.jit
    def after(params, direction, step):
        moved = jax.tree.map(lambda p, d: p + step * d, params, direction)
        return loss(adapt(moved, task.support, key), task.query, key)

    for seed in range(4):
        rng = np.random.default_rng(seed)
        direction = jax.tree.map(lambda p, rng=rng: jnp.asarray(rng.normal(size=p.shape)), params)
        slope = (after(params, direction, 1e-5) - after(params, direction, -1e-5)) / 2e-5
        found = sum(jax.tree.leaves(jax.tree.map(lambda g, d: jnp.vdot(g, d), grads, direction)))
        np.testing.assert_allclose(found, slope, rtol=1e-7)


def test_rematerialisation_and_the_fast_sine_change_no_gradient():
    field, task = network(depth=2)
    loss, params = losses.image_loss(field), field.init(jax.random.key(1))
    key = jax.random.key(0)
    found = {}
    for remat in (True, False):
        adapt = meta.adapt_with(loss, optax.sgd(0.05), 2, remat=remat)
        found[remat] = jax.jit(meta.maml(loss, adapt))(params, task, key)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-8), found[True], found[False])

    def plain(params):
        """The same, with the library's sine and an unrolled loop."""

        def apply(params, batch):
            x = batch.coords
            for layer in params[:-1]:
                x = jnp.sin(5.0 * (jnp.matmul(x, layer["w"], precision="highest") + layer["b"]))
            x = jnp.matmul(x, params[-1]["w"], precision="highest") + params[-1]["b"] + 0.5
            return jnp.mean((x - batch.values) ** 2)

        for _ in range(2):
            params = jax.tree.map(lambda p, g: p - 0.05 * g, params, jax.grad(apply)(params, task.support))
        return apply(params, task.query)

    expected = jax.jit(jax.value_and_grad(plain))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found[True], expected)


# Outer steps


def noisy_tasks(key, data):
    """Three tasks, centres drawn from the data with some noise: uses the key as a sampler of signals does."""
    pick, shift = jax.random.split(key)
    c = data["c"][jax.random.randint(pick, (3,), 0, len(data["c"]))]
    batch = {"A": jnp.broadcast_to(data["A"], (3, 5, 5)), "c": c + 0.1 * jax.random.uniform(shift, c.shape)}
    return Task(batch, batch)


def noisy_quadratic(params, batch, key):
    """A loss that uses its key: what is fitted differs from step to step, as with mini-batches."""
    return quadratic(params, batch | {"c": batch["c"] + 0.1 * jax.random.uniform(key, (5,))}, key)


def outer_problem():
    start, support, _ = problem(5)
    data = {"A": jnp.asarray(support["A"]), "c": jnp.asarray(np.random.default_rng(6).normal(size=(10, 5)))}
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-2, 100))
    meta_grad = meta.maml(noisy_quadratic, meta.adapt_with(noisy_quadratic, optax.sgd(RATE), 2))
    return meta_grad, data, optimizer, meta.init_state(tree(start), optimizer)


def test_outer_steps_against_a_plain_loop(float64):
    meta_grad, data, optimizer, state = outer_problem()
    key, one_task, sample, update = (
        jax.random.key(7),
        jax.jit(meta_grad),
        jax.jit(noisy_tasks),
        jax.jit(optimizer.update),
    )
    params, opt_state, expected = state.params, state.opt_state, []
    for step in range(4):
        sample_key, task_key = jax.random.split(jax.random.fold_in(key, step))
        tasks, task_keys = sample(sample_key, data), jax.random.split(task_key, 3)
        results = [one_task(params, jax.tree.map(lambda x, i=i: x[i], tasks), task_keys[i]) for i in range(3)]
        grads = jax.tree.map(lambda *g: sum(g) / 3, *[grads for _, grads in results])
        updates, opt_state = update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        expected.append(sum(float(value) for value, _ in results) / 3)
    assert len(set(expected)) == 4
    for over_tasks in ("map", "vmap"):
        found, means = meta.meta_steps(
            meta_grad, noisy_tasks, data, state, key, optimizer=optimizer, num_steps=4, over_tasks=over_tasks
        )
        np.testing.assert_allclose(means, expected, rtol=1e-11)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), found.params, params)
        assert int(found.step) == 4


def test_a_hundred_steps_are_fifty_and_fifty():
    meta_grad, data, optimizer, state = outer_problem()
    key = jax.random.key(3)

    @functools.partial(jax.jit, static_argnames="num_steps")
    def advance(state, num_steps):
        return meta.meta_steps(meta_grad, noisy_tasks, data, state, key, optimizer=optimizer, num_steps=num_steps)

    whole, whole_losses = advance(state, 100)
    half, first = advance(state, 50)
    again, second = advance(half, 50)
    jax.tree.map(np.testing.assert_array_equal, whole, again)
    np.testing.assert_array_equal(whole_losses, np.concatenate([first, second]))
    assert int(again.step) == 100 and not np.array_equal(first, second)
    assert np.mean(second[-10:]) < np.mean(first[:10]), "it does not learn"
