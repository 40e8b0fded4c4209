"""Checks that everything stored is right: `heliograph admin verify`.

- every row passes its checksum, decodes as what it shall be, and lies in its actor's partition;
- a chat's messages are numbered 1 to n without holes, and each `random_id` is one message;
- a mailbox is numbered without holes, and shows the messages of a chat once and in order;
- every message of a chat is in the mailboxes of its members, or on its way there;
- an actor that moves to a partition of its own is looked at where it lives;
- where the chunks of files are there to look at, no file lacks any;
- streams between partitions have no holes; user names, sessions and users fit together.

It reads snapshots of the hosts' stores, which may be in use at the same time.
"""
