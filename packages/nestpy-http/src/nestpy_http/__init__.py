"""Controllers, routing, validation and problem details over RSGI and ASGI."""
