"""Starting and stopping a server on this machine."""
