"""What surveys must have in common before their likelihoods may be multiplied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from itertools import product

from ..core.errors import InputError
from ..core.parameters import MASS_FUNCTION, Parameter
from ..cosmology.parameter_grid import SHAPE_NAMES
from ..model.setup import Setup

MASS_SCALE = "mass_scale"


def refuse_unlike(setups: Mapping[str, Setup]) -> None:
    """Raise unless surveys are of one universe: reference cosmology, mass function, sample variance.

    Raises
    ------
    InputError
        Naming what is not the same, and where.
    """
    first, *others = setups
    for other in others:
        _compare(first, setups[first], other, setups[other])


def _compare(first: str, one: Setup, name: str, other: Setup) -> None:
    for field in fields(one.cosmology):
        here, there = (getattr(setup.cosmology, field.name) for setup in (one, other))
        if here != there:
            words = f"{field.name} is {here:g} in {first} but {there:g} in {name}"
            raise InputError(f"cosmology: {words}; give both surveys one [cosmology]")
    if one.mass_function != other.mass_function:
        words = f"{one.mass_function} in {first} but {other.mass_function} in {name}"
        raise InputError(f"mass_function: {words}; set it alike in both")
    if bool(one.parameters.contrasts) != bool(other.parameters.contrasts):
        has, lacks = (first, name) if one.parameters.contrasts else (name, first)
        raise InputError(f"sample_variance: is on in {has} but off in {lacks}; set sample_variance alike in both")
    for shape in (*SHAPE_NAMES, *MASS_FUNCTION):
        here, there = _fixed(one, shape), _fixed(other, shape)
        if shape not in (*one.parameters.names, *other.parameters.names) and here != there:
            raise InputError(f"{shape}: is fixed at {here:g} in {first} but at {there:g} in {name}; fix it alike")


def shared_of_unlike(setups: Mapping[str, Setup], nuisances: Collection[str]) -> tuple[str, ...]:
    """What is doubtful where one parameter of several surveys multiplies relations that are not the same, in sentences.

    A normalisation is a factor on a survey's own relation: one factor on two relations ties the surveys only as far as
    both relations come from one calibration.
    """
    first, *others = setups
    found = []
    for name, other in product(nuisances, others):
        what = name.rpartition("_")[2] if name != MASS_SCALE else name
        here, there = (_relation(setups[survey], what) for survey in (first, other))
        if here != there:
            which = f"[relations.{what}]" if name != MASS_SCALE else "relations.share_mass_scale"
            words = f"{name} is shared, but {which}, its pivot or z0 are not the same in {first} and {other}"
            found.append(
                f"{words}: make sure that one factor stands for the error of both, or leave it out of --shared"
            )
    return tuple(found)


def apart_of_alike(setups: Mapping[str, Setup], nuisances: Collection[str]) -> tuple[str, ...]:
    """What is doubtful where surveys have a nuisance each of one relation and one prior, in a sentence.

    Two published errors of one calibration are one error; as two, they average out.
    """
    first, *others = setups.values()
    alike = [
        p.name
        for p in first.parameters.free
        if p.name not in nuisances and p.prior.kind != "flat" and all(_same(first, other, p) for other in others)
    ]
    if not alike:
        return ()
    one = "one prior and one relation each in all surveys, but count as independent, so that their errors average out"
    return (f"{', '.join(alike)}: {one}; if they are of one calibration, give --shared {','.join(alike)}",)


def _same(first: Setup, other: Setup, parameter: Parameter) -> bool:
    """Whether a nuisance of a relation, or of all masses, is in another survey what it is in the first."""
    name = parameter.name
    what = name.rpartition("_")[2] if name != MASS_SCALE else name
    here, there = (_relation(setup, what) for setup in (first, other))
    return here == there and bool(here) and here[0] is not None and parameter in other.parameters.free


def _relation(setup: Setup, what: str) -> tuple[object, ...]:
    """The relation of an observable with where it is anchored; the observables on the mass scale."""
    relations = setup.relations
    if what == MASS_SCALE:
        return tuple(sorted(relations.on_mass_scale))
    return getattr(relations, what, None), relations.pivot, relations.z0


def _fixed(setup: Setup, shape: str) -> float:
    """Value of a parameter of the cosmology's shape that is not free."""
    value = getattr(setup.parameters.fixed, shape)
    return float(getattr(setup.cosmology, shape) if value is None else value)
