"""How a check comes to its verdict.

A student's function is called with random inputs, in several cases of different sizes, and its answers are compared with
the true ones. If they differ, they are compared with what each usual mistake would have given, and the mistake that
explains all answers is named. After that come mistakes that any function may have: a constant, an argument that is not
used, a wrong shape, sign, factor or order. Students see one sentence, and never a traceback.
"""

import inspect
import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np

from learnit_core.teaching.checks import predictions
from learnit_core.teaching.checks.predictions import Ask

SIZES = 4
"""Cases of different sizes, unless a check takes long; of each size there are two, so that an argument can be exchanged."""

UNSOLVED = "Not solved yet: put your code in the place of `...`."
FORGOTTEN = "Your function gives back None: does it end with `return`?"


class Wrong(Exception):
    """What is wrong, in one sentence."""


@dataclass(frozen=True)
class Verdict:
    """What a check says, in words; true if the exercise is solved."""

    passed: bool
    text: str

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return self.text


def judge(
    student: Any,
    truth: Callable,
    draw: Callable[[np.random.Generator, int], tuple],
    mistakes: Mapping[str, Callable],
    *,
    hint: str,
    ask: Ask,
    prediction: Any,
    outcome: Callable[[], tuple[Any, str]],
    seed: int | None = None,
    sizes: int = SIZES,
) -> Verdict:
    """The verdict on a student's function that should do what ``truth`` does.

    ``draw(rng, k)`` gives the arguments of a case, whose shapes depend on ``k`` only; ``mistakes`` says for each sentence
    what a function with that mistake would give, for a case ``c`` with the arguments as attributes; ``hint`` is said of
    answers that nothing explains; ``outcome()`` is what the prediction is held against, and a sentence with it. Without a
    seed the inputs are new each time.
    """

    def compare():
        rng = np.random.default_rng(seed)
        fits(student, truth)
        pairs = [(draw(rng, k), draw(rng, k)) for k in range(sizes)]
        cases = list(itertools.chain.from_iterable(pairs))
        answers = [call(student, arguments, truth) for arguments in cases]
        expected = [truth(*arguments) for arguments in cases]
        right = [same(a, e) for a, e in zip(answers, expected, strict=True)]
        if not all(right):
            names = inspect.signature(truth).parameters
            named_cases = [SimpleNamespace(**dict(zip(names, case, strict=True))) for case in cases]
            sentence = explained(answers, named_cases, mistakes)
            sentence = sentence or not_special(student, truth, pairs, answers, expected)
            part = "Right for some inputs and wrong for others. " if any(right) else ""
            raise Wrong(sentence or f"Not yet. {part}{hint}")

    return verdict(compare, ask=ask, prediction=prediction, outcome=outcome)


def verdict(
    compare: Callable[[], None], *, ask: Ask, prediction: Any, outcome: Callable[[], tuple[Any, str]]
) -> Verdict:
    """Ask for the prediction, then ``compare()``, which raises :class:`Wrong`, then hold the prediction to what came."""
    if sentence := predictions.missing(ask, prediction):
        return Verdict(False, sentence)
    try:
        compare()
    except Wrong as wrong:
        return Verdict(False, str(wrong))
    return Verdict(True, f"Correct. {predictions.outcome(ask, prediction, *outcome())}")


def fits(student: Any, truth: Callable) -> None:
    """Raise Wrong unless ``student`` is a function that can be called as ``truth`` is."""
    if student is ...:
        raise Wrong(UNSOLVED)
    if not callable(student):
        raise Wrong(
            f"The check wants the function itself, not what it gives ({type(student).__name__}): leave out the ()."
        )
    names = list(inspect.signature(truth).parameters)
    try:
        inspect.signature(student).bind(*names)
    except TypeError:
        raise Wrong(f"Your function does not take ({', '.join(names)}): keep the first line as it was.") from None
    except ValueError:  # a function that was not written in Python
        return


