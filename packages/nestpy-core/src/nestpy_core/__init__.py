"""Modules, dependency injection, the verified graph, lifecycle, layers, configuration and plugin hooks."""
