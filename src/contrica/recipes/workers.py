"""Where experiments run side by side: processes on this machine, or joblib's Dask or Ray backend for a cluster.

Each experiment is one task of one thread; a cluster runs as many at once as ``jobs`` says.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, cast, get_args

from contrica import _checks
from contrica.errors import DomainError

Backend = Literal["processes", "dask", "ray"]
"""What carries the experiments: processes of joblib's own, or a cluster that joblib hands them to."""


def checked_backend(backend: str, address: str | None) -> Backend:
    """Return the backend.

    Raises
    ------
    DomainError
        For an unknown one, or an address that has no cluster.
    """
    _checks.choice(backend, "backend", get_args(Backend))
    if backend == "processes" and address is not None:
        raise DomainError(f"an address needs backend dask or ray, got processes and {address}; name the backend too")
    return cast(Backend, backend)


@contextmanager
def workers(backend: Backend, address: str | None) -> Iterator[None]:
    """Make joblib run on a backend inside; at the end, what still runs is stopped.

    Parameters
    ----------
    backend : Backend
    address : str or None
        Of the cluster's scheduler; None starts a cluster on this machine.

    Raises
    ------
    DomainError
        If a package is not installed, if nothing answers at the address, or if no cluster starts on this machine.
    """
    try:
        import joblib
    except ImportError as error:
        raise DomainError(
            "more than one process needs joblib, and it is not installed; install contrica[parallel] or pass jobs=1"
        ) from error
    carriers: dict[Backend, Callable[[str | None], AbstractContextManager[dict[str, Any]]]] = {
        "processes": _processes,
        "dask": _dask,
        "ray": _ray,
    }
    with carriers[backend](address) as settings, joblib.parallel_config(**settings):
        yield


@contextmanager
def _processes(address: str | None) -> Iterator[dict[str, Any]]:
    from joblib.externals.loky import get_reusable_executor

    finished = False
    try:
        yield {"backend": "loky", "inner_max_num_threads": 1}
        finished = True
    finally:
        get_reusable_executor().shutdown(wait=finished, kill_workers=not finished)


@contextmanager
def _dask(address: str | None) -> Iterator[dict[str, Any]]:
    try:
        from distributed import Client
    except ImportError as error:
        raise DomainError("backend dask needs distributed, and it is not installed; install contrica[dask]") from error
    try:
        client = Client(address) if address is not None else Client(threads_per_worker=1, dashboard_address=None)
    except (OSError, ValueError, RuntimeError) as error:
        where = "start on this machine" if address is None else f"answer at {address}"
        remedy = "choose another backend" if address is None else "start one there"
        raise DomainError(f"a Dask scheduler must {where}, and none does ({error}); {remedy}") from error
    with client:
        yield {"backend": "dask"}


@contextmanager
def _ray(address: str | None) -> Iterator[dict[str, Any]]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise DomainError("backend ray needs ray, and it is not installed; install contrica[ray]") from error
    try:
        ray.init(address=address, include_dashboard=False if address is None else None, log_to_driver=False)
    except Exception as error:  # Ray raises plain Exception where its start takes too long
        ray.shutdown()
        where = "start on this machine" if address is None else f"answer at {address}"
        remedy = "try again or choose another backend" if address is None else "start one there"
        said = " ".join(str(error).split())
        raise DomainError(f"a Ray cluster must {where}, and none does ({said}); {remedy}") from error
    try:
        register_ray()
        yield {"backend": "ray"}
    finally:
        ray.shutdown()
