"""Indexes a function app strictly: what the host or its Python worker would refuse, fails here."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import azure.functions as func
import msgspec

from devhost.connections import has_connection
from devhost.converters import accepts, returns_http
from devhost.routes import Route, RouteError, RouteTable, read_route
from devhost.schedule import Schedule, ScheduleError

_FUNCTION_NAME = re.compile(r"[A-Za-z][\w-]{0,127}", re.ASCII)
_QUEUE_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_SETTING = re.compile(r"%([^%]*)%")
_TRIGGERS = ("httpTrigger", "timerTrigger", "queueTrigger")


class IndexingError(Exception):
    """The app cannot be indexed; the message names the function and the reason."""


class Binding(msgspec.Struct, frozen=True, rename="camel"):
    """A binding as the worker hands it to the host (function.json)."""

    type: str
    direction: str
    name: str
    auth_level: str | None = None
    methods: tuple[str, ...] | None = None
    route: str | None = None
    schedule: str | None = None
    run_on_startup: bool = False
    use_monitor: bool = True
    queue_name: str | None = None
    connection: str | None = None


@dataclass(frozen=True)
class HttpTrigger:
    route: Route
    auth_level: str


@dataclass(frozen=True)
class TimerTrigger:
    schedule: Schedule
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True)
class QueueTrigger:
    """`connection` names the setting that holds the connection string."""

    queue: str
    connection: str


@dataclass(frozen=True)
class IndexedFunction:
    """One function, ready to be called with `parameter` (and `context` if asked for)."""

    name: str
    call: Callable[..., object]
    directory: Path
    is_async: bool
    parameter: str
    parameter_type: object
    wants_context: bool
    returns: bool
    trigger: HttpTrigger | TimerTrigger | QueueTrigger


@dataclass(frozen=True)
class Index:
    """The functions to serve; `in_error` maps the others to why, `disabled` are switched off."""

    functions: tuple[IndexedFunction, ...]
    in_error: dict[str, str]
    disabled: tuple[str, ...]

    def named(self, name: str) -> IndexedFunction | None:
        """The function of that name; names are not case-sensitive."""
        wanted = name.lower()
        return next((f for f in self.functions if f.name.lower() == wanted), None)


def load_app(script_root: Path, module_name: str = "function_app") -> func.FunctionRegister:
    """Imports the app as the worker does; raises IndexingError unless it finds exactly one."""
    if str(script_root) not in sys.path:
        sys.path.insert(0, str(script_root))
    module = importlib.import_module(module_name)
    apps = [v for v in vars(module).values() if isinstance(v, func.FunctionRegister)]
    if len(apps) != 1:
        raise IndexingError(f"{module_name}.py defines {len(apps)} function apps, not one.")
    return apps[0]


def index_app(
    app: func.FunctionRegister, environment: Mapping[str, str], route_prefix: str
) -> Index:
    """All functions of `app`.

    A function whose settings are missing or wrong is in error and the others
    are served, as on the host; anything else raises IndexingError.
    """
    try:
        declared: Sequence[func.Function] = app.get_functions()
    except ValueError as error:
        raise IndexingError(str(error)) from error
    functions: list[IndexedFunction] = []
    in_error: dict[str, str] = {}
    disabled: list[str] = []
    seen: set[str] = set()
    for function in declared:
        name = str(function.get_function_name())
        if not _FUNCTION_NAME.fullmatch(name):
            raise IndexingError(f"{name!r} is not a valid function name.")
        if name.lower() in seen:
            raise IndexingError(f"Two functions are named {name}.")
        seen.add(name.lower())
        if _is_disabled(name, environment):
            disabled.append(name)
            continue
        try:
            functions.append(_indexed(function, name, environment, route_prefix))
        except _FunctionInError as error:
            in_error[name] = str(error)
        except RouteError as error:
            raise IndexingError(str(error)) from error
    try:
        RouteTable([f.trigger.route for f in functions if isinstance(f.trigger, HttpTrigger)])
    except RouteError as error:
        raise IndexingError(str(error)) from error
    return Index(tuple(functions), in_error, tuple(disabled))


class _FunctionInError(Exception):
    """A setting that this one function needs is missing or wrong."""


def _is_disabled(name: str, environment: Mapping[str, str]) -> bool:
    # Source: https://learn.microsoft.com/azure/azure-functions/disable-function
    settings = (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs__{name}__Disabled")
    return any(environment.get(s, "").lower() in ("true", "1") for s in settings)


def _indexed(
    function: func.Function, name: str, environment: Mapping[str, str], route_prefix: str
) -> IndexedFunction:
    bindings = [msgspec.json.decode(raw, type=Binding) for raw in function.get_raw_bindings()]
    triggers = [b for b in bindings if b.type.endswith("Trigger")]
    if len(triggers) != 1:
        raise IndexingError(f"{name} has {len(triggers)} triggers; a function has exactly one.")
    binding = triggers[0]
    if binding.type not in _TRIGGERS:
        raise IndexingError(f"{name}: this host does not serve {binding.type}.")
    returns = any(b.type == "http" and b.name == "$return" for b in bindings)
    for other in bindings:
        if other is not binding and not (other.type == "http" and other.name == "$return"):
            raise IndexingError(f"{name}: this host does not serve the binding {other.type}.")
    if binding.type == "httpTrigger" and not returns:
        raise IndexingError(f"{name} has an HTTP trigger and no HTTP output.")
    call = function.get_user_function()
    hints, wants_context = _checked_signature(name, call, binding, returns)
    return IndexedFunction(
        name=name,
        call=call,
        directory=Path(inspect.getfile(inspect.unwrap(call))).parent,
        is_async=inspect.iscoroutinefunction(call),
        parameter=binding.name,
        parameter_type=hints.get(binding.name),
        wants_context=wants_context,
        returns=returns,
        trigger=_trigger(name, binding, environment, route_prefix),
    )


def _trigger(
    name: str, binding: Binding, environment: Mapping[str, str], route_prefix: str
) -> HttpTrigger | TimerTrigger | QueueTrigger:
    if binding.type == "httpTrigger":
        route = read_route(name, binding.route or name, binding.methods or (), route_prefix)
        return HttpTrigger(route, (binding.auth_level or "FUNCTION").upper())
    if binding.type == "timerTrigger":
        try:
            schedule = Schedule(_resolved(binding.schedule or "", environment))
        except ScheduleError as error:
            raise _FunctionInError(str(error)) from error
        return TimerTrigger(schedule, binding.run_on_startup, binding.use_monitor)
    queue = _resolved(binding.queue_name or "", environment).lower()
    if not _QUEUE_NAME.fullmatch(queue):
        raise _FunctionInError(f"{queue!r} is not a valid queue name.")
    connection = binding.connection or "AzureWebJobsStorage"
    if not has_connection(environment, connection):
        raise _FunctionInError(f"The connection {connection} is not configured.")
    return QueueTrigger(queue, connection)


def _resolved(text: str, environment: Mapping[str, str]) -> str:
    """`text` with each %NAME% replaced by that setting."""

    def setting(match: re.Match[str]) -> str:
        value = environment.get(match.group(1))
        if not value:
            raise _FunctionInError(f"{match.group()} does not resolve to a value.")
        return value

    return _SETTING.sub(setting, text)


def _checked_signature(
    name: str, call: Callable[..., object], trigger: Binding, returns: bool
) -> tuple[dict[str, object], bool]:
    """Annotations of `call` and whether it wants the context.

    Raises IndexingError where the worker would.
    """
    try:
        hints = typing.get_type_hints(call)
    except NameError as error:
        raise IndexingError(f"{name}: an annotation cannot be resolved: {error}") from error
    parameters = set(inspect.signature(call).parameters)
    wants_context = "context" in parameters and trigger.name != "context"
    if wants_context:
        parameters.discard("context")
        annotation = hints.get("context")
        if annotation is not None and getattr(annotation, "__name__", "") != "Context":
            raise IndexingError(f"{name}: context must be annotated azure.functions.Context.")
    if parameters != {trigger.name}:
        raise IndexingError(
            f"{name} takes {sorted(parameters)}, but its bindings are [{trigger.name!r}]."
        )
    annotation = hints.get(trigger.name)
    if annotation is not None and not accepts(trigger.type, annotation):
        raise IndexingError(f"{name}: {trigger.name} cannot be {annotation} for {trigger.type}.")
    produced = hints.get("return")
    if returns and produced is not None and not returns_http(produced):
        raise IndexingError(f"{name}: an HTTP function cannot return {produced}.")
    return hints, wants_context
