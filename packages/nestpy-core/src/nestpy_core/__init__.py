"""Modules, dependency injection, the verified graph, lifecycle, layers, configuration and plugin hooks."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._actor import acting_as as acting_as, current_actor as current_actor
    from ._app import App as App
    from ._app_config import AppConfig as AppConfig
    from ._batch import Batch as Batch
    from ._calls import Call as Call, CallKind as CallKind
    from ._clock import Clock as Clock
    from ._command import load_app as load_app
    from ._commit import (
        CommitQueue as CommitQueue, after_commit as after_commit, detached_context as detached_context,
        running_unit as running_unit,
    )
    from ._compile import Compiler as Compiler
    from ._config import config as config, setting as setting
    from ._container import Container as Container, Context as Context
    from ._context import ExecutionContext as ExecutionContext, Reflector as Reflector
    from ._denials import log_denial as log_denial
    from ._foreign_types import ForeignTypes as ForeignTypes
    from ._graph import Binding as Binding, Graph as Graph, LayerUse as LayerUse, ModuleNode as ModuleNode
    from ._handler import (
        FromContext as FromContext, Handler as Handler, HandlerMarker as HandlerMarker, HostMarker as HostMarker,
        Parameter as Parameter, ParameterOptions as ParameterOptions, blocking as blocking,
        declare_handler as declare_handler, declare_host as declare_host, from_context as from_context,
    )
    from ._handler_code import HandlerCode as HandlerCode, Instrument as Instrument, ScopeCode as ScopeCode
    from ._hooks import (
        Carrier as Carrier, Edge as Edge, EdgeEntry as EdgeEntry, Hooks as Hooks, PooledTransport as PooledTransport,
        Transport as Transport, hookimpl as hookimpl,
    )
    from ._layer import (
        APP_FILTER as APP_FILTER, APP_GUARD as APP_GUARD, APP_INTERCEPTOR as APP_INTERCEPTOR, APP_PIPE as APP_PIPE,
        Denial as Denial, DenialKind as DenialKind, ExceptionFilter as ExceptionFilter, Guard as Guard,
        Interceptor as Interceptor, Pipe as Pipe, apply_decorators as apply_decorators, catch as catch,
        check_layer as check_layer, meta as meta, public as public, use_filters as use_filters,
        use_guards as use_guards, use_interceptors as use_interceptors, use_pipes as use_pipes,
    )
    from ._lifecycle import (
        before_application_shutdown as before_application_shutdown,
        on_application_bootstrap as on_application_bootstrap, on_application_shutdown as on_application_shutdown,
        on_module_destroy as on_module_destroy, on_module_init as on_module_init,
    )
    from ._metadata import (
        attach_metadata as attach_metadata, extend_metadata as extend_metadata, read_metadata as read_metadata,
    )
    from ._module import DynamicModule as DynamicModule, dynamic as dynamic, module as module
    from ._names import name_of as name_of
    from ._parse_pipes import (
        ParseArray as ParseArray, ParseBool as ParseBool, ParseDate as ParseDate, ParseEnum as ParseEnum,
        ParseFloat as ParseFloat, ParseInt as ParseInt, ParseUUID as ParseUUID,
    )
    from ._pipe_code import Pipes as Pipes
    from ._pipes import (
        DefaultValue as DefaultValue, Lowercase as Lowercase, Trim as Trim, Uppercase as Uppercase,
        Validate as Validate, ValidationPipe as ValidationPipe,
    )
    from ._provider import (
        Inject as Inject, Provider as Provider, Scope as Scope, Token as Token, injectable as injectable,
        provide as provide, provide_generic as provide_generic,
    )
    from ._reach import needs_of as needs_of, reachable as reachable
    from ._record import Record as Record
    from ._request_scope import RequestScope as RequestScope
    from ._secret import Secret as Secret
    from ._section import Pin as Pin, Section as Section
    from ._serve import Serving as Serving
    from ._setting_url import check_url as check_url
    from ._settings import Settings as Settings
    from ._source import CompiledFunction as CompiledFunction, Source as Source
    from ._status import AppStatus as AppStatus
    from ._supervisor import Shared as Shared
    from ._surface import handler_of as handler_of
    from ._trace import (
        CURRENT_TRACE as CURRENT_TRACE, Trace as Trace, current_trace as current_trace,
        outgoing_trace as outgoing_trace,
    )
    from ._unknown_settings import UnknownSetting as UnknownSetting
    from ._violations import (
        Failure as Failure, Failures as Failures, ForeignDecoder as ForeignDecoder, failure_of as failure_of,
        failures_of as failures_of, text_failures_of as text_failures_of,
    )
    from .contracts import (
        Ability as Ability, AbilitySource as AbilitySource, Actor as Actor, All as All, AnyOf as AnyOf,
        Compare as Compare, Condition as Condition, DurableOccurrences as DurableOccurrences, Endpoint as Endpoint,
        EndpointAnswer as EndpointAnswer, EndpointRequest as EndpointRequest, Gauge as Gauge,
        GaugeSource as GaugeSource, HealthIndicator as HealthIndicator, MaskableSupport as MaskableSupport,
        Never as Never, Not as Not, OccurrenceStore as OccurrenceStore, Operation as Operation, Outbox as Outbox,
        OutboxMessage as OutboxMessage, Page as Page, Reading as Reading, Relation as Relation,
        SchemaSupport as SchemaSupport, UnitOfWork as UnitOfWork, ViolationsError as ViolationsError,
    )
    from .errors import (
        AccessError as AccessError, BootError as BootError, ConfigurationError as ConfigurationError,
        CycleError as CycleError, DefinitionError as DefinitionError, DeniedError as DeniedError,
        DomainError as DomainError, DuplicateProviderError as DuplicateProviderError, FailureKind as FailureKind,
        HandlerError as HandlerError, MissingProviderError as MissingProviderError, ModuleError as ModuleError,
        NestPyError as NestPyError, NotProvidedError as NotProvidedError, PluginError as PluginError,
        PostureError as PostureError, Problem as Problem, ScopeError as ScopeError, SectionError as SectionError,
        StartError as StartError, StrayCancellationError as StrayCancellationError, StrayExitError as StrayExitError,
        UnresolvedHintError as UnresolvedHintError,
    )

__all__ = [
    "APP_FILTER", "APP_GUARD", "APP_INTERCEPTOR", "APP_PIPE", "Ability", "AbilitySource", "AccessError", "Actor", "All",
    "AnyOf", "App", "AppConfig", "AppStatus", "Batch", "Binding", "BootError", "CURRENT_TRACE", "Call", "CallKind",
    "Carrier", "Clock", "CommitQueue", "Compare", "CompiledFunction", "Compiler", "Condition", "ConfigurationError",
    "Container", "Context", "CycleError", "DefaultValue", "DefinitionError", "Denial", "DenialKind", "DeniedError",
    "DomainError", "DuplicateProviderError", "DurableOccurrences", "DynamicModule", "Edge", "EdgeEntry", "Endpoint",
    "EndpointAnswer", "EndpointRequest", "ExceptionFilter", "ExecutionContext", "Failure", "FailureKind", "Failures",
    "ForeignDecoder", "ForeignTypes", "FromContext", "Gauge", "GaugeSource", "Graph", "Guard", "Handler", "HandlerCode",
    "HandlerError", "HandlerMarker", "HealthIndicator", "Hooks", "HostMarker", "Inject", "Instrument", "Interceptor",
    "LayerUse", "Lowercase", "MaskableSupport", "MissingProviderError", "ModuleError", "ModuleNode", "NestPyError",
    "Never", "Not", "NotProvidedError", "OccurrenceStore", "Operation", "Outbox", "OutboxMessage", "Page", "Parameter",
    "ParameterOptions", "ParseArray", "ParseBool", "ParseDate", "ParseEnum", "ParseFloat", "ParseInt", "ParseUUID",
    "Pin", "Pipe", "Pipes", "PluginError", "PooledTransport", "PostureError", "Problem", "Provider", "Reading",
    "Record", "Reflector", "Relation", "RequestScope", "SchemaSupport", "Scope", "ScopeCode", "ScopeError", "Secret",
    "Section", "SectionError", "Serving", "Settings", "Shared", "Source", "StartError", "StrayCancellationError",
    "StrayExitError", "Token", "Trace", "Transport", "Trim", "UnitOfWork", "UnknownSetting", "UnresolvedHintError",
    "Uppercase", "Validate", "ValidationPipe", "ViolationsError", "acting_as", "after_commit", "apply_decorators",
    "attach_metadata", "before_application_shutdown", "blocking", "catch", "check_layer", "check_url", "config",
    "current_actor", "current_trace", "declare_handler", "declare_host", "detached_context", "dynamic",
    "extend_metadata", "failure_of", "failures_of", "from_context", "handler_of", "hookimpl", "injectable", "load_app",
    "log_denial", "meta", "module", "name_of", "needs_of", "on_application_bootstrap", "on_application_shutdown",
    "on_module_destroy", "on_module_init", "outgoing_trace", "provide", "provide_generic", "public", "reachable",
    "read_metadata", "running_unit", "setting", "text_failures_of", "use_filters", "use_guards", "use_interceptors",
    "use_pipes",
]

_NAMES_OF_MODULES = {
    "_actor": "acting_as current_actor",
    "_app": "App",
    "_app_config": "AppConfig",
    "_batch": "Batch",
    "_calls": "Call CallKind",
    "_clock": "Clock",
    "_command": "load_app",
    "_commit": "CommitQueue after_commit detached_context running_unit",
    "_compile": "Compiler",
    "_config": "config setting",
    "_container": "Container Context",
    "_context": "ExecutionContext Reflector",
    "_denials": "log_denial",
    "_foreign_types": "ForeignTypes",
    "_graph": "Binding Graph LayerUse ModuleNode",
    "_handler": (
        "FromContext Handler HandlerMarker HostMarker Parameter ParameterOptions blocking declare_handler declare_host "
        "from_context"
    ),
    "_handler_code": "HandlerCode Instrument ScopeCode",
    "_hooks": "Carrier Edge EdgeEntry Hooks PooledTransport Transport hookimpl",
    "_layer": (
        "APP_FILTER APP_GUARD APP_INTERCEPTOR APP_PIPE Denial DenialKind ExceptionFilter Guard Interceptor Pipe "
        "apply_decorators catch check_layer meta public use_filters use_guards use_interceptors use_pipes"
    ),
    "_lifecycle": (
        "before_application_shutdown on_application_bootstrap on_application_shutdown on_module_destroy on_module_init"
    ),
    "_metadata": "attach_metadata extend_metadata read_metadata",
    "_module": "DynamicModule dynamic module",
    "_names": "name_of",
    "_parse_pipes": "ParseArray ParseBool ParseDate ParseEnum ParseFloat ParseInt ParseUUID",
    "_pipe_code": "Pipes",
    "_pipes": "DefaultValue Lowercase Trim Uppercase Validate ValidationPipe",
    "_provider": "Inject Provider Scope Token injectable provide provide_generic",
    "_reach": "needs_of reachable",
    "_record": "Record",
    "_request_scope": "RequestScope",
    "_secret": "Secret",
    "_section": "Pin Section",
    "_serve": "Serving",
    "_setting_url": "check_url",
    "_settings": "Settings",
    "_source": "CompiledFunction Source",
    "_status": "AppStatus",
    "_supervisor": "Shared",
    "_surface": "handler_of",
    "_trace": "CURRENT_TRACE Trace current_trace outgoing_trace",
    "_unknown_settings": "UnknownSetting",
    "_violations": "Failure Failures ForeignDecoder failure_of failures_of text_failures_of",
    "contracts": (
        "Ability AbilitySource Actor All AnyOf Compare Condition DurableOccurrences Endpoint EndpointAnswer "
        "EndpointRequest Gauge GaugeSource HealthIndicator MaskableSupport Never Not OccurrenceStore Operation Outbox "
        "OutboxMessage Page Reading Relation SchemaSupport UnitOfWork ViolationsError"
    ),
    "errors": (
        "AccessError BootError ConfigurationError CycleError DefinitionError DeniedError DomainError "
        "DuplicateProviderError FailureKind HandlerError MissingProviderError ModuleError NestPyError NotProvidedError "
        "PluginError PostureError Problem ScopeError SectionError StartError StrayCancellationError StrayExitError "
        "UnresolvedHintError"
    ),
}
_MODULE_OF_NAME = {name: module for module, names in _NAMES_OF_MODULES.items() for name in names.split()}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF_NAME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF_NAME[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return __all__
