"""What is done around every request."""


def numbered(handler, registry):
    """Says how many entries there are."""

    def tween(request):
        response = handler(request)
        response.headers["X-Entries"] = str(len(list(registry.entries)))
        return response

    return tween
