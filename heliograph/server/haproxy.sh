#!/bin/sh
# What Ray Serve starts as HAProxy; see haproxy.py.
exec "$HELIOGRAPH_PYTHON" -IS "${0%.sh}.py" "$@"
