def inner():
    import no_such_module


inner()