def call(student: Callable, arguments: Sequence[Any], truth: Callable) -> Any:
    """What the student's function gives for copies of the arguments; raises Wrong if that is nothing to compare."""
    given = [copied(argument) for argument in arguments]
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            answer = student(*given)
    except Wrong:
        raise
    except (Exception, SystemExit) as error:
        raise Wrong(named(error, student)) from None
    something(answer)
    for name, before, after in zip(inspect.signature(truth).parameters, arguments, given, strict=True):
        if not unchanged(before, after):
            raise Wrong(f"Your function changes what it is given, `{name}`: work on a copy.")
    return answer


def something(answer: Any) -> None:
    """Raise Wrong if an answer is still `...`, or None."""
    if answer is ... or (isinstance(answer, (tuple, list)) and any(part is ... for part in answer)):
        raise Wrong(UNSOLVED)
    if answer is None:
        raise Wrong(FORGOTTEN)


def named(error: BaseException, student: Callable) -> str:
    """One sentence for an exception in a student's code."""
    message = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    message = f": {message[:150]}" if message else ""
    trace, where, code = error.__traceback__, "", getattr(inspect.unwrap(student), "__code__", None)
    while trace:
        if code and trace.tb_frame.f_code is code:
            where = f" in line {trace.tb_lineno - code.co_firstlineno + 1} of your function"
        trace = trace.tb_next
    return f"Your code stops with {type(error).__name__}{where}{message}."


def copied(tree: Any) -> Any:
    """A copy, so that what a student changes is not what the check compares with."""
    return jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, tree)


def unchanged(before: Any, after: Any) -> bool:
    """Whether an argument is what it was; only numpy's arrays, lists and dicts can change."""
    if jax.tree.structure(before) != jax.tree.structure(after):
        return False
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return all(a is b or (isinstance(a, np.ndarray) and np.array_equal(a, b, equal_nan=True)) for a, b in pairs)


def arrays(answer: Any, like: Any) -> list[np.ndarray] | None:
    """The arrays of an answer, if it has the structure of ``like``; where that is one array, lists count as arrays."""
    structure = jax.tree.structure(like)
    leaves = [answer] if jax.tree_util.treedef_is_leaf(structure) else jax.tree.leaves(answer)
    if len(leaves) != structure.num_leaves or (len(leaves) > 1 and jax.tree.structure(answer) != structure):
        return None
    try:
        found = [np.asarray(leaf) for leaf in leaves]
    except Exception:  # ragged lists, tracers, and what else cannot be an array
        return None
    return found if all(array.dtype.kind in "fiub" or array.dtype.name == "bfloat16" for array in found) else None


def same(answer: Any, expected: Any, *, exact: bool = False) -> bool:
    """Whether two answers agree in structure, shapes and, up to rounding, numbers."""
    found, wanted = arrays(answer, expected), [np.asarray(leaf) for leaf in jax.tree.leaves(expected)]
    if found is None or [a.shape for a in found] != [b.shape for b in wanted]:
        return False
    if exact:
        return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, wanted, strict=True))
    # Rounding is relative to the largest number of an array, not to each.
    return all(
        np.allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max(initial=0)) for a, b in zip(found, wanted, strict=True)
    )


def explained(answers: Sequence[Any], cases: Sequence[SimpleNamespace], mistakes: Mapping[str, Callable]) -> str | None:
    """The sentence of the first mistake that explains all answers."""

    def given(mistake, case):
        try:
            with np.errstate(all="ignore"):
                return mistake(case)
        except Exception:  # a mistake that cannot be made with these inputs
            return None

    for sentence, mistake in mistakes.items():
        pairs = ((answer, given(mistake, case)) for answer, case in zip(answers, cases, strict=True))
        if all(wrong is not None and same(answer, wrong) for answer, wrong in pairs):
            return sentence
    return None


