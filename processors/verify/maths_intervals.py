"""Intervals and unions of intervals, in order and joined where they touch."""

from __future__ import annotations

import functools

from processors.verify.maths_expression import Node, letters
from processors.verify.maths_kinds import Group, Intervals, Piece, Scalar, Value
from processors.verify.maths_scalars import right, unsure, wrong
from processors.verify.maths_values import SAME, TooLarge, Undefined, order_of, same_value
from processors.verify.verdict import Verdict


def compare_intervals(said: Value, reference: Value) -> Verdict:
    mine, its = _as_intervals(said), _as_intervals(reference)
    if mine is None or its is None:
        return (
            unsure("other_form", "an interval against a value")
            if not _are_scalars(said, reference)
            else wrong("an interval against one number")
        )
    if any(letters(end) for piece in (*mine, *its) for end in (piece.low, piece.high) if end is not None):
        if len(mine) == len(its) and all(_same_piece(a, b) for a, b in zip(mine, its, strict=True)):
            return right("the same intervals")
        return unsure("not_decided", "intervals whose ends are in letters")
    try:
        one, other = _merged(mine), _merged(its)
    except (Undefined, TooLarge):
        return unsure("not_decided", "the ends of the intervals cannot be put in order")
    if len(one) == len(other) and all(_same_piece(a, b) for a, b in zip(one, other, strict=True)):
        return right("the same intervals")
    return wrong("other intervals")


def _are_scalars(said: Value, reference: Value) -> bool:
    return isinstance(said, Scalar) or isinstance(reference, Scalar)


def _as_intervals(value: Value) -> tuple[Piece, ...] | None:
    if isinstance(value, Intervals):
        return value.pieces
    if isinstance(value, Group) and value.kind in ("tuple", "bracket") and len(value.items) == 2:
        low, high = value.items
        if isinstance(low, Scalar) and isinstance(high, Scalar):
            return (Piece(low.node, high.node, value.kind == "bracket", value.kind == "bracket"),)
    if isinstance(value, Group) and value.kind == "set" and all(isinstance(item, Scalar) for item in value.items):
        return tuple(Piece(item.node, item.node, True, True) for item in value.items if isinstance(item, Scalar))
    return None


def _merged(pieces: tuple[Piece, ...]) -> list[Piece]:
    """In order, and joined where they touch; empty ones go. Raises: Undefined."""
    kept = [piece for piece in pieces if not _is_empty(piece)]
    kept.sort(key=functools.cmp_to_key(_piece_order))
    merged: list[Piece] = []
    for piece in kept:
        last = merged[-1] if merged else None
        if last is not None and _touch(last, piece):
            ends_later = last.high is not None and (piece.high is None or order_of(last.high, piece.high) < 0)
            same_end = last.high is not None and piece.high is not None and order_of(last.high, piece.high) == 0
            low_closed = last.low_closed or (piece.low_closed and _same_end(last.low, piece.low))
            high, closed = (
                (piece.high, piece.high_closed) if ends_later else (last.high, last.high_closed or (same_end and piece.high_closed))
            )
            merged[-1] = Piece(last.low, high, low_closed, closed)
        else:
            merged.append(piece)
    return merged


def _is_empty(piece: Piece) -> bool:
    if piece.low is None or piece.high is None:
        return False
    order = order_of(piece.low, piece.high)
    return order > 0 or (order == 0 and not (piece.low_closed and piece.high_closed))


def _piece_order(one: Piece, other: Piece) -> int:
    if one.low is None or other.low is None:
        return (one.low is not None) - (other.low is not None)
    return order_of(one.low, other.low) or other.low_closed - one.low_closed


def _touch(one: Piece, other: Piece) -> bool:
    if one.high is None or other.low is None:
        return True
    order = order_of(other.low, one.high)
    return order < 0 or (order == 0 and (one.high_closed or other.low_closed))


def _same_end(one: Node | None, other: Node | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_value(one, other) == SAME


def _same_piece(one: Piece, other: Piece) -> bool:
    closed = (one.low_closed, one.high_closed) == (other.low_closed, other.high_closed)
    return closed and _same_end(one.low, other.low) and _same_end(one.high, other.high)
