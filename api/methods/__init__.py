"""The contract: every method with its parameters, its result and who may call it.

The parameter types are the messages that actors handle, the HTTP bodies, the frames' parameters
and the source of the OpenAPI document. A method is declared by decorating its parameters with
`@method(name, to=..., result=...)` in the module of its subject; `METHODS` is the registry by name.
"""

from api.methods.auth import *
from api.methods.chats import *
from api.methods.contacts import *
from api.methods.help import *
from api.methods.media import *
from api.methods.messages import *
from api.methods.registry import METHODS as METHODS
from api.methods.registry import Destination as Destination
from api.methods.registry import Method as Method
from api.methods.registry import Params as Params
from api.methods.registry import decode_params as decode_params
from api.methods.registry import params_in as params_in
from api.methods.session import *
from api.methods.updates import *
from api.methods.users import *