def not_special(
    student: Callable, truth: Callable, pairs: Sequence[tuple], answers: Sequence[Any], expected: Sequence[Any]
) -> str | None:
    """A sentence for the mistakes that any function may have."""
    first, true = answers[0], expected[0]
    for answer, wanted in zip(answers, expected, strict=True):
        if arrays(answer, wanted) is None:
            return misshapen(answer, wanted)
    if all(same(answer, first, exact=True) for answer in answers):
        return "Your function gives the same answer whatever it is given: compute it from the arguments."
    for answer, wanted in zip(answers, expected, strict=True):
        if sentence := misshapen(answer, wanted):
            return sentence
    flat, wanted = (np.concatenate([np.ravel(a) for x in xs for a in arrays(x, true)]) for xs in (answers, expected))
    if not np.isfinite(flat.astype(np.float64)).all():
        return "Your answer has values that are no numbers (nan or inf): is something divided by zero, or the log of it taken?"
    if names := unused(student, truth, pairs, answers):
        listed = " and ".join(f"`{name}`" for name in names)
        return f"Your answer does not depend on {listed}: use what is given, and no value or name of your own."
    if np.allclose(flat, -wanted, rtol=1e-3):
        return "The numbers are right, and the sign is wrong."
    with np.errstate(all="ignore"):
        factor = float(flat @ wanted / (wanted @ wanted))
    if factor and np.allclose(flat, factor * wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max()):
        return f"Right but for a factor: your answer is {factor:.4g} times the true one."
    return turned(answers, expected)


def misshapen(answer: Any, wanted: Any) -> str | None:
    """A sentence if an answer has another structure or shape than the true one."""
    found = arrays(answer, wanted)
    if found is None and not jax.tree_util.treedef_is_leaf(jax.tree.structure(wanted)):
        return (
            f"Your answer is not a tree like the arguments: expected {jax.tree.structure(wanted).num_leaves} arrays in the "
            f"same lists and dicts, found {described(answer)}."
        )
    if found is None:
        return f"Your answer cannot be read as {plain(np.shape(wanted))}: found {described(answer)}."
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(wanted)]
    for one, shape in zip(found, shapes, strict=True):
        if one.shape != shape:
            return f"The shape is wrong: expected {plain(shape)}, found {plain(one.shape)}."
    return None


def plain(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return f"the shape {list(shape)}" if shape else "one number"


def described(answer: Any) -> str:
    """What an answer is, in words."""
    leaves = jax.tree.leaves(answer)
    if isinstance(answer, (list, tuple, dict)):
        return f"a {type(answer).__name__} with {len(leaves)} arrays or numbers"
    return f"{type(answer).__name__}"


def unused(student: Callable, truth: Callable, pairs: Sequence[tuple], answers: Sequence[Any]) -> list[str]:
    """The names of arguments that can be exchanged without a change of the student's answers."""
    names = []
    for i, name in enumerate(inspect.signature(truth).parameters):
        matters, moves = False, False
        for (one, other), answer in zip(pairs, answers[::2], strict=True):
            exchanged = (*one[:i], other[i], *one[i + 1 :])
            matters |= not same(truth(*exchanged), truth(*one))
            try:
                moves |= not same(call(student, exchanged, truth), answer, exact=True)
            except Wrong:
                moves = True
        if matters and not moves:
            names.append(name)
    return names


def turned(answers: Sequence[Any], expected: Sequence[Any]) -> str | None:
    """A sentence if arrays are right but for the order of their entries."""
    ways = {
        "Rows and columns are exchanged.": lambda a: a.T,
        "The order is backwards along the first axis.": lambda a: a[::-1],
        "The order is backwards along the last axis.": lambda a: a[..., ::-1],
        "The right numbers, in the wrong order.": lambda a: np.sort(a, axis=None),
    }
    for sentence, way in ways.items():
        if all(
            np.ndim(e) and same(way(np.asarray(a)), way(np.asarray(e)) if "order." in sentence else e)
            for a, e in zip(answers, expected, strict=True)
            if jax.tree_util.treedef_is_leaf(jax.tree.structure(e))
        ) and not isinstance(expected[0], (list, dict)):
            return sentence
    return None
