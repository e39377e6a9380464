"""Small suites for tests."""

from dataclasses import replace
from pathlib import Path


def draw_suite(folder: Path, survey: str, draws: int, seed: int) -> Path:
    from forecast.config.load import load_config
    from forecast.core.records import Job
    from forecast.suite.plan import SuitePlan
    from forecast.suite.writer import run_suite

    run_suite(load_config(survey), Job(survey, folder, seed), SuitePlan(draws=draws, workers=1))
    return folder


def relabelled(suite: Path, folder: Path) -> Path:
    """A copy of a suite with sigma8 permuted among the catalogues of each shard, and its manifest sealed anew."""
    import shutil

    import numpy as np

    from forecast.suite.manifest import Manifest
    from forecast.suite.shards import Column, ShardFile, decode, encode, shard_path

    shutil.copytree(suite, folder)
    manifest, rng, shards = Manifest.load(folder), np.random.default_rng(1), {}
    columns = [Column(**entry) for entry in manifest.columns["catalogues"]]
    for shard in manifest.shards:
        path = shard_path(folder, "catalogues", shard.number)
        data = decode(path.read_bytes())
        content = encode(columns, {**data, "sigma8": rng.permutation(data["sigma8"])}, {})
        path.write_bytes(content)
        shards[shard.number] = replace(shard, files={**shard.files, "catalogues": ShardFile.of(content)})
    manifest.with_shards(shards).save(folder)
    return folder
