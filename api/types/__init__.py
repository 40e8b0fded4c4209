"""The data types of the public interface: what methods answer and what updates carry.

All times are Unix milliseconds. Chat ids are strings: `p<low>-<high>` for the private chat of two
users (`p5-5` are the saved messages of user 5), `g<number>` for a group.
"""

from api.types.auth import *
from api.types.base import *
from api.types.chats import *
from api.types.help import *
from api.types.media import *
from api.types.messages import *
from api.types.updates import *
from api.types.users import *
