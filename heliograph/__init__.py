"""Heliograph: the Python client and the command line of a cloud messenger.

Everything public is here; the modules whose names begin with an underscore are not. What methods
answer and what updates carry are the types of the contract, by the same names.

The client is imported when it is first used: the server and its commands live in here as well, and
most of their time to start would be its.
"""

TYPE_CHECKING = False  # to type checkers it is true; `typing` itself takes its time to import
if TYPE_CHECKING:
    from api.types import *  # noqa: F403
    from heliograph._public import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from heliograph import _public

        return _public.EVERYTHING if name == "__all__" else getattr(_public, name)

    def __dir__() -> list[str]:
        return __getattr__("__all__")
