"""What a node does for a build on Ray: it runs and commits splits, or probes rows of one; what goes wrong with the machine is told as such."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from pipelines.build import holds_token
from pipelines.cluster.pools import FULL_STORES, PoolCaller, here, trouble
from pipelines.logs import gathered
from pipelines.recipe import Recipe
from pipelines.requeue_replay import Replay
from pipelines.run import SplitResult, probe_split, run_split
from schemas.replies import Replies
from schemas.shard import is_no_space
from schemas.store import is_remote

NODE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN)


def _split_task(
    recipe: Recipe,
    splits: list[Any],
    path: Path,
    token: str,
    replies: Replies,
    board: Any,
    callers: dict[str, PoolCaller],
    condemned: frozenset[int],
    replay: Replay | None,
) -> list[SplitResult]:
    """Runs and commits splits, one after another. Raises: what running one raises; NodeTrouble where it is the machine."""
    if board is not None:
        board.holds.remote([split.id for split in splits], here())
    run = replay.run_split if replay else run_split
    results = []
    try:
        if not is_remote(path) and not path.is_dir():
            raise trouble(OSError(errno.ENOTCONN, f"{path} is not there; is the file system mounted?"))
        for split in splits:
            with gathered() as events:
                result = run(recipe, split, path, callers, condemned, lambda: holds_token(path, token), replies)
            results.append(replace(result, events=tuple(events)) if events else result)
    except OSError as error:
        if is_no_space(error) or error.errno in NODE_ERRNOS:
            raise trouble(error) from error
        raise
    except FULL_STORES as error:
        raise trouble(error) from error
    return results


def _probe_task(
    recipe: Recipe,
    split: Any,
    callers: dict[str, PoolCaller],
    span: tuple[int, int],
    condemned: frozenset[int],
    replies: Replies,
    replay: Replay | None,
) -> int:
    probe = replay.probe_split if replay else probe_split
    return probe(recipe, split, callers, span, condemned, replies)


# made once: each `ray.remote` of a function sends it to the cluster again
run_remote = ray.remote(_split_task)
probe_remote = ray.remote(_probe_task)
